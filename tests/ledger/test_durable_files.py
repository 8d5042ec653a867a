"""Durable files: a failed write is reported with the file's name."""

import os
from pathlib import Path

import pytest

from iku.ledger import durable_files


def test_a_full_disk_is_told_with_the_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open
    monkeypatch.setattr(os, "open", lambda *_: real("/dev/full", os.O_WRONLY))
    with pytest.raises(OSError, match="No space left on device") as caught:
        durable_files.write(tmp_path / "state", b"1")
    assert caught.value.filename == str(tmp_path / "state")


def test_the_name_that_the_system_told_is_left(tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "state"
    with pytest.raises(FileNotFoundError) as caught:
        durable_files.write(absent, b"1")
    assert caught.value.filename == f"{absent}.part"


def test_an_error_that_is_none_of_the_systems_is_left(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match=r"^lain$"),
        durable_files.naming_file_in_errors(tmp_path / "state"),
    ):
        raise OSError("lain")
