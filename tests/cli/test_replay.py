"""Replay, numbers, verification and series, on the command line."""

import json
import re
from datetime import date
from typing import Any

import pytest

from iku.app import open_app
from iku.commands.command import Command
from iku.domain.conflict import Level
from iku.domain.coordinates import check_characters
from iku.domain.indicator import Redefinition
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.conftest import SETTINGS
from tests.domain.register import FIGURES

pytestmark = pytest.mark.usefixtures("reading")

SERIES = ("series", "IKU-1", "--from")
PRINTED = "IKU-1.1.T.20211231.20220115.145.5C"


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_a_replay_ends_with_the_figure_in_both_orders(iku: Any) -> None:
    for code, as_of, known_on, numerator, denominator, *_ in FIGURES[3:10:3]:
        for order in ("known", "happened"):
            asked = (code, "--as-of", as_of, "--known-on", known_on, "--order", order)
            told = [
                json.loads(line)
                for line in iku("replay", *asked, "--json").out.splitlines()
            ]
            last = (told[-1]["numerator"], told[-1]["denominator"])
            assert last == (numerator, denominator)
            *table, _, figure = iku("replay", *asked).out.splitlines()
            assert counts(table) == [numerator, denominator]
            assert figure.startswith(f"{code}: {numerator}/{denominator} (")
            assert len(table) == len(told) + 4


def counts(table: list[str]) -> list[int]:
    """The cells of the last row in the columns Pembilang and Penyebut."""
    end = re.search(r"[^±] Pembilang", table[2])
    assert end is not None
    return [int(table[-1][: end.end()].split()[-1]), int(table[-1].split()[-1])]


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_a_replay_reads_as_on_indonesian_paper(iku: Any) -> None:
    said = iku("replay", "IKU-1", "--as-of", "2021-12-31", "--order", "happened")
    first, _, headings, rule, *rows = said.out.splitlines()
    assert first.startswith("IKU-1, Tahun 2021, per 31-12-2021, diketahui per ")
    assert first.endswith(
        "dari 146 peristiwa, definisi 1, menurut urutan tanggal berlaku"
    )
    assert headings.split()[:6] == [
        *("Posisi", "Efektif", "Diketahui", "Peristiwa", "Nomor", "Bagian")
    ]
    assert set(rule) == {"─"}
    assert rows[4].split() == [
        *("105", "15-02-2021", "15-02-2021", "diselesaikan", "K01", "ekonomi"),
        *("+1", "1", "4"),
    ]
    assert "dibuka kembali" in said.out
    assert (said.code, said.err) == (0, "")


@pytest.mark.usefixtures("indonesian")
def test_a_replay_of_nothing_shows_the_figure_alone(iku: Any) -> None:
    said = iku("replay", "IKU-1")
    assert said.code == 0
    assert len(said.out.splitlines()) == 3
    assert "IKU-1: 0/0 (–), nomor IKU-1.1.T." in said.out
    assert iku("replay", "IKU-1", "--json").out == ""


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_a_number_brings_its_figure_back(iku: Any) -> None:
    typed = f" {PRINTED.lower()} "
    figure = iku("figure", "--number", typed, "--json").json
    assert (figure["number"], figure["percentage"]) == (PRINTED, "88.89")
    assert iku("figure", "--number", typed, "--replay", "--json").json == figure
    assert "88,89%" in iku("figure", "--number", PRINTED).out
    parts = iku("figure", "--number", PRINTED, "--breakdown", "dimension", "--json")
    assert sum(part["denominator"] for part in parts.json["parts"]) == 9


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_verifying_says_whether_the_log_gives_the_figure(iku: Any) -> None:
    said = iku("verify", "figure", PRINTED)
    assert said.code == 0
    assert said.out.splitlines()[-1] == "sama"
    assert said.out.count("8/9 (88,89%)") == 2
    verified = iku("verify", "figure", PRINTED, "--json").json
    assert verified["verdict"] == "same"
    assert verified["number"] == PRINTED


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
async def test_verifying_ends_with_1_and_both_values_where_they_differ(
    iku: Any, owner: Plain
) -> None:
    await owner.execute("update projection.contribution set numerator = numerator * 2")
    said = iku("verify", "figure", PRINTED)
    assert said.code == 1
    assert "16/9 (177,78%)" in said.out
    assert "8/9 (88,89%)" in said.out
    assert said.out.splitlines()[-1] == "berbeda"
    assert said.err.count("\n") == 1
    as_json = iku("verify", "figure", PRINTED, "--json")
    assert (as_json.code, as_json.json["verdict"]) == (1, "differs")


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
async def test_verifying_the_log_names_what_was_tampered_with(
    iku: Any, owner: Plain
) -> None:
    assert (
        iku("verify", "log").out == "146 peristiwa terverifikasi, tidak ada temuan.\n"
    )
    assert iku("verify", "log", "--json").json == {"size": 146, "findings": []}
    await owner.execute("alter table ledger.event disable trigger append_only")
    await owner.execute(
        "update ledger.event set known_on = '2022-02-02' where version = 9"
    )
    await owner.execute("update ledger.event set type = 'x' where position = 110")
    said = iku("verify", "log")
    assert said.code == 1
    assert "posisi 110: kolom type: seharusnya" in said.out
    assert said.err.count("\n") == 1
    assert iku("verify", "log", "--json").json["findings"]


