"""The number of a figure: it encodes all coordinates, and detects typing errors."""

import itertools
from datetime import date

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from iku.domain import coordinates, period
from iku.domain.coordinates import Coordinates, MalformedNumber, check_characters, parse
from iku.domain.period import Kind

words = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=4)
anywhere = st.builds(
    lambda code, definition, kind, as_of, known_on, size: Coordinates(
        indicator=code,
        definition=definition,
        period=period.containing(as_of, kind),
        as_of=as_of,
        known_on=known_on,
        size=size,
    ),
    st.lists(words, min_size=1, max_size=3).map("-".join),
    st.integers(1, 2**31 - 1) | st.integers(1, 99),
    st.sampled_from(Kind),
    st.dates(),
    st.dates(),
    st.integers(0, coordinates.LARGEST) | st.integers(0, 10**4),
)


def at(
    code: str, definition: int, kind: Kind, days: tuple[date, date], size: int
) -> Coordinates:
    within = period.containing(days[0], kind)
    return Coordinates(code, definition, within, *days, size=size)


# As in the documents.
YEAR = at("IKU-1", 1, Kind.YEAR, (date(2021, 12, 31), date(2022, 1, 15)), 145)
REALISTIC = (
    YEAR,
    at("IKU-2", 12, Kind.QUARTER, (date(2021, 9, 30), date(2021, 10, 7)), 98_765),
    at("IKU-3", 2, Kind.MONTH, (date(2024, 2, 29), date(2030, 11, 12)), 1_234_567),
    at("IKU-10", 1, Kind.HALF, (date(2021, 6, 30), date(2021, 6, 30)), 0),
    at("IKU-SARA-B12", 3, Kind.QUADRIMESTER, (date(2020, 2, 2), date(2022, 2, 2)), 7),
)
TYPED = [*map(chr, range(0x20, 0x7F)), *"\t\n\u00a0½²٣ıſKßÅĐ–．－Ａ１"]


def told(typed: str) -> Coordinates | None:
    """The coordinates in a number; None if it is refused."""
    try:
        return parse(typed)
    except MalformedNumber:
        return None


def test_the_number_of_a_figure_holds_all_its_coordinates() -> None:
    assert YEAR.number == "IKU-1.1.T.20211231.20220115.145.5C" == coordinates.EXAMPLE
    letters = [
        at("X", 1, kind, (date(2021, 5, 5), date(2021, 5, 5)), 1).number[4]
        for kind in Kind
    ]
    assert "".join(letters) == "TSCWB"


@for_all(anywhere)
def test_what_is_printed_reads_back_and_is_short(asked: Coordinates) -> None:
    assert parse(asked.number) == asked
    assert len(asked.number) <= 64


@for_all(anywhere, anywhere)
def test_two_figures_have_one_number_only_if_they_are_one(
    a: Coordinates, b: Coordinates
) -> None:
    assert (a.number == b.number) == (a == b)


def test_blanks_and_lower_case_do_not_matter() -> None:
    for typed in (
        YEAR.number.lower(),
        f"  {YEAR.number}\n",
        " ".join(YEAR.number),
        YEAR.number.replace(".", " . "),
        YEAR.number.replace(".", "\u00a0."),
    ):
        assert parse(typed) == YEAR


@pytest.mark.parametrize("asked", REALISTIC)
def test_no_mistyped_character_of_a_number_passes(asked: Coordinates) -> None:
    number = asked.number
    for place, right in enumerate(number):
        for typed in TYPED:
            wrong = number[:place] + typed + number[place + 1 :]
            same = typed.upper() == right and typed.isascii()
            assert told(wrong) == (asked if same else None), wrong


@pytest.mark.parametrize("asked", REALISTIC)
def test_no_two_characters_of_a_number_swap_unnoticed(asked: Coordinates) -> None:
    for one, other in itertools.combinations(range(len(asked.number)), 2):
        swapped = [*asked.number]
        swapped[one], swapped[other] = swapped[other], swapped[one]
        same = swapped == [*asked.number]
        assert told("".join(swapped)) == (asked if same else None), swapped


