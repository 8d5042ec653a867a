"""The folders of attached files: moves lose nothing, listings use bounded memory."""

import os
import tracemalloc
from contextlib import nullcontext
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from iku.vault.files import PAGE, QUARANTINE, Files, FilesError, QuarantineSummary
from iku.vault.sealing import TextDamaged

CONTENT = b"Berita acara"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "attachments")


def names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.sealed")}


def test_a_file_is_moved_aside_and_back_and_opens_in_both_places(files: Files) -> None:
    filed = files.put(CONTENT)
    written = files.folder.joinpath(f"{filed.name}.sealed").stat().st_mtime
    assert files.move_to_quarantine([filed.name]) == 1
    assert (names(files.folder), names(files.quarantine)) == (set(), {str(filed.name)})
    assert files.get(filed) == CONTENT
    [[stored]] = files.list_quarantined()
    assert (stored.name, stored.written) == (filed.name, written)
    assert files.quarantine.stat().st_mode & 0o077 == 0
    assert files.restore([filed.name]) == 1
    assert (names(files.folder), names(files.quarantine)) == ({str(filed.name)}, set())
    assert files.get(filed) == CONTENT


def test_moving_never_overwrites_and_passes_over_what_another_process_moved(
    files: Files,
) -> None:
    filed = files.put(CONTENT)
    files.quarantine.mkdir()
    aside = files.quarantine / f"{filed.name}.sealed"
    aside.write_bytes(b"another copy")
    assert files.move_to_quarantine([filed.name, uuid4()]) == 0
    assert files.restore([filed.name]) == 0
    assert files.get(filed) == CONTENT
    assert aside.read_bytes() == b"another copy"
    # Of two copies, the one that decrypts is returned.
    (files.folder / aside.name).rename(aside)
    (files.folder / aside.name).write_bytes(b"damaged")
    assert files.get(filed) == CONTENT


def test_a_kill_while_moving_leaves_each_file_whole_in_one_of_the_folders(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = [files.put(bytes([n])) for n in range(10)]
    renamed = 0
    rename = Path.rename

    def until_the_fifth(self: Path, target: Path) -> Path:
        nonlocal renamed
        renamed += 1
        if renamed == 5:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", until_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        files.move_to_quarantine([one.name for one in filed])
    assert (len(names(files.folder)), len(names(files.quarantine))) == (6, 4)
    assert [files.get(one) for one in filed] == [bytes([n]) for n in range(10)]
    assert files.move_to_quarantine([one.name for one in filed]) == 6


def test_destroying_reaches_both_folders_and_discarding_only_the_quarantine(
    files: Files,
) -> None:
    one, two = files.put(CONTENT), files.put(CONTENT)
    files.move_to_quarantine([one.name])
    assert files.delete_quarantined([two.name]) == 0
    assert files.remove([one.name, two.name, uuid4()]) == 2
    for gone in (one, two):
        with pytest.raises(TextDamaged):
            files.get(gone)
    three = files.put(CONTENT)
    files.move_to_quarantine([three.name])
    assert files.delete_quarantined([three.name]) == 1


def test_only_sealed_files_are_listed_and_moved(files: Files, tmp_path: Path) -> None:
    assert list(files.list_stored()) == []
    filed = files.put(CONTENT)
    others = ("README", f"{str(filed.name).upper()}.sealed", "x.sealed", str(uuid4()))
    for name in others:
        (files.folder / name).write_text("no file of ours")
    (files.folder / f"{uuid4()}.sealed").mkdir()
    (files.folder / f"{uuid4()}.sealed").symlink_to(tmp_path)
    [[stored]] = files.list_stored()
    assert stored.name == filed.name
    assert not stored.is_stale


def test_what_lies_in_quarantine_is_summed_up_and_read_again_when_it_changes(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files.summary() == QuarantineSummary()
    one, two = files.put(CONTENT), files.put(CONTENT * 2)
    for n, filed in enumerate((one, two)):
        os.utime(files.folder / f"{filed.name}.sealed", (0, 1_000_000 * (n + 1)))
    files.move_to_quarantine([one.name, two.name])
    seen = files.summary()
    assert (seen.files, seen.bytes) == (2, 3 * len(CONTENT) + 2 * 28)
    assert seen.oldest is not None
    assert seen.oldest.timestamp() == 1_000_000
    os.utime(
        files.quarantine, (0, 1_000_000)
    )  # long ago, so that the listing is stable
    assert files.summary() == seen
    with monkeypatch.context() as patched:
        patched.setattr(
            files, "_compute_summary", lambda: pytest.fail("it did not change")
        )
        assert files.summary() == seen
    files.delete_quarantined([one.name])
    assert files.summary().files == 1


def test_many_files_are_gone_through_in_the_memory_of_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entries are simulated, not created."""
    (tmp_path / "file").touch()
    found = (tmp_path / "file").stat()

    class Entry:
        def __init__(self, n: int) -> None:
            self.name = f"{UUID(int=n)}.sealed"

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            assert not follow_symlinks
            return found

    def peak(count: int) -> int:
        entries = map(Entry, range(count))
        monkeypatch.setattr(os, "scandir", lambda _: nullcontext(entries))
        tracemalloc.start()
        try:
            pages = [len(page) for page in Files(tmp_path).list_stored()]
            assert pages == [PAGE] * (count // PAGE)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few = peak(2_000)
    assert peak(10_000) < 2 * few


def test_a_quarantine_that_cannot_be_used_is_named(files: Files) -> None:
    filed = files.put(CONTENT)
    (files.folder / QUARANTINE).write_text("no folder")
    with pytest.raises(FilesError, match=f"{QUARANTINE}"):
        files.move_to_quarantine([filed.name])
    assert files.get(filed) == CONTENT
    assert files.remove([filed.name]) == 1
