"""The vault over a real database: privileges, races, damage, lost and rotated keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from iku import text_reading
from iku.app import App, open_app
from iku.commands import text_erasure
from iku.commands.command import Command
from iku.domain import conflict
from iku.domain.conflict import (
    Category,
    Dimension,
    Handled,
    Phase,
    Reported,
    Verified,
)
from iku.domain.erasure import Erased
from iku.domain.fact import Person
from iku.domain.withheld_text import NONE
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.postgres import pool as pools
from iku.postgres.database import Database, migrate_database
from iku.postgres.pool import Plain
from iku.vault.keys import KeysError
from tests.conftest import SETTINGS, Clone

DAY = date(2021, 2, 9)
TEXT = "Sengketa lapak pedagang pasar"
ERASED = Erased(decision="B/12/2022", legal_basis="UU 27/2022 Pasal 8")


def report(title: str = TEXT, **fields: Any) -> Reported:
    return Reported(
        category=Category.IPOLEKSOSBUD,
        dimension=Dimension.EKONOMI,
        title=title,
        effective_on=DAY,
        **fields,
    )


def handled(note: str) -> Handled:
    """A fact that can be recorded repeatedly."""
    return Handled(effective_on=DAY, phase=Phase.PENGHENTIAN, note=note)


class Desk:
    """An application, and shorthands."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def do(self, subject: str, proposed: Any, category: str = "conflict") -> None:
        async with self.app.pool.acquire() as connection:
            command = Command(category, subject, proposed, "siti")
            assert (await self.app.commands.handle(connection, command)).added

    async def erase(self, subject: str, erased: Erased = ERASED) -> None:
        async with self.app.pool.acquire() as connection:
            command = Command("subject", subject, erased, "siti")
            assert (
                await text_erasure.erase(self.app.commands, connection, command)
            ).added

    async def shown(self, subject: str = "K1") -> list[dict[str, str]]:
        """The texts of each event of a case, or their placeholders."""
        async with self.app.pool.acquire() as connection:
            recorded = await log.read_stream(connection, f"conflict-{subject}")
            found = await text_reading.read(connection, self.app.vault, recorded)
        return [
            found.get((one.stream, one.version), NONE).display_texts for one in recorded
        ]


@asynccontextmanager
async def opened(database: Database, keys: Path) -> AsyncIterator[Desk]:
    async with open_app(replace(SETTINGS, keys=keys), database) as app:
        yield Desk(app)


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> str:
    """A template with the seed definitions, which have no texts and so no keys."""
    name = "template" if "unseeded" in request.fixturenames else "furnished"
    return str(request.getfixturevalue(name))


@pytest.fixture
def unseeded() -> None:
    """The application records the seed definitions."""  # `origin` has none then


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
async def desk(database: Database, keys: Path) -> AsyncIterator[Desk]:
    async with opened(database, keys) as desk:
        yield desk


# Privileges.

FUNCTIONS = {
    *("put", "read", "erase", "reconcile", "held", "count", "keys"),
    *("rewrap", "retire", "filed", "oldest", "files"),
    *("keep_paper", "keep_proven_paper", "read_paper"),
}


@pytest.fixture(scope="module")
async def application(clone: Clone, template: str) -> AsyncIterator[Plain]:
    """The application's connection to one database, for statements that are refused."""
    connection = await pools.connect((await clone(template)).application_dsn)
    yield connection
    await connection.close()


@pytest.mark.parametrize("table", ["dek", "segment", "retired", "erased_file"])
@pytest.mark.parametrize(
    "statement",
    [
        "select * from vault.{}",
        "insert into vault.{} default values",
        "update vault.{0} set {1} = null",
        "delete from vault.{}",
        "truncate vault.{}",
    ],
)
async def test_the_applications_role_has_no_right_to_any_table(
    application: Plain, table: str, statement: str
) -> None:
    columns = {"dek": "dek", "segment": "dek", "retired": "epoch"}
    column = columns.get(table, "file")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute(statement.format(table, column))


