"""What events and their fields are called in Indonesian: the words of the journals."""

from datetime import date
from typing import Any, get_args

import msgspec

from iku.domain.deciders import DECIDERS
from iku.domain.organisation import LegalBasis
from iku.exchange import cells, formats
from iku.exchange.layouts import LAYOUTS, Statement

_STATEMENTS: list[tuple[str, Statement]] = [
    one for layout in LAYOUTS.values() for one in layout.statements.items()
]
EVENTS: dict[Any, str] = {
    **{
        said.fact.__struct_config__.tag: name.replace("_", " ")
        for name, said in _STATEMENTS
        if not said.about
    },
    # Of these the journals tell several apart.
    "corrected": "dikoreksi",
    "annulled": "dibatalkan",
    "attached": "berkas dilampirkan",
    "defined": "definisi ditetapkan",
    "targeted": "target ditetapkan",
}
FIELDS: dict[str, str] = {
    **{
        field: heading.replace("_", " ")
        for _, said in _STATEMENTS
        for heading, field in said.fields.items()
    },
    # Of these the journals know none, or one word for several.
    "effective_on": "tanggal",
    "level": "tingkat",
    "phase": "tahap",
    "manner": "cara",
    "reason": "alasan",
    "evidence": "bukti",
    "note": "catatan",
    "reference": "rujukan",
    "into": "ke nomor",
    "number": "nomor",
    "corrects": "versi",
    "annuls": "versi",
    "cleared": "dikosongkan",
    "missing": "kekurangan",
    "reporter": "pelapor",
    "parties": "pihak",
    "file_name": "nama berkas",
    "media_type": "jenis berkas",
    "length": "panjang",
    "sha256": "SHA-256",
    "wording": "bunyi",
    "formula": "rumus",
    "sources": "sumber data",
    "owner": "penanggung jawab",
    "objective": "sasaran",
    "options": "opsi",
}


# Fields that hold a day, whatever the event.
DAYS = {
    field.name
    for decider in DECIDERS.values()
    for event in (get_args(decider.event_type) or (decider.event_type,))
    for field in msgspec.structs.fields(event)
    if date in (field.type, *get_args(field.type))
}


def value(field: str, of: Any) -> str:
    """What *field* holds, as it is shown in Indonesian; a dash for None.

    Names of fields are given in words. *of* is as JSON has it: a day is a text,
    written YYYY-MM-DD.
    """
    match of:
        case None | bool():
            return {None: formats.NOTHING, True: "ya", False: "tidak"}[of]
        case int():
            return str(of) if field == "year" else formats.number(of)
        case dict() | str() if field == "options":
            return _options(msgspec.json.decode(of) if isinstance(of, str) else of)
        case str():
            return _text(field, of)
        case list():
            return ", ".join(FIELDS.get(str(one), str(one)) for one in of)
        case _:
            return str(of)


def _options(of: dict[str, Any]) -> str:
    """Options as they are typed in: ``participation_threshold=2; kinds=lsm,ormas``."""
    told = {k: ",".join(v) if isinstance(v, list) else v for k, v in of.items()}
    return "; ".join(f"{name}={one}" for name, one in told.items())


def _text(field: str, of: str) -> str:
    if field in DAYS:
        return formats.day(date.fromisoformat(of))
    if field == "legal_basis" and of in cells.WORDS:
        return cells.WORDS[LegalBasis(of)].replace("_", " ")
    return of
