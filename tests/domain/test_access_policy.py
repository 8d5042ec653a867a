"""The policy of access: table, divisions, two persons, demonstration."""

from iku.domain.access_policy import (
    DemonstrationDeclared,
    DivisionOwnership,
    RightsTableChanged,
    TwoPersonRule,
    TwoPersonRuleChanged,
    decider,
)
from tests.domain.story import HERE, assert_nothing_to_add, given, on, refused

TODAY = HERE.today
DIVISIONS = (DivisionOwnership("wasnas", categories=("ipoleksosbud", "lainnya")),)
SET = RightsTableChanged(effective_on=TODAY, table=1, divisions=DIVISIONS)
RECORDED = TwoPersonRuleChanged(
    effective_on=TODAY, value=TwoPersonRule.RECORDED, reason="Hanya dua pegawai"
)


def test_the_policy_is_the_last_of_each_kind() -> None:
    policy = given(decider, SET, RECORDED)
    assert (policy.table, policy.divisions) == (1, DIVISIONS)
    assert policy.two_persons is TwoPersonRule.RECORDED
    assert not policy.demonstration
    assert given(decider, SET).two_persons is TwoPersonRule.REQUIRED


def test_a_demonstration_remains_one() -> None:
    policy = given(decider, DemonstrationDeclared(effective_on=TODAY), SET)
    assert policy.demonstration


def test_what_is_so_already_is_not_recorded_again() -> None:
    assert_nothing_to_add(decider, given(decider, SET), SET)
    required = TwoPersonRuleChanged(
        effective_on=TODAY, value=TwoPersonRule.REQUIRED, reason="x"
    )
    assert_nothing_to_add(decider, given(decider, SET), required)


def test_an_older_table_does_not_come_back() -> None:
    newer = RightsTableChanged(effective_on=TODAY, table=2, divisions=DIVISIONS)
    refused(decider, given(decider, newer), SET, "version 2", "version 1")


def test_a_policy_holds_from_the_day_on_which_it_is_recorded() -> None:
    later = DemonstrationDeclared(effective_on=on("2022-07-01"))
    refused(decider, None, later, "2022-07-01", "2022-06-30")


def test_the_divisions_are_named_by_their_codes() -> None:
    assert given(decider, SET).division_codes == {"wasnas"}
