"""The access policy: table of rights, divisions, two-person rule, demonstration mode.

One stream holds it. The version of the table of rights and the parts of the register
that each division owns are recorded, so that every event can be judged from the log
alone by the rights in force at its position.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, assert_never

from msgspec import Meta, Struct, structs

from iku.domain.account import DivisionCode
from iku.domain.cached_property import cached_property
from iku.domain.decider import Decider, DecisionContext, Invalid, Refused
from iku.domain.fact import Fact, Reason
from iku.messages import message

SUBJECT = "rights"  # the one stream of this category


class TwoPersonRule(StrEnum):
    """The two-person rule: whether the steps of one matter need different persons."""

    REQUIRED = "required"
    RECORDED = "recorded"


class DivisionOwnership(Struct, frozen=True, forbid_unknown_fields=True):
    """A division, and the part of the register that it owns.

    Attributes:
        code: Code of the division.
        categories: Categories of cases.
        kinds: Kinds of organisations.
    """

    code: DivisionCode
    categories: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


# Events. The tags and fields are the storage format: add fields, never change them.


class DemonstrationDeclared(Fact, frozen=True, tag="demonstrated"):
    """The register was declared a demonstration; it never holds real cases."""

    effective_on: date


class RightsTableChanged(Fact, frozen=True, tag="rights_set"):
    """This version of the table of rights applies to all later events."""

    effective_on: date
    table: Annotated[int, Meta(ge=1)]
    divisions: tuple[DivisionOwnership, ...]


class TwoPersonRuleChanged(Fact, frozen=True, tag="two_persons_set"):
    """The two-person rule was switched on or off, for all later steps."""

    effective_on: date
    value: TwoPersonRule
    reason: Reason


Event = DemonstrationDeclared | RightsTableChanged | TwoPersonRuleChanged


class AccessPolicy(Struct, frozen=True, dict=True):
    """The policy after all events of the stream.

    Attributes:
        table: Version of the table of rights; 0 before the first.
    """

    demonstration: bool = False
    table: int = 0
    divisions: tuple[DivisionOwnership, ...] = ()
    two_persons: TwoPersonRule = TwoPersonRule.REQUIRED

    @cached_property
    def division_codes(self) -> frozenset[str]:
        """Codes of the divisions."""
        return frozenset(one.code for one in self.divisions)


NO_POLICY = AccessPolicy()


def evolve(policy: AccessPolicy | None, event: Event) -> AccessPolicy:
    """The policy after *event*."""
    before = policy or NO_POLICY
    match event:
        case DemonstrationDeclared():
            return structs.replace(before, demonstration=True)
        case RightsTableChanged():
            return structs.replace(before, table=event.table, divisions=event.divisions)
        case TwoPersonRuleChanged():
            return structs.replace(before, two_persons=event.value)
    assert_never(event)


def decide(
    command: Event, policy: AccessPolicy | None, context: DecisionContext
) -> list[Event]:
    """The events that *command* adds; empty if they would change nothing.

    Raises:
        Refused: The day is not today, or an older table would come into force.
    """
    before = policy or NO_POLICY
    if command.effective_on != context.today:
        raise Invalid(
            "effective_on",
            message(
                "effective_on is {day}, but rights apply from the day on which they "
                "are recorded, {today}",
                day=command.effective_on,
                today=context.today,
            ),
        )
    if isinstance(command, RightsTableChanged) and command.table < before.table:
        raise Refused(
            message(
                "version {before} of the table of rights is in force, so version "
                "{table} cannot come into force",
                before=before.table,
                table=command.table,
            )
        )
    return [] if evolve(policy, command) == policy else [command]


decider: Decider[AccessPolicy, Event] = Decider(
    "access", Event, decide, evolve, moves_figures=False
)
