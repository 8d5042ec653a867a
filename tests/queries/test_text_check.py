"""Every encrypted text and file is verified against its record; faults are named."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from iku.app import App, open_app
from iku.commands import text_erasure, upload
from iku.commands.command import Command
from iku.domain.attachment import Attached
from iku.domain.conflict import Category, Dimension, Reported, Verified
from iku.domain.decider import SubjectNotFound
from iku.domain.erasure import Erased
from iku.domain.fact import Person
from iku.domain.organisation import LegalBasis, OrganisationKind, Registered
from iku.domain.withheld_text import WithheldReason
from iku.ledger import log
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from iku.queries import attachments, text_check
from iku.queries.text_check import TextCheckResult, TextCounts, TextScope
from iku.queries.view import View
from iku.text_reading import File
from iku.vault import sealing
from iku.vault.files import FileReference
from iku.vault.sealing import Opened, TextLocation
from tests.conftest import SETTINGS

DAY = date(2021, 2, 9)
NUMBER = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"
SITI = Person("Siti", NUMBER)
ERASED = Erased(decision="B/12/2022", legal_basis="UU 27/2022 Pasal 8")
PDF = b"%PDF-1.7 Berita acara"
MISSING = "missing: it is not stored, and no decision erased it"
DAMAGED = "damaged: the stored content does not match the commitment in the record"
SWAP = """
update vault.segment s set sealed = o.sealed, dek = o.dek
  from vault.segment o
 where s.stream = 'conflict-K1' and s.field = 'title'
   and o.stream = 'conflict-K2' and o.field = 'title'
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
async def app(database: Database, home: Path) -> AsyncIterator[App]:
    async with open_app(replace(SETTINGS, home=home, keys=None), database) as app:
        yield app


class Desk:
    """Records cases, and verifies all their texts."""

    def __init__(self, app: App, connection: Plain) -> None:
        self.app = app
        self.connection = connection

    async def do(self, subject: str, proposed: Any, category: str = "conflict") -> None:
        command = Command(category, subject, proposed, "siti")
        assert (await self.app.commands.handle(self.connection, command)).added

    async def report(self, subject: str, title: str) -> None:
        reported = Reported(
            category=Category.IPOLEKSOSBUD,
            dimension=Dimension.EKONOMI,
            title=title,
            reporter=SITI,
            effective_on=DAY,
        )
        await self.do(subject, reported)

    async def attach(
        self, subject: str, content: bytes = PDF, category: str = "conflict"
    ) -> None:
        digest = sha256(content).hexdigest()
        asked = Attached(
            file_name="BA.pdf",
            media_type="application/pdf",
            length=len(content),
            sha256=digest,
        )
        command = Command(category, subject, asked, "siti")
        file = File("BA.pdf", "application/pdf", content)
        await upload.attach(self.app.commands, self.connection, command, file)

    async def erase(self, subject: str) -> None:
        command = Command("subject", subject, ERASED, "siti")
        await text_erasure.erase(self.app.commands, self.connection, command)

    @property
    def view(self) -> View:
        return self.app.view(self.connection)

    async def texts(
        self, *subjects: str, size: int | None = None
    ) -> list[TextCheckResult]:
        scope = await self._scope(subjects, size)
        found = text_check.check_texts(self.view, scope, silent)
        return [one async for one in found]

    async def files(self, *subjects: str) -> list[TextCheckResult]:
        scope = await self._scope(subjects, None)
        found = text_check.check_files(self.view, scope, silent)
        return [one async for one in found]

    async def wrong(self) -> list[str]:
        """The findings on texts and files, without the positions."""
        found = [*await self.texts(), *await self.files()]
        return [one.finding.partition(": ")[2] for one in found if one.finding]

    async def _scope(self, subjects: tuple[str, ...], size: int | None) -> TextScope:
        held = (await log.head(self.connection)).size
        return TextScope(held if size is None else size, frozenset(subjects))


def silent(_done: int, _of: int) -> None:
    """Ignore the progress."""


