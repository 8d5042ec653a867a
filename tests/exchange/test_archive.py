"""The backup file: every relevant byte is verified against the manifest."""

import io
import tarfile
from datetime import UTC, datetime
from hashlib import sha256
from random import Random

import pytest

from iku.exchange import archive
from iku.exchange.archive import Archive, Manifest, UnreadableBackup, Writer

NAMES = (
    "attachments/0d6d5c2e-7d2a-4b8e-9d53-0f2b8a6a9c11.sealed",
    "attachments/quarantine/1d6d5c2e-7d2a-4b8e-9d53-0f2b8a6a9c11.sealed",
)
CONTENT = {
    archive.DUMP: bytes(Random(1).randbytes(3_000)),
    NAMES[0]: b"sealed",
    NAMES[1]: b"",
}


def manifest(writer: Writer) -> Manifest:
    return Manifest(
        version=archive.VERSION,
        iku="0.1.0",
        made_at=datetime(2026, 11, 27, tzinfo=UTC),
        server="18.6",
        migrations=["0001_ledger"],
        owner="postgres",
        size=145,
        epochs=["2026-11"],
        members=dict(writer.members),
    )


@pytest.fixture
def written() -> bytes:
    file = io.BytesIO()
    writer = Writer(file)
    for name, content in CONTENT.items():
        with writer.member(name) as take:
            for begin in range(0, len(content), 1_000):
                take(content[begin : begin + 1_000])
    digest = writer.close(manifest(writer))
    raw = file.getvalue()
    assert Archive(io.BytesIO(raw)).digest == digest
    return raw


def unreadable(raw: bytes) -> str:
    with pytest.raises(UnreadableBackup) as caught:
        Archive(io.BytesIO(raw))
    return str(caught.value)


def test_what_was_written_is_read(written: bytes) -> None:
    found = Archive(io.BytesIO(written))
    assert found.manifest.files == list(NAMES)
    assert found.manifest.size == 145
    for name, content in CONTENT.items():
        assert b"".join(found.blocks(name)) == content


def test_tar_takes_it_apart_too(written: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(written)) as tar:
        names = tar.getnames()
        assert names == [archive.MARK, *CONTENT, archive.MANIFEST]
        dumped = tar.extractfile(archive.DUMP)
        assert dumped is not None
        assert dumped.read() == CONTENT[archive.DUMP]
        told = tar.extractfile(archive.MANIFEST)
        assert told is not None
        assert sha256(told.read()).hexdigest() == Archive(io.BytesIO(written)).digest


def test_no_changed_content_is_taken(written: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(written)) as tar:
        spans = [(one.offset_data, one.size) for one in tar if one.size]
    for begin, size in spans:
        for offset in {0, size // 2, size - 1}:
            changed = bytearray(written)
            changed[begin + offset] ^= 1
            found = None
            try:
                found = Archive(io.BytesIO(bytes(changed)))
            except UnreadableBackup:
                continue
            # A digit of the manifest itself; its hash detects the change.
            assert found.digest != Archive(io.BytesIO(written)).digest


def test_no_cut_is_taken(written: bytes) -> None:
    for end in range(0, len(written) - 2 * tarfile.BLOCKSIZE, 211):
        assert unreadable(written[:end])


def test_another_file_is_no_backup() -> None:
    assert "the file is not a backup of iku" in unreadable(b"PGDMP" + bytes(2_000))
    assert "the file is not a backup of iku" in unreadable(b"")
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
    assert unreadable(file.getvalue()) == "the file is not a backup of iku"


def test_a_later_format_is_named(written: bytes) -> None:
    later = written.replace(b"iku-backup 1\n", b"iku-backup 2\n", 1)
    assert unreadable(later) == (
        "the backup has format 'iku-backup 2', but this program reads 'iku-backup 1'"
    )


@pytest.mark.parametrize(
    "name",
    ["../keys", "/etc/passwd", "attachments/../a.sealed", "attachments/a", NAMES[0]],
)
def test_no_member_leads_elsewhere_or_stands_twice(name: str) -> None:
    file = io.BytesIO()
    writer = Writer(file)
    for one in (archive.DUMP, NAMES[0], name):
        with writer.member(one) as take:
            take(b"x")
    writer.close(manifest(writer))
    assert (
        unreadable(file.getvalue())
        == f"the backup has a member {name!r} that the manifest does not list"
    )


def test_links_are_no_members() -> None:
    file = io.BytesIO()
    writer = Writer(file)
    link = tarfile.TarInfo(NAMES[0])
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    file.write(link.tobuf(tarfile.GNU_FORMAT))
    writer.close(manifest(writer))
    assert "does not list" in unreadable(file.getvalue())


def test_a_member_that_the_manifest_lacks_or_misses_is_named(written: bytes) -> None:
    for told in ({}, {NAMES[0]: archive.ArchiveMember(6, "00")}):
        file = io.BytesIO()
        writer = Writer(file)
        with writer.member(archive.DUMP) as take:
            take(b"x")
        of = manifest(writer)
        of.members.pop(archive.DUMP)
        of.members.update(told)
        writer.close(of)
        assert "does not match its size or SHA-256 in the manifest" in unreadable(
            file.getvalue()
        )