async def test_the_vault_is_its_own_roles_and_only_the_application_may_call_it(
    owner: Plain,
) -> None:
    rows = await owner.fetch(
        """
        select p.proname as name, pg_get_userbyid(p.proowner) as owner, p.prosecdef,
               p.proconfig, has_function_privilege('iku_app', p.oid, 'execute') as app,
               has_function_privilege('pg_monitor', p.oid, 'execute') as anybody
          from pg_proc p
         where p.pronamespace = 'vault'::regnamespace
        """
    )
    assert {row["name"] for row in rows} == FUNCTIONS
    for row in rows:
        assert (row["owner"], row["prosecdef"]) == ("iku_vault", True)
        assert "search_path=pg_catalog, pg_temp" in row["proconfig"]
        assert (row["app"], row["anybody"]) == (True, False)
    tables = await owner.fetch(
        """
        select tableowner, schemaname, tablename from pg_tables
         where schemaname = 'vault' or tableowner = 'iku_vault'
        """
    )
    assert {(r["tableowner"], r["schemaname"]) for r in tables} == {
        ("iku_vault", "vault")
    }


async def test_the_vaults_role_can_do_nothing_to_the_log(owner: Plain) -> None:
    for table in ("event", "command", "stream", "head"):
        for right in ("insert", "update", "delete", "truncate"):
            may = await owner.fetchval(
                "select has_table_privilege('iku_vault', $1, $2)",
                f"ledger.{table}",
                right,
            )
            assert not may
    assert not await owner.fetchval(
        "select rolcanlogin or rolsuper from pg_roles where rolname = 'iku_vault'"
    )


async def test_nothing_of_the_ledger_or_of_what_is_counted_reads_the_vault(
    owner: Plain,
) -> None:
    sources = await owner.fetch(
        """
        select proname, prosrc from pg_proc
         where pronamespace in ('ledger'::regnamespace, 'projection'::regnamespace)
        """
    )
    assert len(sources) > 5
    assert not [row["proname"] for row in sources if "vault" in row["prosrc"]]


# Storing texts.


async def test_each_stream_and_subject_has_one_key_however_many_texts(
    desk: Desk, owner: Plain
) -> None:
    person = Person("Budi", "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10")
    await desk.do("K1", report(reference="LP/1", reporter=person, parties=(person,)))
    await desk.do("K1", Verified(effective_on=DAY, note="Ditinjau"))
    await desk.do("K2", report(reporter=person))
    rows = await owner.fetch(
        """
        select k.stream, k.subject, array_agg(s.version || ' ' || s.field
               order by s.version, s.field) as texts
          from vault.dek k join vault.segment s using (dek)
         group by k.dek, k.stream, k.subject order by 1, 2
        """
    )
    assert [tuple(row) for row in rows] == [
        ("conflict-K1", person.subject, ["1 parties.0", "1 reporter"]),
        ("conflict-K1", "conflict-K1", ["1 reference", "1 title", "2 note"]),
        ("conflict-K2", person.subject, ["1 reporter"]),
        ("conflict-K2", "conflict-K2", ["1 title"]),
    ]


async def test_a_text_is_stored_only_under_a_key_of_its_batch(
    desk: Desk, owner: Plain
) -> None:
    await desk.do("K1", report())
    latest = await owner.fetchval("select dek from vault.dek")

    async def put(stream: str, known: Any, new: Any, key: Any) -> None:
        added = ("2021-01", b"\0" * 60) if new else (None, None)
        used = (stream, stream, known, new, *added, 9)
        text = (stream, 2, "note", key, b"sealed", None)
        async with desk.app.pool.acquire() as connection:
            await connection.fetch("select vault.put($1, $2)", [used], [text])

    for stream, known, new in (("conflict-K2", None, uuid4()), (KNOWN, latest, None)):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await put(stream, known, new, uuid4())
        await put(stream, known, new, new or known)
    assert await owner.fetchval("select count(*) from vault.segment") == 3


