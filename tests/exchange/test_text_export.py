"""`iku-verify` accepts the exported texts; an export is complete or absent."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import iku_verify
from iku.domain.withheld_text import Withheld, WithheldReason
from iku.exchange import text_export
from iku.exchange.bundle import BundleWriteError
from iku.queries.text_check import TextCheckResult, TextCounts
from iku.vault import sealing
from iku.vault.sealing import Opened, TextLocation
from tests.exchange.forging import spell

TEXT = "Selisih batas — “RT 3”\u2028\\ \t"
PLACE = TextLocation("conflict-K01", 1, "title", "conflict-K01")
SECRET = sealing.secret(PLACE, TEXT)
TITLE = TextCheckResult(7, PLACE.event_name, PLACE.field, Opened(TEXT, SECRET.salt))
GONE = TextCheckResult(
    7, PLACE.event_name, "reporter", Withheld(WithheldReason.MISSING)
)
ERASED = TextCheckResult(8, "conflict-K02/1", "title", Withheld(WithheldReason.ERASED))


async def found(
    *several: TextCheckResult | Exception,
) -> AsyncIterator[TextCheckResult]:
    for one in several:
        if isinstance(one, Exception):
            raise one
        yield one


def unheard(_held: TextCheckResult) -> None:
    """Ignore a finding."""


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_text_is_written_as_the_auditors_program_takes_it(
    tmp_path: Path,
) -> None:
    path, named = tmp_path / "teks", list[TextCheckResult]()
    tally = await text_export.export(found(GONE, TITLE, ERASED), path, named.append)
    assert tally == TextCounts(opened=1, missing=1, erased=1)
    assert named == [GONE, TITLE, ERASED]
    taken = iku_verify.read_texts(path)
    assert taken == {(PLACE.event_name, "title"): (SECRET.salt, TEXT)}
    ours = iku_verify.commitment(
        PLACE.event_name, "title", PLACE.subject, SECRET.salt, TEXT
    )
    assert ours == SECRET.commitment
    assert json.loads(path.read_bytes())["text"] == TEXT
    assert iku_verify.read_texts(tmp_path) == taken


async def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    await text_export.export(found(TITLE), tmp_path / "teks", unheard)
    assert (tmp_path / "teks").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["teks"]


async def test_no_file_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "teks"
    path.write_text("before")
    with pytest.raises(BundleWriteError, match="already exists"):
        await text_export.export(found(TITLE), path, unheard)
    assert path.read_text() == "before"


async def test_what_was_interrupted_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        await text_export.export(
            found(TITLE, RuntimeError()), tmp_path / "teks", unheard
        )
    assert names(tmp_path) == []


async def test_a_full_disk_is_told_with_the_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open
    monkeypatch.setattr(os, "open", lambda *_: real("/dev/full", os.O_WRONLY))
    told = f"^{tmp_path / 'teks'}: No space left on device$"
    with pytest.raises(BundleWriteError, match=told):
        await text_export.export(found(TITLE), tmp_path / "teks", unheard)


def test_a_text_that_was_handed_over_as_two_is_a_finding(tmp_path: Path) -> None:
    told = {"event": "a-1/1", "field": "title", "salt": "00" * 32, "text": "Satu"}
    (tmp_path / "a").write_bytes(spell(told) + b"\n")
    (tmp_path / "b").write_bytes(spell(told) + b"\n")
    assert len(iku_verify.read_texts(tmp_path)) == 1
    (tmp_path / "b").write_bytes(spell(told | {"text": "Dua"}) + b"\n")
    with pytest.raises(iku_verify.Finding, match="title of a-1/1 has two different"):
        iku_verify.read_texts(tmp_path)


def test_texts_that_are_not_there_are_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    assert iku_verify.read_texts(tmp_path / "none") == {}
    with pytest.raises(FileNotFoundError):
        iku_verify.read_texts(tmp_path / "absent")