def tally(found: list[TextCheckResult]) -> TextCounts:
    counted = TextCounts()
    for one in found:
        counted = counted.with_one(one)
    return counted


@pytest.fixture
async def desk(app: App, connection: Plain) -> Desk:
    desk = Desk(app, connection)
    await desk.report("K1", "Satu")
    await desk.report("K2", "Dua")
    await desk.attach("K1")
    return desk


def texts_of(found: list[TextCheckResult]) -> list[tuple[str, str, str]]:
    return [
        (one.event, one.field, one.outcome.text)
        for one in found
        if isinstance(one.outcome, Opened) and one.event.startswith("conflict-")
    ]


async def test_every_text_is_opened_in_the_order_of_the_log(desk: Desk) -> None:
    assert texts_of(await desk.texts()) == [
        ("conflict-K1/1", "reporter", "Siti"),
        ("conflict-K1/1", "title", "Satu"),
        ("conflict-K2/1", "reporter", "Siti"),
        ("conflict-K2/1", "title", "Dua"),
        ("conflict-K1/2", "file_name", "BA.pdf"),
        ("conflict-K1/2", "sha256", sha256(PDF).hexdigest()),
    ]
    [file] = await desk.files()
    assert (file.event, file.field, file.why) == ("conflict-K1/2", "file", None)
    assert await desk.wrong() == []


async def test_only_so_many_events_and_only_these_subjects_are_asked_about(
    desk: Desk,
) -> None:
    size = (await log.head(desk.connection)).size
    assert len(texts_of(await desk.texts(size=size - 1))) == 4
    assert [field for _, field, _ in texts_of(await desk.texts(NUMBER))] == [
        *("reporter", "reporter")
    ]
    both = texts_of(await desk.texts("conflict-K2", NUMBER))
    assert both[-1] == ("conflict-K2/1", "title", "Dua")
    assert len(both) == 3
    assert len(await desk.files("conflict-K1")) == 1
    assert await desk.files("conflict-K2") == []
    with pytest.raises(
        SubjectNotFound, match=r"^subject conflict-K9 does not exist \(in the log"
    ):
        await desk.texts("conflict-K1", "conflict-K9")


async def test_a_file_of_an_organisation_is_opened_and_held_against_its_record(
    desk: Desk,
) -> None:
    registered = Registered(
        kind=OrganisationKind.LSM,
        name="LSM Contoh",
        legal_basis=LegalBasis.BADAN_HUKUM,
        effective_on=DAY,
    )
    await desk.do("O1", registered, "organisation")
    await desk.attach("O1", b"Akta pendirian", "organisation")
    [file] = await desk.files("organisation-O1")
    assert (file.event, file.field, file.why) == ("organisation-O1/2", "file", None)
    assert await desk.wrong() == []
    await desk.erase("organisation-O1")
    assert [one.why for one in await desk.files()] == [None, WithheldReason.ERASED]
    assert await desk.wrong() == []


async def test_no_page_of_the_log_is_left_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, files = await desk.texts(), await desk.files()
    monkeypatch.setattr("iku.queries.text_check.PAGE", 2)
    assert await desk.texts() == whole
    assert await desk.files() == files
    assert len({one.position for one in whole}) > 2


async def test_a_swapped_text_is_named(desk: Desk, owner: Plain) -> None:
    await owner.execute(SWAP)
    assert await desk.wrong() == [f"title of conflict-K1/1: {DAMAGED}"]
    [position] = [one.position for one in await desk.texts() if one.finding]
    recorded = await log.read_stream(desk.connection, "conflict-K1")
    assert position == recorded[0].position


async def test_a_broken_text_and_one_that_was_taken_are_named(
    desk: Desk, owner: Plain
) -> None:
    await owner.execute(
        """
        update vault.segment
           set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)
         where stream = 'conflict-K2' and field = 'title';
        delete from vault.segment where stream = 'conflict-K1' and field = 'reporter'
        """
    )
    assert await desk.wrong() == [
        f"reporter of conflict-K1/1: {MISSING}",
        f"title of conflict-K2/1: {DAMAGED}",
    ]


