"""Entries on the command line have the same effect as over HTTP."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from iku import parsing
from iku.cli.options import flag
from iku.cli.record import _event_types, record
from iku.domain import conflict, organisation
from tests.cli.conftest import Type

CASE = (
    *("report", "--category", "ipoleksosbud", "--dimension", "ekonomi"),
    *("--title", "Sengketa lapak", "--effective-on", "2021-02-09", "--number", "K14"),
)
ORGANISATION = (
    *("register", "--kind", "ormas", "--name", "Perkumpulan Contoh"),
    *("--legal-basis", "badan_hukum", "--effective-on", "2021-03-01"),
)
VERIFIED = ("record", "verified", "K14", "--effective-on", "2021-02-10")
REASON = ("--reason", "Salah tulis")


@pytest.mark.usefixtures("indonesian")
def test_a_case_is_reported_changed_corrected_and_counted(iku: Type) -> None:
    done = iku(*CASE, "--actor", "siti")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Dicatat: kasus K14, versi 1, peristiwa ")
    assert iku(*VERIFIED).code == 0
    resolved = ("record", "resolved", "K14", "--effective-on", "2021-03-28")
    receipt = iku(*resolved, "--manner", "mediasi", "--json").json
    assert (receipt["id"], receipt["number"], receipt["version"]) == ("K14", "K14", 3)
    assert len(receipt["leaf"]) == 64
    year = ("figure", "IKU-1", "--as-of", "2021-12-31", "--json")
    figure = iku(*year).json
    assert (figure["numerator"], figure["denominator"]) == (1, 1)
    annulled = iku("record", "annulled", "K14", "--annuls", 3, *REASON)
    assert annulled.code == 0
    corrected = ("record", "corrected", "K14", "--corrects", 1, *REASON)
    assert (
        iku(*corrected, "--level", "kekerasan", "--occurred-on", "2021-02-08").code == 0
    )
    assert iku(*corrected, "--clear", "occurred_on").code == 0
    figure = iku(*year).json
    assert (figure["numerator"], figure["denominator"]) == (0, 1)
    events = iku("history", "K14", "--json").json
    assert [event["type"] for event in events] == [
        *("reported", "verified", "resolved", "annulled", "corrected", "corrected")
    ]
    assert events[0]["actor"] == "siti"
    assert events[4]["data"]["level"] == "kekerasan"
    assert events[5]["data"]["cleared"] == ["occurred_on"]


@pytest.mark.usefixtures("indonesian")
def test_an_organisation_is_registered_and_takes_part(iku: Type) -> None:
    assert "Dicatat: organisasi O1, versi 1" in iku(*ORGANISATION, "--number", "O1").out
    part = ("record", "participated", "O1", "--participation", "2021-014")
    more = ("--activity", "musrenbang", "--effective-on", "2021-10-02", "--verified")
    assert iku(*part, *more).code == 0
    figure = iku("figure", "IKU-2", "--as-of", "2021-12-31", "--json").json
    assert (figure["numerator"], figure["denominator"]) == (1, 1)


def test_persons_are_given_by_name_or_with_their_identifier(iku: Type) -> None:
    several = ("--parties", "Siti (contoh)", "--parties", "Budi (contoh)")
    assert iku(*CASE, "--reporter", "Ani (contoh)", *several).code == 0
    [reported] = iku("history", "K14", "--json").json
    texts = reported["text"]
    assert texts["reporter"] == "Ani (contoh)"
    assert [texts["parties.0"], texts["parties.1"]] == [
        "Siti (contoh)",
        "Budi (contoh)",
    ]
    known = json.dumps({"name": "Ani", "subject": reported["subjects"]["reporter"]})
    assert iku(*CASE[:-1], "K15", "--reporter", known).code == 0
    [other] = iku("history", "K15", "--json").json
    assert other["text"]["reporter"] == "Ani"
    assert other["subjects"]["reporter"] == reported["subjects"]["reporter"]


@pytest.mark.parametrize("typed", [False, True])
def test_a_whole_command_is_read_as_json(
    iku: Type, tmp_path: Path, *, typed: bool
) -> None:
    body = json.dumps(
        {
            "number": "K14",
            "category": "sara",
            "dimension": "agama",
            "title": "Sengketa (contoh)",
            "effective_on": "2021-02-09",
            "parties": [{"name": "Siti (contoh)"}, {"name": "Budi (contoh)"}],
        }
    )
    (tmp_path / "laporan.json").write_text(body)
    done = (
        iku("report", "--body", "-", typed=body)
        if typed
        else iku("report", "--body", "laporan.json")
    )
    assert (done.code, done.err) == (0, "")
    event = json.dumps({"type": "verified", "effective_on": "2021-02-10"})
    assert iku("record", "verified", "K14", "--body", "-", typed=event).code == 0
    types = [event["type"] for event in iku("history", "K14", "--json").json]
    assert types == ["reported", "verified"]


@pytest.mark.usefixtures("indonesian")
def test_a_command_under_the_same_key_is_carried_out_once(iku: Type) -> None:
    keyed = (*CASE, "--idempotency-key", "laporan-1")
    first = iku(*keyed, "--json")
    again = iku(*keyed, "--json")
    assert again.json == first.json
    assert iku(*keyed).out.startswith("Sudah dicatat sebelumnya: kasus K14, versi 1")
    other = iku(*CASE, "--source", "polres", "--idempotency-key", "laporan-1")
    assert other.code == 1
    assert "laporan-1" in other.err
    assert len(iku("history", "K14", "--json").json) == 1


def test_a_command_based_on_an_older_version_is_refused(iku: Type) -> None:
    assert iku(*CASE).code == 0
    assert iku(*VERIFIED, "--expected-version", 1).code == 0
    handled = ("record", "handled", "K14", "--effective-on", "2021-02-11")
    more = ("--phase", "penghentian")
    late = iku(*handled, *more, "--expected-version", 1)
    assert (late.code, late.out) == (1, "")
    assert iku(*handled, *more, "--expected-version", 2).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("report",), 2, "--category is required; --dimension is required; --title is"),
        (
            (*CASE, "--level", "x", "--occurred-on", "kemarin"),
            2,
            (
                'not "x"; --occurred-on must be a date in the form YYYY-MM-DD, not '
                '"kemarin"'
            ),
        ),
        ((*CASE, "--reporter", '{"nama":"Siti"}'), 2, "--reporter.name is required; "),
        ((*CASE, "--title", "\udcff"), 2, "--title"),
        ((*CASE, "--body", "-"), 2, "--body already contains the complete command"),
        (("report", "--body", "-"), 2, "--body is not JSON"),
        (("report", "--body", "nowhere.json"), 2, "nowhere.json"),
        (("report", "--idempotency-key", "two words"), 2, "--idempotency-key"),
        (
            (*VERIFIED, "--expected-version", "0"),
            2,
            "--expected-version must be a whole",
        ),
        (
            (*VERIFIED[:-1], "2021-02-30"),
            2,
            "--effective-on must be a date in the form",
        ),
        (("record", "sealed", "K14"), 2, "No such command 'sealed'"),
        (VERIFIED, 1, "no case or organisation has the number K14"),
        (
            ("record", "corrected", "K14", "--corrects", 1, *REASON),
            1,
            "no case or organisation has",
        ),
        ((*CASE[:2], "sara", *CASE[3:]), 1, "dimension is ekonomi, but"),
    ],
)
def test_what_cannot_be_recorded_ends_with_a_sentence(
    iku: Type, arguments: tuple[Any, ...], code: int, sentence: str
) -> None:
    said = iku(*arguments)
    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
    assert said.err.startswith("iku: ")
    assert said.err.count("\n") == 1


def test_an_event_is_recorded_of_the_subjects_that_have_it(iku: Type) -> None:
    assert iku(*CASE).code == 0
    assert iku(*ORGANISATION, "--number", "K14").code == 0
    either = ("record", "rejected", "K14", *REASON)
    assert "conflict-K14, organisation-K14; give one of these" in iku(*either).err
    assert iku("record", "rejected", "organisation-K14", *REASON).code == 0
    stray = iku("record", "verified", "organisation-K14", *VERIFIED[3:])
    assert (stray.code, stray.out) == (1, "")
    assert (
        "K14 is an organisation, but verified can only be recorded for a case"
        in stray.err
    )
    wrong = ("record", "corrected", "conflict-K14", "--corrects", 1, *REASON)
    named = iku(*wrong, "--name", "x")
    assert named.code == 2
    assert "--name is unknown; did you mean " in named.err
    again = iku(*CASE)
    assert (again.code, again.out) == (1, "")


def test_every_event_that_officers_enter_has_a_command() -> None:
    unions = (conflict.Later, organisation.Later)
    tags = {kind.__struct_config__.tag for one in unions for kind in get_args(one)}
    assert set(record.commands) == tags


def test_the_manual_has_each_command_with_its_options() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    rows = [line for line in manual.splitlines() if line.startswith("| `iku re")]
    kinds = {f"record {event}": [*of.values()] for event, of in _event_types().items()}
    kinds |= {"report": [conflict.Report], "register": [organisation.Registration]}
    for command, of in kinds.items():
        [row] = [line for line in rows if f"`iku {command}`" in line]
        if command == "record corrected":
            continue  # its row in the document names all fields
        flags = {flag(name) for kind in of for name in parsing.struct_fields(kind)}
        assert flags == set(re.findall(r"--[a-z-]+", row)), command


@pytest.mark.usefixtures("indonesian")
def test_whom_a_rejection_takes_along_is_told_below_its_receipt(iku: Type) -> None:
    assert iku(*CASE).code == 0
    other = [*CASE, "--number", "K15", "--title", "Laporan kedua"]
    assert iku(*other).code == 0, other
    assert iku("record", "merged", "K15", "--into", "K14", *REASON).code == 0
    said = iku("record", "rejected", "K14", *REASON)
    assert "Keterangan: K15 is merged into this subject" in " ".join(said.out.split())
