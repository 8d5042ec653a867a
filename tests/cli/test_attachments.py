"""Attached files in quarantine, from the command line."""

import os
import re
import signal
import time
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from iku.vault.files import QUARANTINE, UPLOADING_S
from tests.cli.conftest import Type
from tests.forked import Forker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "attachments"


@pytest.fixture
def aside(folder: Path) -> list[str]:
    """Two files in quarantine that the database does not know."""
    (folder / QUARANTINE).mkdir(parents=True)
    names = sorted(str(uuid4()) for _ in range(2))
    for name in names:
        path = folder / QUARANTINE / f"{name}.sealed"
        path.write_bytes(b"1234567890" * 200)
        os.utime(path, (0, 1_640_000_000))
    return names


@pytest.mark.usefixtures("indonesian")
def test_commands_move_no_file_and_status_tells_what_lies_in_quarantine(
    iku: Type, folder: Path, aside: list[str]
) -> None:
    stale = folder / f"{uuid4()}.sealed"
    stale.write_bytes(b"evidence")
    os.utime(stale, (0, time.time() - 10 * UPLOADING_S))
    assert iku("figure").code == 0
    said = iku("status")
    assert re.search(
        r"Karantina lampiran +berkas: 2; bita: 4\.000; berkas tertua: 20-12-2021",
        said.out,
    )
    shown = iku("status", "--json").json["quarantine"]
    assert shown == {"files": 2, "bytes": 4_000, "oldest": "2021-12-20T11:33:20Z"}
    assert stale.read_bytes() == b"evidence"
    assert len(list((folder / QUARANTINE).iterdir())) == len(aside)


@pytest.mark.usefixtures("indonesian")
def test_the_quarantine_is_listed(iku: Type, folder: Path, aside: list[str]) -> None:
    said = iku("attachments", "list")
    for name in aside:
        row = rf"^{name} +2\.000 +20-12-2021 +tidak$"
        assert re.search(row, said.out, re.MULTILINE)
    listed = iku("attachments", "list", "--json").json
    assert listed["folder"] == str(folder / QUARANTINE)
    assert sorted(one["name"] for one in listed["files"]) == aside
    assert {one["stream"] for one in listed["files"]} == {None}


@pytest.mark.usefixtures("indonesian")
def test_an_empty_quarantine_is_said_to_be_empty(iku: Type, folder: Path) -> None:
    assert iku("attachments", "list").out == "Karantina: kosong\n"
    assert "dikembalikan dari karantina: 0." in iku("attachments", "restore").out
    assert "Berkas dalam karantina yang dihapus: 0." in iku("attachments", "remove").out
    assert not folder.exists()


def test_files_are_restored_by_name_and_the_unknown_only_so(
    iku: Type, folder: Path, aside: list[str]
) -> None:
    assert iku("attachments", "restore", "--json").json == {"restored": 0}
    missing = uuid4()
    refused = iku("attachments", "restore", aside[0], missing)
    assert refused.code == 1
    assert f"file {missing} does not exist in {folder / QUARANTINE}" in refused.err
    assert iku("attachments", "restore", aside[0]).code == 0
    assert (folder / f"{aside[0]}.sealed").read_bytes() == b"1234567890" * 200
    assert iku("attachments", "restore", "K14").code == 2


@pytest.mark.usefixtures("indonesian")
def test_files_are_removed_only_where_the_user_says_so(
    iku: Type, folder: Path, aside: list[str]
) -> None:
    here = folder / QUARANTINE
    declined = iku("attachments", "remove", typed="n\n")
    assert declined.code == 130
    assert "Berkas yang akan dihapus permanen: 2 (4.000 bita)" in declined.err
    assert len(list(here.iterdir())) == 2
    assert iku("attachments", "remove").code == 130  # not interactive
    assert len(list(here.iterdir())) == 2
    assert iku("attachments", "remove", aside[0], typed="y\n").code == 0
    assert [path.stem for path in here.iterdir()] == aside[1:]
    assert iku("attachments", "remove", "--yes", "--json").json == {"removed": 1}
    assert list(here.iterdir()) == []


def test_serving_moves_what_the_database_does_not_know_and_says_so(
    forker: Forker, environ: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    folder.mkdir(parents=True)
    stale, fresh = (folder / f"{uuid4()}.sealed" for _ in range(2))
    for path in (stale, fresh):
        path.write_bytes(b"evidence")
    os.utime(stale, (0, time.time() - UPLOADING_S - 60))
    served = start(forker, environ, tmp_path)
    assert served.code == 0
    assert "Quarantine of attachments: files: 1; bytes: 8" in served.err
    assert "files moved there now: 1" in served.err
    assert (folder / QUARANTINE / stale.name).read_bytes() == b"evidence"
    assert fresh.read_bytes() == b"evidence"
    (folder / QUARANTINE / stale.name).unlink()
    (folder / QUARANTINE).rmdir()
    (folder / QUARANTINE).write_text("no folder")
    os.utime(fresh, (0, time.time() - UPLOADING_S - 60))
    told = start(forker, environ, tmp_path)
    assert told.code == 0
    assert "attachment folder" in told.err
    assert fresh.read_bytes() == b"evidence"


class Served(NamedTuple):
    """The exit code and the standard error of a server."""

    code: int
    err: str


def start(forker: Forker, environ: dict[str, str], folder: Path) -> Served:
    """Serve until it is ready, then stop it."""
    with forker.start(("serve", "--port", "0"), environ, folder) as process:
        assert "iku serves at" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode is not None
    return Served(process.returncode, err)
