"""Each value, field and event has a label in both languages, in one place."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import pytest
from msgspec import Struct

from iku import labels
from iku.access import oidc_sign_in, passkey_sign_in, sessions
from iku.domain import conflict, indicator, organisation, paper_data
from iku.domain.cause import Cause
from iku.domain.decider_registry import DECIDERS
from iku.domain.difference import DifferenceStep
from iku.domain.figure import Figure
from iku.domain.publication import PublicationState
from iku.exchange.journal_layouts import LAYOUTS
from iku.language import Language, translate
from iku.ledger.checkpoint_store import Coverage
from iku.messages import Message

TABLES = {
    "category": (labels.CATEGORIES, conflict.Category),
    "dimension": (labels.DIMENSIONS, conflict.Dimension),
    "level": (labels.LEVELS, conflict.Level),
    "source": (labels.SOURCES, conflict.Source),
    "phase": (labels.PHASES, conflict.Phase),
    "manner": (labels.MANNERS, conflict.Manner),
    "kind": (labels.KINDS, organisation.OrganisationKind),
    "legal_basis": (labels.LEGAL_BASES, organisation.LegalBasis),
    "activity": (labels.ACTIVITIES, organisation.Activity),
    "state": (labels.PUBLICATION_STATES, PublicationState),
    "coverage": (labels.COVERAGES, Coverage),
    "step": (labels.STEPS, DifferenceStep),
    "cause": (labels.CAUSES, Cause),
    "statement": (labels.STATEMENTS, paper_data.StatementKind),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_value_has_a_label(name: str) -> None:
    table, values = TABLES[name]
    assert table.keys() == set(values)
    complete(table)


def complete(table: Mapping[Any, Message]) -> None:
    for label in table.values():
        for language in Language:
            assert translate(label, language)
            assert "_" not in translate(label, language)


def test_every_status_that_a_list_knows_has_a_label() -> None:
    of_cases = {"open", "returned", "resolved", "rejected", "merged", "annulled"}
    assert of_cases | set(organisation.Status) == labels.STATUSES.keys()
    complete(labels.STATUSES)


def test_every_factor_of_a_sign_in_has_a_label() -> None:
    factors = {passkey_sign_in.FACTOR, oidc_sign_in.FACTOR, sessions.DEMONSTRATION}
    assert labels.FACTORS.keys() == factors | {"password", "totp", "invitation"}
    complete(labels.FACTORS)
    both = [
        [translate(one, language) for one in labels.sign_in_method("oidc+totp")]
        for language in (Language.INDONESIAN, Language.ENGLISH)
    ]
    assert both == [
        ["penyedia identitas", "kode autentikator"],
        ["identity provider", "authenticator code"],
    ]


def tags(events: Iterable[type[Struct]]) -> set[str]:
    return {str(event.__struct_config__.tag) for event in events}


def test_every_event_type_has_a_label() -> None:
    events = {
        event
        for decider in DECIDERS.values()
        for event in get_args(decider.event_type) or (decider.event_type,)
    }
    assert tags(events) == labels.EVENTS.keys()
    complete(labels.EVENTS)


@pytest.mark.parametrize(
    "event",
    [
        *get_args(conflict.Event),
        *get_args(organisation.Event),
        *get_args(indicator.Event),
        *get_args(paper_data.Event),
    ],
)
def test_every_field_that_a_history_shows_has_a_label(event: type[Struct]) -> None:
    assert set(event.__struct_fields__) <= labels.FIELDS.keys()
    complete(labels.FIELDS)


def test_events_have_the_names_of_the_journals() -> None:
    for layout in LAYOUTS.values():
        for name, statement in layout.statements.items():
            if name and not statement.about:
                label = labels.EVENTS[str(statement.fact.__struct_config__.tag)]
                assert translate(label, Language.INDONESIAN) == name.replace("_", " ")


def test_what_stands_above_the_numbers_of_a_figure_is_named_as_in_the_answer() -> None:
    assert set(labels.FIGURE) <= set(Figure.__struct_fields__)
    complete(labels.FIGURE)


def test_a_value_without_a_label_has_none() -> None:
    assert labels.value_label("level", "potensi") == "potential conflict"
    assert labels.value_label("level", "lsm") is None
    assert labels.value_label("title", "potensi") is None
    assert labels.value_label("verified", True) is None