async def test_a_log_of_an_older_schema_is_not_verified(
    iku: Any, empty_database: Any
) -> None:
    urls = {
        "IKU_DATABASE_URL": empty_database.application_dsn,
        "IKU_OWNER_URL": empty_database.owner_dsn,
    }
    said = iku("verify", "log", **urls)
    assert said.code == 1
    assert "iku migrate" in said.err


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_a_series_shows_now_and_then(iku: Any) -> None:
    asked = ("series", "IKU-1", "--from", "2021-01-01", "--to", "2021-12-31")
    said = iku(*asked, "--step", "quarter", "--known-on", "2022-06-30")
    assert said.out.startswith("IKU-1, diketahui per 30-06-2022, dari 146 peristiwa")
    rows = [line.split() for line in said.out.splitlines()]
    assert ["31-03-2021", "3", "5", "60,00%", "2/5", "(40,00%)", "–"] in rows
    told = iku(*asked, "--json").json
    assert list(told) == ["figures", "then", "published", "breaks"]
    assert len(told["figures"]) == len(told["then"]) == 12
    assert told["figures"][-1]["period"]["kind"] == "year"


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register", "writing")
async def test_a_series_marks_where_the_definition_changes(
    iku: Any, database: Database
) -> None:
    await _redefine(database)
    asked = ("series", "IKU-3", "--from", "2021-01-01", "--to", "2021-12-31")
    said = iku(*asked, "--step", "quarter", "--period", "quarter")
    [row] = [line for line in said.out.splitlines() if "◂" in line]
    assert row.startswith("30-09-2021")
    assert row.rstrip().endswith("◂ definisi 1 → 2: SK 2")


async def _redefine(database: Database) -> None:
    """A new version of IKU-3 from July 2021 on."""
    new = Redefinition(
        effective_on=date(2021, 7, 1),
        basis="SK 2",
        reason="Uji",
        minimum_level=Level.POTENSI,
    )
    async with open_app(SETTINGS, database) as app, app.pool.acquire() as connection:
        await app.commands.handle(connection, Command("indicator", "IKU-3", new, "uji"))


def number(line: str) -> str:
    return f"{line}.{check_characters(line)}"


WRONG = [
    (
        "IKU-1.1.T.20211231.20220115.145.C5",
        "the last part of the figure number, 'C5', does not match",
    ),
    (
        "IKU-1.1.T.20211231.20220115.154.5C",
        "the last part of the figure number, '5C', does not match",
    ),
    ("IKU-1", "a figure number has seven parts"),
    ("", "a figure number has seven parts"),
    (number("IKU-1.1.T.20211231.20220115.5"), "the log has only 4 events"),
    (number("IKU-1.1.T.99991231.20220115.4"), "but must not be after today,"),
    (number("IKU-1.2.T.20211231.20220115.4"), "the last version is 1"),
    (number("IKU-9.1.T.20211231.20220115.4"), "indicator IKU-9 does not exist"),
]


@pytest.mark.parametrize(("typed", "sentence"), WRONG)
@pytest.mark.parametrize("command", [("verify", "figure"), ("figure", "--number")])
def test_a_wrong_number_ends_with_1_and_the_reason(
    iku: Any, command: tuple[str, ...], typed: str, sentence: str
) -> None:
    said = iku(*command, typed)
    assert (said.code, said.out) == (1, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_a_number_of_knowledge_before_the_first_event_is_of_nothing(iku: Any) -> None:
    said = iku("verify", "figure", number("IKU-1.1.T.20211231.19000101.4"))
    assert said.code == 0
    assert said.out.count("0/0 (–)") == 2


@pytest.mark.parametrize("command", [("replay",), ("series", "--from", "2021-01-01")])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("IKU-9",), "indicator IKU-9 does not exist"),
        (("IKU-1", "--size", "99999"), "the log has only 4 events"),
        (("IKU-1", "--definition", "7"), "the last version is 1"),
    ],
)
def test_what_cannot_be_answered_ends_with_1_and_a_sentence(
    iku: Any, command: tuple[str, ...], arguments: tuple[str, ...], sentence: str
) -> None:
    said = iku(*command, *arguments)
    assert (said.code, said.out) == (1, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("replay", "IKU-1", "--as-of", "2999-01-01"), "but must not be after today,"),
        (
            ("series", "IKU-1", "--from", "2021-01-01", "--to", "2999-01-01"),
            "to is 2999",
        ),
        (("series", "IKU-1", "--from", "2021-01-02", "--to", "2021-01-01"), "to is"),
        (("series", "IKU-1", "--from", "1900-01-01"), "more than 1200 points"),
    ],
)
def test_a_day_that_has_not_come_ends_with_1(
    iku: Any, arguments: tuple[str, ...], sentence: str
) -> None:
    said = iku(*arguments)
    assert (said.code, said.out) == (1, "")
    assert sentence in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay",),
        ("replay", "IKU-1", "IKU-2"),
        ("replay", "IKU-1", "--order", "backwards"),
        ("replay", "IKU-1", "--as-of", "yesterday"),
        ("series", "IKU-1"),
        ("series", "IKU-1", "--from", "x"),
        ("series", "IKU-1", "--from", "2021-01-01", "--as-of", "2021-01-01"),
        ("series", "IKU-1", "--from", "2021-01-01", "--step", "day"),
        ("verify", "figure"),
        ("verify", "nothing"),
        ("figure", "IKU-1", "--number", PRINTED),
        ("figure", "--number", PRINTED, "--size", "1"),
        ("figure", "--number", PRINTED, "--period", "month"),
    ],
)
def test_what_cannot_be_understood_ends_with_2_and_a_sentence(
    iku: Any, arguments: tuple[str, ...]
) -> None:
    said = iku(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("iku: ")
    assert said.err.count("\n") == 1