KNOWN = "conflict-K1"


async def test_a_repeated_command_keeps_nothing_twice(desk: Desk, owner: Plain) -> None:
    command = Command("conflict", "K1", report(), "siti", command_id="c-1")
    async with desk.app.pool.acquire() as connection:
        for _ in range(3):
            await desk.app.commands.handle(connection, command)
    assert await owner.fetchval("select count(*) from vault.segment") == 1
    assert await owner.fetchval("select count(*) from vault.dek") == 1


async def test_houses_that_share_a_database_share_its_keys(
    desk: Desk, database: Database, keys: Path, owner: Plain
) -> None:
    await desk.do("K1", report())
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(opened(database, keys)) for _ in "ab"]
        for n, one in enumerate([*others, desk] * 3):
            await one.do("K1", handled(f"catatan {n}"))
        assert [t.get("note") for t in await others[1].shown()][1:] == [
            f"catatan {n}" for n in range(9)
        ]
        notes = (
            one.do("K1", handled(f"serentak {n}"))
            for n, one in enumerate([*others, desk])
        )
        await asyncio.gather(*notes)
    per_stream = await owner.fetch(
        "select stream, count(*) as keys from vault.dek group by 1 having count(*) > 1"
    )
    assert per_stream == []


async def test_what_is_rolled_back_is_not_kept_and_the_next_text_is(
    desk: Desk, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data key generated for it is in memory, but not in the database."""
    await desk.do("K2", report())
    monkeypatch.setattr(desk.app.commands.appender, "_at_once", None)
    real = log.append_encoded

    async def cut(connection: Any, framed: Any, *, zone: str) -> Any:
        verdicts = await real(connection, framed, zone=zone)
        keep = desk.app.vault.store

        async def fail(*args: Any) -> None:
            await keep(*args)
            raise RuntimeError("power cut")

        monkeypatch.setattr(desk.app.vault, "store", fail)
        return verdicts

    monkeypatch.setattr(log, "append_encoded", cut)
    with pytest.raises(RuntimeError):
        await desk.do("K1", report())
    monkeypatch.undo()
    assert await owner.fetchval("select count(*) from vault.segment") == 1
    await desk.do("K1", report())
    assert await desk.shown() == [{"title": TEXT}]
    assert await check_ledger(owner) == []


async def test_the_cache_of_keys_is_bounded_and_what_fell_out_still_opens(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iku.vault.store.CACHE", 3)
    for n in range(8):
        await desk.do(f"K{n}", report(f"Perkara {n}"))
    for n in range(8):
        await desk.do(f"K{n}", Verified(effective_on=DAY, note=f"catatan {n}"))
        assert await desk.shown(f"K{n}") == [
            {"title": f"Perkara {n}"},
            {"note": f"catatan {n}"},
        ]
    vault = desk.app.vault
    assert len(vault._unwrapped) <= 3
    assert len(vault._latest) <= 3


# Damage.


async def test_swapped_texts_are_found_and_named(desk: Desk, owner: Plain) -> None:
    await desk.do("K1", report("Satu"))
    await desk.do("K1", Verified(effective_on=DAY, note="Dua"))
    await desk.do("K2", report("Tiga"))
    # Within a stream, in which both texts have the same key.
    await owner.execute(
        """
        update vault.segment s set sealed = o.sealed
          from vault.segment o
         where s.stream = o.stream and s.version <> o.version
        """
    )
    assert await desk.shown("K1") == [{"title": "damaged"}, {"note": "damaged"}]
    assert await desk.shown("K2") == [{"title": "Tiga"}]


async def test_a_text_from_another_case_is_damaged_under_its_own_key_too(
    desk: Desk, owner: Plain
) -> None:
    await desk.do("K1", report("Satu"))
    await desk.do("K2", report("Dua"))
    await owner.execute(
        """
        update vault.segment s set sealed = o.sealed, dek = o.dek
          from vault.segment o
         where s.stream = 'conflict-K1' and o.stream = 'conflict-K2'
        """
    )
    assert await desk.shown("K1") == [{"title": "damaged"}]


async def test_a_flipped_bit_is_damage_and_a_row_that_was_taken_is_missing(
    desk: Desk, owner: Plain
) -> None:
    for n in (1, 2, 3):
        await desk.do(f"K{n}", report())
    await owner.execute(
        """
        update vault.segment
           set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)
         where stream = 'conflict-K1';
        delete from vault.segment where stream = 'conflict-K2';
        """
    )
    assert await desk.shown("K1") == [{"title": "damaged"}]
    assert await desk.shown("K2") == [{"title": "missing"}]
    assert await desk.shown("K3") == [{"title": TEXT}]


async def test_what_was_erased_is_told_from_what_was_withheld(
    desk: Desk, owner: Plain
) -> None:
    await desk.do("K1", report())
    await desk.erase("conflict-K1")
    await desk.do("K1", Verified(effective_on=DAY, note="Sesudahnya"))
    await owner.execute("delete from vault.segment")
    # The erasure covers only texts recorded before it.
    assert await desk.shown() == [{"title": "erased (B/12/2022)"}, {"note": "missing"}]


async def test_a_damaged_text_hinders_no_decision_and_no_new_text(
    desk: Desk, owner: Plain
) -> None:
    await desk.do("K1", report())
    await owner.execute("update vault.segment set sealed = ''; ")
    corrected = conflict.Corrected(corrects=1, title="Lain", reason="Salah tulis")
    await desk.do("K1", corrected)
    await desk.do("K1", Verified(effective_on=DAY))
    shown = await desk.shown()
    assert shown[0] == {"title": "damaged"}
    assert shown[1] == {"reason": "Salah tulis", "title": "Lain"}


# Lost keys and rotation.


@pytest.mark.parametrize("damage", ["lost", "another", "no key"])
async def test_without_its_key_a_text_is_locked_and_the_next_is_not(
    database: Database, keys: Path, damage: str
) -> None:
    async with opened(database, keys) as desk:
        await desk.do("K1", report())
        assert await lost(desk) == []
        [epoch] = desk.app.vault.keys.epochs()
    path = keys / f"{epoch}.key"
    kept = path.read_bytes()
    match damage:
        case "lost":
            path.unlink()
        case "another":
            path.write_bytes(kept.swapcase())
        case _:
            path.write_bytes(b"?")
    async with opened(database, keys) as desk:
        assert await lost(desk) == [epoch]
        assert await desk.shown() == [{"title": "locked"}]
        await desk.do("K1", Verified(effective_on=DAY, note="Ditinjau"))
    async with opened(database, keys) as desk:
        await desk.do("K1", handled("Lagi"))
        later = [{"note": "Ditinjau"}, {"note": "Lagi"}]
        assert await desk.shown() == [{"title": "locked"}, *later]
        assert await lost(desk) == [epoch]
    # Texts written since do not prevent the lost key from being restored.
    path.write_bytes(kept)
    async with opened(database, keys) as desk:
        assert await desk.shown() == [{"title": TEXT}, *later]
        assert await lost(desk) == []
        assert desk.app.vault.keys.epochs() == [epoch, f"{epoch}.2"]


async def lost(desk: Desk) -> list[str]:
    async with desk.app.pool.acquire() as connection:
        return await desk.app.vault.find_lost_epochs(connection)


async def test_of_many_epochs_those_are_told_whose_key_is_lost(
    desk: Desk, keys: Path
) -> None:
    vault, today = desk.app.vault, desk.app.commands.today()
    for n in range(3):
        await desk.do(f"K{n}a", report())
        await desk.do(f"K{n}b", report())
        vault.keys.start_epoch(today)
    first, second, third, _ = vault.keys.epochs()
    assert await lost(desk) == []
    for epoch in (first, third):
        (keys / f"{epoch}.key").unlink()
    assert await lost(desk) == [first, third]
    (keys / f"{second}.key").write_bytes((keys / f"{second}.key").read_bytes()[:-4])
    assert await lost(desk) == [first, second, third]


async def test_no_file_outside_the_folder_is_taken_for_a_key(
    desk: Desk, owner: Plain, keys: Path
) -> None:
    await desk.do("K1", report())
    [epoch] = desk.app.vault.keys.epochs()
    (keys / f"{epoch}.key").rename(keys.parent / "other.key")
    await owner.execute("update vault.dek set epoch = '../other'")
    assert await lost(desk) == ["../other"]


def silent(_done: int, _of: int) -> None:
    """Ignore the progress."""


async def test_after_rotating_the_old_key_can_go_and_every_text_still_opens(
    desk: Desk, owner: Plain, database: Database, keys: Path
) -> None:
    vault, today = desk.app.vault, desk.app.commands.today()
    for n in range(5):
        await desk.do(f"K{n}", report(f"Perkara {n}"))
    [old] = vault.keys.epochs()
    async with desk.app.pool.acquire() as connection:
        with pytest.raises(KeysError, match="is the current epoch"):
            await vault.destroy(connection, old)
        new = vault.keys.start_epoch(today)
        with pytest.raises(KeysError, match="still wraps data keys"):
            await vault.destroy(connection, old)
        stolen = await owner.fetch("select * from vault.dek")  # an old backup
        assert await vault.rotate(connection, silent) == 0
        assert await vault.epochs(connection) == {new: (5, 0)}
        await vault.destroy(connection, old)
        with pytest.raises(KeysError, match="the key of epoch"):
            await vault.destroy(connection, old)
    assert vault.keys.epochs() == [new]
    assert not (keys / f"{old}.key").exists()
    assert await desk.shown("K3") == [{"title": "Perkara 3"}]
    async with opened(database, keys) as other:
        assert await other.shown("K4") == [{"title": "Perkara 4"}]
        # The old backup cannot be decrypted.
        await owner.executemany(
            "update vault.dek set wrapped = $2, epoch = $3 where dek = $1",
            [(row["dek"], row["wrapped"], row["epoch"]) for row in stolen],
        )
        other.app.vault.clear_key_cache()
        assert await other.shown("K4") == [{"title": "locked"}]


async def test_rotating_leaves_what_is_locked_and_says_how_much(
    desk: Desk, owner: Plain, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iku.vault.store.REWRAPPED", 2)
    for n in range(5):
        await desk.do(f"K{n}", report())
    await owner.execute(
        "update vault.dek set epoch = '2020-01' where stream = 'conflict-K2'"
    )
    vault = desk.app.vault
    vault.keys.start_epoch(desk.app.commands.today())
    vault.clear_key_cache()
    told: list[tuple[int, int]] = []
    async with desk.app.pool.acquire() as connection:
        assert await vault.rotate(connection, lambda *done: told.append(done)) == 1
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert await desk.shown("K2") == [{"title": "locked"}]
    assert await desk.shown("K1") == [{"title": TEXT}]


async def test_nothing_is_wrapped_any_more_by_a_key_that_was_destroyed(
    unseeded: None, desk: Desk, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may still use it as the current one."""
    vault = desk.app.vault
    old, key = vault.keys.current_epoch(desk.app.commands.today())
    new = vault.keys.start_epoch(desk.app.commands.today())
    async with desk.app.pool.acquire() as connection:
        await vault.destroy(connection, old)
    real = vault.keys.current_epoch
    answers = iter([(old, key)] * 2)  # by one statement, then step by step
    monkeypatch.setattr(
        vault.keys, "current_epoch", lambda day: next(answers, None) or real(day)
    )
    with pytest.raises(asyncpg.SerializationError):
        await desk.do("K1", report())
    await desk.do("K1", report())
    assert await owner.fetchval("select epoch from vault.dek") == new


