"""The numbers that the rows of a file give, in memory and in the spill file."""

import pytest

from iku.exchange.name_index import NameIndex
from iku.exchange.spill_file import SpillFile
from iku.projections.number_index import NumberKey, NumberUse


def has(number: str, subject: str, *, held: bool = True) -> dict[NumberKey, NumberUse]:
    return {NumberKey("conflict", number.lower(), subject): NumberUse(held)}


@pytest.mark.parametrize("room", [0, 1, 9])
def test_a_name_is_the_same_in_memory_and_in_the_spill_file(room: int) -> None:
    names = NameIndex(SpillFile())
    for planned in (
        has("K1", "K1"),
        has("K2", "K2"),
        has("K1", "K1", held=False),  # renumbered
        has("K3", "K1"),
        has("K1", "K1.2") | has("K1.2", "K1.2", held=False),
    ):
        names.plan(planned)
        names.spill(room)
    for _ in range(2):
        assert names.holder("conflict", "K1") == "K1.2"
        assert [*names.all_subjects("conflict", "K1")] == ["K1", "K1.2"]
        assert names.holder("conflict", "K2") == "K2"
        assert names.holder("conflict", "K3") == "K1"
        assert names.holder("organisation", "K3") is None
        assert names.free_identifier("conflict", "K1") == "K1.3"
        names.forget()
