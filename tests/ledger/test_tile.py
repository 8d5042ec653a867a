"""The paths of tiles follow C2SP tlog-tiles, and each tile has one path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iku.ledger import tile
from iku.ledger.tile import InvalidTilePath, Tile


@pytest.mark.parametrize(
    ("number", "width", "place"),
    [
        (0, 256, "000"),
        (7, 1, "007.p/1"),
        (999, 255, "999.p/255"),
        (1000, 256, "x001/000"),
        (1234067, 256, "x001/x234/067"),
        (1234067, 8, "x001/x234/067.p/8"),
    ],
)
def test_a_place_is_that_of_the_specification(
    number: int, width: int, place: str
) -> None:
    assert tile.encode_index(number, width) == place
    assert tile.parse_index(place) == (number, width)


@given(st.integers(0, 10**15), st.integers(1, 256))
def test_a_place_is_read_as_it_was_written(number: int, width: int) -> None:
    assert tile.parse_index(tile.encode_index(number, width)) == (number, width)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "00", "0000", "x000/000", "x001", "x001/", "/000", "000/", "1/000"),
        *("000.p", "000.p/", "000.p/0", "000.p/01", "000.p/256", "000.p/257"),
        *("000.p/1/", "x01/000", "000.p/-1", "٠٠٠", "000\n", "x001/x002/000.p/999"),
    ],
)
def test_no_other_spelling_is_a_place(text: str) -> None:
    with pytest.raises(InvalidTilePath):
        tile.parse_index(text)


def test_the_tiles_of_seventy_thousand_records_are_those_of_the_specification() -> None:
    found = list(tile.tiles(70_000))
    of = [[one for one in found if one.level == level] for level in range(4)]
    assert [len(tiles) for tiles in of] == [274, 2, 1, 0]
    assert [tiles[-1].width for tiles in of[:3]] == [112, 17, 1]
    assert {one.width for one in [*of[0][:-1], *of[1][:-1]]} == {256}
    assert list(tile.tiles(0)) == []
    assert list(tile.tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]


def test_a_tile_says_what_it_needs_and_where_it_lies() -> None:
    assert Tile(0, 3, 7).required_size == 775
    assert Tile(1, 1, 17).required_size == (256 + 17) * 256
    assert Tile(1, 1067, 3).path() == "tile/1/x001/067.p/3"
    assert Tile(0, 2).entries_path() == "tile/entries/002"


def test_a_bundle_gives_each_record_after_its_length() -> None:
    records = [b"", b"a", b"b" * 258]
    assert tile.entry_bundle(records) == b"\0\0" + b"\0\1a" + b"\1\2" + b"b" * 258