# Backups.


async def test_a_backup_from_before_an_erasure_brings_nobody_back(
    database: Database, keys: Path, owner: Plain
) -> None:
    async with opened(database, keys) as desk:
        await desk.do("K1", report())
        await desk.do("K2", report())
        saved = await saved_tables(owner)
        await desk.erase("conflict-K1")
        position = await owner.fetchval("select size from ledger.head")
    await restore(owner, saved)
    assert await owner.fetchval("select size from ledger.head") == position - 1
    assert await owner.fetchval("select count(*) from vault.segment") == 2
    # Before the first request, the decision is recorded again and the text erased.
    async with opened(database, keys) as desk:
        assert (desk.app.reconciled.decisions, desk.app.reconciled.texts) == (1, 0)
        assert await desk.shown("K1") == [{"title": "erased (B/12/2022)"}]
        assert await desk.shown("K2") == [{"title": TEXT}]
        assert await owner.fetchval("select size from ledger.head") == position
    assert await owner.fetchval("select count(*) from vault.segment") == 1
    assert await check_ledger(owner) == []
    async with opened(database, keys) as desk:
        assert desk.app.reconciled == text_erasure.ReconciliationResult(0, 0)


async def test_a_backup_of_the_vault_alone_brings_nobody_back(
    database: Database, keys: Path, owner: Plain
) -> None:
    async with opened(database, keys) as desk:
        await desk.do("K1", report())
        saved = {t: rows for t, rows in (await saved_tables(owner)).items() if "v" in t}
        await desk.erase("conflict-K1")
        await desk.do("K1", Verified(effective_on=DAY, note="Sesudahnya"))
        later = await saved_tables(owner)
    both = {t: saved[t] + later[t] for t in ("vault.dek", "vault.segment")}
    await restore(owner, both)
    async with opened(database, keys) as desk:
        assert desk.app.reconciled == text_erasure.ReconciliationResult(0, 1)
        assert await desk.shown() == [
            {"title": "erased (B/12/2022)"},
            {"note": "Sesudahnya"},
        ]


