"""Values of events' fields in the language of the terminal."""

from iku.cli.terminal_language import language
from iku.exchange.field_format import FieldFormat

_format = FieldFormat(language)
label, value, movement = _format.label, _format.value, _format.movement
status, legal_basis = _format.status, _format.legal_basis