async def test_what_was_erased_is_counted_and_nothing_is_wrong(
    desk: Desk, owner: Plain
) -> None:
    before = tally(await desk.texts())
    await desk.erase("conflict-K1")
    await desk.do("K1", Verified(effective_on=DAY, note="Sesudahnya"))
    found = tally(await desk.texts())
    assert (found.erased, found.opened) == (3, before.opened - 3 + 1)
    assert tally(await desk.files()) == TextCounts(erased=1)
    assert await desk.wrong() == []
    # An erasure covers nothing that was recorded after it.
    await owner.execute("delete from vault.segment where field = 'note'")
    assert await desk.wrong() == [f"note of conflict-K1/3: {MISSING}"]


async def test_without_its_key_every_text_and_file_is_named_as_locked(
    desk: Desk, database: Database, home: Path, tmp_path: Path
) -> None:
    texts = len(await desk.texts())
    away = replace(SETTINGS, home=home, keys=tmp_path / "elsewhere")
    async with open_app(away, database) as app:
        other = Desk(app, desk.connection)
        assert tally(await other.texts()) == TextCounts(locked=texts)
        assert tally(await other.files()) == TextCounts(locked=1)
        wrong = await other.wrong()
    assert len(wrong) == texts + 1
    assert all(
        ": locked: its key is missing from the key folder" in line for line in wrong
    )


@pytest.mark.parametrize("damage", ["bit", "lost", "swapped"])
async def test_a_file_that_is_not_what_was_attached_is_named(
    desk: Desk, home: Path, damage: str
) -> None:
    await desk.attach("K2", b"another")
    paths = sorted((home / "attachments").glob("*"))
    first = min(paths, key=lambda path: abs(path.stat().st_size - len(PDF) - 28))
    [second] = [path for path in paths if path != first]
    match damage:
        case "bit":
            whole = first.read_bytes()
            first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "lost":
            first.unlink()
        case _:
            first.write_bytes(second.read_bytes())
    assert await desk.wrong() == [f"file of conflict-K1/2: {DAMAGED}"]


async def test_what_whoever_has_all_keys_seals_anew_is_named(
    desk: Desk, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text decrypts; only the commitment shows that it was replaced."""
    vault, connection = desk.app.vault, desk.connection
    [_, attached] = await log.read_stream(connection, "conflict-K1")
    filed = await vault.file(connection, attached)
    assert isinstance(filed, FileReference)
    monkeypatch.setattr("iku.vault.files.uuid4", lambda: filed.name)
    monkeypatch.setattr("iku.vault.files.os.urandom", lambda n: (filed.key * 2)[:n])
    (vault.files.folder / f"{filed.name}.sealed").unlink()
    assert vault.files.put(b"another") == filed
    place = TextLocation("conflict-K1", 1, "title", "conflict-K1")
    dek = await owner.fetchval(
        "select dek from vault.segment where stream = $1 and field = $2",
        place.stream,
        place.field,
    )
    sealed = sealing.seal(sealing.secret(place, "Lain"), vault._unwrapped[dek])
    await owner.execute(
        "update vault.segment set sealed = $1 where dek = $2 and field = $3",
        sealed,
        dek,
        place.field,
    )
    assert await desk.wrong() == [
        f"title of conflict-K1/1: {DAMAGED}",
        f"file of conflict-K1/2: {DAMAGED}",
    ]


async def test_a_file_whose_key_was_taken_is_named(desk: Desk, owner: Plain) -> None:
    await owner.execute("delete from vault.segment where file is not null")
    assert await desk.wrong() == [f"file of conflict-K1/2: {MISSING}"]


async def test_what_is_erased_while_one_looks_is_told_as_erased(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = attachments.read_content

    async def meanwhile(*args: Any) -> Any:
        await desk.erase("conflict-K1")
        return await held(*args)

    monkeypatch.setattr(attachments, "read_content", meanwhile)
    assert tally(await desk.files()) == TextCounts(erased=1)