async def test_an_erasure_whose_note_was_lost_is_noted_at_the_next_start(
    database: Database, keys: Path
) -> None:
    async with opened(database, keys) as desk:
        await desk.do("K1", report())
        await desk.erase("conflict-K1")
        [noted] = desk.app.vault.keys.erasures()
    (keys / "erased.jsonl").unlink()
    async with opened(database, keys) as desk:
        assert desk.app.vault.keys.erasures() == [noted]
    async with opened(database, keys) as desk:
        assert desk.app.vault.keys.erasures() == [noted]


async def test_the_erasures_of_one_log_do_not_touch_another(
    desk: Desk, keys: Path, empty_database: Database
) -> None:
    await desk.do("K1", report())
    await desk.erase("conflict-K1")
    await migrate_database(empty_database)
    async with opened(empty_database, keys) as other:
        await other.do("K1", report())
    async with opened(empty_database, keys) as other:
        assert await other.shown() == [{"title": TEXT}]


TABLES = (
    *("ledger.event", "ledger.stream", "ledger.command", "ledger.head"),
    *("vault.dek", "vault.segment"),
)


async def saved_tables(owner: Plain) -> dict[str, list[asyncpg.Record]]:
    return {table: await owner.fetch(f"select * from {table}") for table in TABLES}


async def restore(owner: Plain, saved: dict[str, list[asyncpg.Record]]) -> None:
    """Restore the tables, as from a backup."""
    await owner.execute("alter table ledger.event disable trigger append_only")
    await owner.execute("alter table ledger.command disable trigger append_only")
    for table in reversed([t for t in TABLES if t in saved]):
        await owner.execute(f"delete from {table}")
    for table in [t for t in TABLES if t in saved]:
        for row in saved[table]:
            places = ", ".join(f"${n + 1}" for n in range(len(row)))
            await owner.execute(f"insert into {table} values ({places})", *row)
    await owner.execute("alter table ledger.event enable always trigger append_only")
    await owner.execute("alter table ledger.command enable always trigger append_only")
