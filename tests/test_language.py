"""Messages, numbers and days by language, compared with those of babel."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from babel.dates import format_date
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from iku import language
from iku.language import Language, translate
from iku.language import negotiate as language_of
from iku.messages import Term, message, plural

ID, EN = Language.INDONESIAN, Language.ENGLISH
SINCE = "the case has been open since {opened}, so it cannot be reopened on {day}"


def since() -> str:
    return message(SINCE, opened=date(2021, 1, 10), day=date(2021, 2, 15))


def test_a_message_is_translated_with_its_parameters() -> None:
    assert translate(since(), ID) == (
        "kasus ini masih terbuka sejak 10 Januari 2021, "
        "sehingga tidak dapat dibuka kembali pada 15 Februari 2021"
    )
    assert translate(since(), EN) == (
        "the case has been open since 2021-01-10, "
        "so it cannot be reopened on 2021-02-15"
    )


def test_messages_and_terms_within_a_message_are_translated_too() -> None:
    event = Term("event", "moved_out")
    dated = message("{event} on {day}", event=event, day=date(2021, 10, 1))
    said = message(
        "{event} is already recorded, at version {version}",
        event=dated,
        version=1200,
    )

    assert translate(said, ID) == (
        "peristiwa “pindah pada 1 Oktober 2021” sudah tercatat pada versi 1200"
    )
    assert translate(said, EN) == (
        "moved out on 2021-10-01 is already recorded, at version 1200"
    )


def test_what_is_no_message_stays_as_it_is() -> None:
    assert translate("disk full", ID) == translate("disk full", EN) == "disk full"


@pytest.mark.parametrize(
    ("value", "specification", "shown"),
    [
        (Decimal("77.78"), "", "77,78"),
        (Decimal("1234.5"), ",.2f", "1.234,50"),
        (0.5, "", "0,5"),
        (1200, ",", "1.200"),
        (1200, "", "1200"),
        (["a", Decimal("0.5")], "", "a, 0,5"),
        (datetime(2021, 2, 3, 4, 5, tzinfo=UTC), "", "2021-02-03 04:05:00+00:00"),
        (None, "", "None"),
    ],
)
def test_parameters_are_written_as_indonesian_does(
    value: object, specification: str, shown: str
) -> None:
    assert language._format_indonesian(value, specification) == shown


def test_a_quantity_is_grouped_where_the_sentence_asks_for_it() -> None:
    said = plural("{count:,} sheep", "{count:,} sheep", count=1200)

    assert translate(said, EN) == "1,200 sheep"
    assert translate(said, ID) == "1.200 sheep"  # no translation: the id itself


@given(st.dates())
def test_days_are_written_as_babel_writes_them(day: date) -> None:
    assert language.day(day, ID) == format_date(day, "d MMMM y", locale="id")
    assert language.day(day, EN) == day.isoformat()


@given(
    st.decimals(
        allow_nan=False,
        allow_infinity=False,
        places=2,
        min_value=-(10**12),
        max_value=10**12,
    )
)
def test_numbers_are_written_as_babel_writes_them(value: Decimal) -> None:
    for known, locale in ((ID, "id"), (EN, "en")):
        babels = format_decimal(value, "#,##0.00", locale=locale)
        assert language.number(value, known, places=2) == babels


@given(st.integers(-(10**15), 10**15))
def test_whole_numbers_are_grouped_as_babel_groups_them(value: int) -> None:
    for known, locale in ((ID, "id"), (EN, "en")):
        assert language.number(value, known) == format_decimal(value, locale=locale)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", EN),
        ("*", EN),
        ("fr, de;q=0.5", EN),
        ("id", ID),
        ("id-ID", ID),
        ("in", ID),
        ("ID", ID),
        ("en", EN),
        ("id, en", ID),
        ("en, id", EN),
        ("en;q=0.5, id", ID),
        ("en;q=0.5, id;q=0.50", EN),
        ("fr, id;q=0.001, en;q=0", ID),
        ("en;q=0", EN),
        ("en;q=0, *", ID),
        ("en;q=0.2, *;q=0.8", ID),
        ("id ; q=0.4 , en ; q=0.3", ID),
        ("id;q=0, en;q=0", EN),
        (", ,;,", EN),
        ("id;q=nonsense", ID),
        ("en;q=0.1, en-US;q=0.9, id;q=0.5", EN),
    ],
)
def test_the_preferred_language_is_answered_with(
    accepted: str, language: Language
) -> None:
    assert language_of(accepted, EN) is language


def test_the_usual_language_is_the_callers() -> None:
    assert language_of("", ID) is language_of("*", ID) is language_of("fr", ID) is ID
    assert language_of("en", ID) is EN