@for_all(anywhere, st.data())
def test_the_check_alone_tells_any_one_wrong_and_any_two_swapped_characters(
    asked: Coordinates, data: st.DataObject
) -> None:
    """The check detects these errors in numbers of every shape."""
    number = asked.number
    line, last = number[:-3], number[-2:]
    one, other = data.draw(
        st.lists(st.integers(0, len(line) - 1), min_size=2, max_size=2)
    )
    symbol = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-"))
    changed, swapped = [*line], [*line]
    changed[one] = symbol
    swapped[one], swapped[other] = swapped[other], swapped[one]
    for typed in (changed, swapped):
        fits = check_characters("".join(typed)) == last
        assert fits == (typed == [*line])


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("", "has seven parts .* six points, .*; this number has 0 points"),
        ("IKU-1", "this number has 0"),
        ("IKU-1.1.T.20211231.20220115.145", "this number has 5"),
        (
            "X.IKU-1.1.T.20211231.20220115.145.5C",
            "first part of a figure number must be the code of an indicator, not 'X",
        ),
        ("IKU_1.1.T.20211231.20220115.145.5C", "not '_'"),
        ("IKU–1.1.T.20211231.20220115.145.5C", "not '–'"),
        ("ıKU-1.1.T.20211231.20220115.145.5C", "not 'ı'"),
        (
            ".1.T.20211231.20220115.145.5C",
            "must be the code of an indicator, not ''",
        ),
        (
            "IKU-.1.T.20211231.20220115.145.5C",
            "must be the code of an indicator, not 'IKU-'",
        ),
        (
            "A" * 17 + ".1.T.20211231.20220115.145.5C",
            "must be the code of an indicator, not 'A{17}'",
        ),
        (
            "IKU-1.0.T.20211231.20220115.145.5C",
            "second part of a figure number must be a version of a definition, not '0'",
        ),
        (
            "IKU-1.01.T.20211231.20220115.145.5C",
            "must be a version of a definition, not '01'",
        ),
        (
            "IKU-1..T.20211231.20220115.145.5C",
            "must be a version of a definition, not ''",
        ),
        (
            "IKU-1.1.X.20211231.20220115.145.5C",
            "third part .* one of T .year., S .half.*, not 'X'",
        ),
        (
            "IKU-1.1.T.20211301.20220115.145.5C",
            "fourth part .* must be the as-of day in the form YYYYMMDD, not '20211301'",
        ),
        (
            "IKU-1.1.T.2021123.20220115.145.5C",
            "must be the as-of day in the form YYYYMMDD, not '2021123'",
        ),
        (
            "IKU-1.1.T.20211231.00000000.145.26",
            "fifth part .* must be the knowledge cut-off .*, not '0{8}'",
        ),
        (
            "IKU-1.1.T.20211231.20220115.1E5.5C",
            "sixth part of a figure number must be a log size, not '1E5'",
        ),
        (
            f"IKU-1.1.T.20211231.20220115.{2**53}.5C",
            "must be a log size, not '9007199254740992'",
        ),
        (
            f"IKU-1.1.T.20211231.20220115.{'9' * 60}.5C",
            "must be a log size, not '9{60}'",
        ),
        (
            "IKU-1.1.T.20211231.20220115.145.5D",
            "last part of the figure number, '5D', does not match the other",
        ),
        (
            "IKU-1.1.T.20211231.20220115.145.",
            "last part of the figure number, '', does not match",
        ),
        (
            "IKU-1.1.T.20211231.20220115.145.05C",
            "last part of the figure number, '05C', does",
        ),
        (
            "IKU-1.1.T.20211231.20220115.146.5C",
            "last part of the figure number, '5C', does not",
        ),
    ],
)
def test_what_is_wrong_with_a_number_is_said_of_the_part_that_is(
    number: str, sentence: str
) -> None:
    with pytest.raises(MalformedNumber, match=sentence):
        parse(number)
