"""The key folder: created once, private, and never replaced by assumptions."""

import os
import stat
import threading
from datetime import date
from pathlib import Path

import pytest

from iku.vault.keys import ErasureEntry, Keys, KeysError

NOVEMBER, DECEMBER = date(2026, 11, 3), date(2026, 12, 1)


def entry(command: str = "c-1") -> ErasureEntry:
    return ErasureEntry(
        "ab", "conflict-K01", command, "siti", "B/1", "UU 27/2022", None
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys"


def test_the_folder_and_what_is_in_it_are_closed_to_others(folder: Path) -> None:
    keys = Keys(folder)
    keys.current_epoch(NOVEMBER)
    keys.append_erasure(entry())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == [
        *("2026-11.key", "digest.key", "erased.jsonl")
    ]


@pytest.mark.parametrize("mode", [0o701, 0o740, 0o755])
def test_a_folder_that_others_may_read_is_refused(folder: Path, mode: int) -> None:
    Keys(folder)
    folder.chmod(mode)
    with pytest.raises(KeysError, match="only its owner may access it: run chmod"):
        Keys(folder)


def test_each_month_has_a_key_of_its_own_and_every_start_finds_it(folder: Path) -> None:
    keys = Keys(folder)
    name, key = keys.current_epoch(NOVEMBER)
    assert (name, len(key)) == ("2026-11", 32)
    assert keys.current_epoch(NOVEMBER) == (name, key)
    assert keys.current_epoch(DECEMBER)[0] == "2026-12"
    again = Keys(folder)
    assert again.epochs() == ["2026-11", "2026-12"]
    assert again.key("2026-11") == key
    assert again.digest(b"x") == keys.digest(b"x")
    # After the clock is set back, no older key is used for wrapping.
    assert again.current_epoch(NOVEMBER)[0] == "2026-12"


def test_a_new_epoch_can_begin_within_a_month_and_they_are_in_order(
    folder: Path,
) -> None:
    keys = Keys(folder)
    keys.current_epoch(NOVEMBER)
    names = [keys.start_epoch(NOVEMBER) for _ in range(10)]
    assert names == [f"2026-11.{n}" for n in range(2, 12)]
    assert keys.epochs() == ["2026-11", *names]
    assert keys.current_epoch(NOVEMBER)[0] == "2026-11.11"
    assert Keys(folder).start_epoch(DECEMBER) == "2026-12"


def test_of_many_that_make_a_key_at_once_all_get_the_same(folder: Path) -> None:
    Keys(folder)
    made: list[bytes] = []

    def make() -> None:
        made.append(Keys(folder).current_epoch(NOVEMBER)[1])

    threads = [threading.Thread(target=make) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert len(set(made)) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["2026-11.key", "digest.key"]


def test_the_hash_of_clear_text_needs_the_folder(tmp_path: Path) -> None:
    one, other = Keys(tmp_path / "one"), Keys(tmp_path / "other")
    assert one.digest(b"Budi") != other.digest(b"Budi")
    assert one.digest(b"Budi") != one.digest(b"Siti")
    assert len(one.digest(b"Budi")) == 32


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 44, b"QUJD\n"])
def test_a_file_that_is_no_key_is_none_and_cannot_be_wrapped_by(
    folder: Path, content: bytes
) -> None:
    keys = Keys(folder)
    keys.current_epoch(NOVEMBER)
    (folder / "2026-11.key").write_bytes(content)
    fresh = Keys(folder)
    assert fresh.key("2026-11") is None
    with pytest.raises(KeysError, match=r"2026-11\.key is not a valid key"):
        fresh.current_epoch(NOVEMBER)


def test_a_key_that_is_not_there_is_none(folder: Path) -> None:
    assert Keys(folder).key("2020-01") is None
    (folder / "notes.key").write_text("not an epoch")
    assert Keys(folder).epochs() == []


def test_what_is_destroyed_is_gone_from_disk_and_memory(folder: Path) -> None:
    keys = Keys(folder)
    _, key = keys.current_epoch(NOVEMBER)
    path = folder / "2026-11.key"
    other = folder / "hard-link"
    os.link(path, other)
    content = path.read_bytes()
    keys.destroy("2026-11")
    assert not path.exists()
    assert other.read_bytes() != content  # overwritten before it was removed
    assert keys.key("2026-11") is None
    with pytest.raises(KeysError, match="No such file"):
        keys.destroy("2026-11")
    assert keys.current_epoch(NOVEMBER)[1] != key


def test_erasures_are_written_down_in_order_and_a_torn_line_is_no_erasure(
    folder: Path,
) -> None:
    keys = Keys(folder)
    assert keys.erasures() == []
    keys.append_erasure(entry("c-1"))
    keys.append_erasure(entry("c-2"))
    assert [one.command for one in Keys(folder).erasures()] == ["c-1", "c-2"]
    with (folder / "erased.jsonl").open("ab") as file:
        file.write(b'{"log":"ab","sub')
    assert [one.command for one in Keys(folder).erasures()] == ["c-1", "c-2"]


def test_a_torn_line_does_not_swallow_what_is_written_after_it(folder: Path) -> None:
    keys = Keys(folder)
    keys.append_erasure(entry("c-1"))
    with (folder / "erased.jsonl").open("ab") as file:
        file.write(b'{"log":"ab","sub')
    keys.append_erasure(entry("c-2"))
    assert [one.command for one in keys.erasures()] == ["c-1", "c-2"]


def test_a_line_that_somebody_changed_is_told(folder: Path) -> None:
    keys = Keys(folder)
    keys.append_erasure(entry())
    path = folder / "erased.jsonl"
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(KeysError, match="line 1, is not a valid erasure entry"):
        keys.erasures()


def test_a_place_where_no_folder_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysError, match=r"key folder .*file/keys: "):
        Keys(tmp_path / "file" / "keys")
