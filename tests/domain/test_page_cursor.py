"""The cursor of a page, and the question that continues from it."""

from base64 import urlsafe_b64encode

import pytest
from msgspec import structs

from iku.domain import page_cursor
from iku.domain.page_cursor import PageCursor
from iku.domain.question import InvalidQuestion, Question
from tests.domain.story import on

TODAY = on("2022-06-30")
HERE = PageCursor(145, on("2021-12-31"), "t", "K~14~2021")


def word(told: str) -> str:
    return urlsafe_b64encode(told.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "told",
    [
        HERE,
        PageCursor(0, on("0002-01-01"), "k", "1"),
        PageCursor(2**53 - 1, on("2021-12-31"), "d", "A" + "._~-" * 15 + "zz9"),
        structs.replace(HERE, known_on=on("2022-01-14")),
        PageCursor(2**53 - 1, on("2021-12-31"), "d", "A" * 64, on("9999-12-31")),
    ],
)
def test_a_place_comes_back_from_its_cursor(told: PageCursor) -> None:
    assert page_cursor.parse(told.cursor, "kdt") == told
    assert len(told.cursor) <= 138
    assert told.cursor.isascii()
    assert told.cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("cursor", [None, ""])
def test_the_first_page_has_no_cursor(cursor: str | None) -> None:
    assert page_cursor.parse(cursor, "kdt") is None


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "é", "====", "a b", HERE.cursor + "AAAA"),
        word("145.20211231.s.K01"),  # a part of another answer
        word("145.20211331.t.K01"),
        word("145.00000101.t.K01"),
        word("145.2021123120221331.t.K01"),
        word("145.20211231.kd.K01"),
        word("145.20211231.kdt.K01"),
        word("145.202112312022.t.K01"),
        word("-1.20211231.t.K01"),
        word("12345678901234567.20211231.t.K01"),
        word("145.20211231.t."),
        word("145.20211231.t.K/01"),
        word("145.20211231.t.~K01"),
        word("145.20211231.t." + "K" * 65),
        word("١٤٥.20211231.t.K01"),
        word("145.20211231.t.K01\n"),
    ],
)
def test_what_no_page_gave_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidQuestion, match="must be the value of next") as caught:
        page_cursor.parse(cursor, "kdt")
    assert caught.value.path == "cursor"


def test_a_page_goes_on_at_the_size_and_on_the_day_of_the_first() -> None:
    left_open = Question("IKU-1", TODAY, known_on=TODAY)
    assert page_cursor.resume(left_open, None, TODAY) == left_open
    pinned = structs.replace(left_open, size=145, as_of=HERE.as_of)
    assert page_cursor.resume(left_open, HERE, TODAY) == pinned
    assert page_cursor.resume(pinned, HERE, TODAY) == pinned


def test_a_page_goes_on_by_the_knowledge_of_the_first() -> None:
    left_open = Question("IKU-1", TODAY)
    known = structs.replace(HERE, known_on=on("2022-01-14"))
    pinned = page_cursor.resume(left_open, known, TODAY)
    assert pinned.known_on == on("2022-01-14")
    assert page_cursor.resume(pinned, known, TODAY) == pinned
    other = structs.replace(left_open, known_on=on("2022-01-13"))
    with pytest.raises(InvalidQuestion, match="2022-01-14, but known_on is 2022-01-13"):
        page_cursor.resume(other, known, TODAY)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"size": 144}, "size 145, but size is 144"),
        ({"size": 0}, "size 145, but size is 0"),
        ({"as_of": on("2022-06-29")}, "2021-12-31, but as_of is 2022-06-29"),
    ],
)
def test_a_cursor_goes_on_with_its_own_question_only(
    fields: dict[str, object], sentence: str
) -> None:
    asked = structs.replace(Question("IKU-1", TODAY), **fields)
    with pytest.raises(InvalidQuestion, match=sentence) as caught:
        page_cursor.resume(asked, HERE, TODAY)
    assert caught.value.path == "cursor"
