"""The check reports the first position at which each rule is broken."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from iku.language import Language, translate
from iku.ledger import checkpoint_signing, integrity_check
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import AppendRequest, Verdict
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import Plain
from tests.ledger.conftest import part, rolled_back

Ask = Callable[..., AppendRequest]
Append = Callable[..., Awaitable[list[Verdict]]]

OPEN = """
alter table ledger.event disable trigger append_only;
alter table ledger.command disable trigger append_only;
"""
CLOSE = """
alter table ledger.event enable always trigger append_only;
alter table ledger.command enable always trigger append_only;
"""
REHASH = "leaf = sha256('\\x00'::bytea || "

TAMPERED = [
    (
        "update ledger.event set leaf = sha256('forged') where position >= 2",
        "position 2: leaf hash: expected ",
    ),
    (
        "update ledger.event set record = record || ' ', "
        + REHASH
        + "record || ' '::bytea) where position = 2",
        (
            "position 2: record: expected a canonical record, "
            "found the record is not in canonical"
        ),
    ),
    (
        "update ledger.event set type = 'Other' where position = 3",
        "position 3: column type: expected Noted, found Other",
    ),
    (
        "update ledger.event set effective_on = null where position = 3",
        "position 3: column effective_on: expected 2021-02-01, found None",
    ),
    (
        "delete from ledger.event where position = 2",
        "position 3: position: expected 2, found 3",
    ),
    (
        "delete from ledger.event where position = 2",
        "position 3: version: expected 2, found 3",
    ),
    (
        "delete from ledger.event where position = 4",
        "ledger.head: size: expected 3, found 4",
    ),
    (
        "delete from ledger.event where position = 4",
        "commands: last position: expected 3, found 4",
    ),
    (
        "delete from ledger.event where position = 4",
        "command command-1: size at most that of the log: expected True, found False",
    ),
    (
        "delete from ledger.event where position = 4",
        "stream b-1: stream: expected None, found (1, ",
    ),
    (
        "update ledger.event set recorded_at = '2001-01-01' where position = 3",
        "position 3: recorded_at: expected 20",
    ),
    (
        "update ledger.event set recorded_at = '-infinity' where position = 3",
        "position 3: recorded_at: expected 20",
    ),
    (
        "update ledger.event set recorded_at = 'infinity' where position = 3",
        "position 4: recorded_at: expected 9999",
    ),
    (
        "update ledger.event set known_on = '2001-01-01' where position = 3",
        "position 3: known_on: expected 20",
    ),
    (
        "delete from ledger.command where command_id = 'command-1'",
        "position 1: command: expected command-1, found None",
    ),
    (
        "delete from ledger.command",
        "position 1: command: expected command-1, found None",
    ),
    (
        "delete from ledger.command where command_id = 'command-1'",
        "command command-2: first position of the command: expected 0, found 3",
    ),
    (
        "update ledger.command set command_id = 'other' where count = 3",
        "position 1: command: expected command-1, found other",
    ),
    (
        "update ledger.command set stream = 'z-1' where count = 3",
        "position 3: stream of the command: expected a-1, found z-1",
    ),
    (
        "update ledger.command set version = 9 where count = 3",
        "position 1: version of the command: expected 3, found 9",
    ),
    (
        "update ledger.command set size = 9 where count = 3",
        "command command-1: size at most that of the log: expected True, found False",
    ),
    (
        # Two commands whose counts cancel out; the constraint on counts is dropped.
        """
        alter table ledger.command drop constraint command_count_check;
        insert into ledger.command
        values ('f', '', 'z-1', 1, 2, -2, 4), ('g', '', 'z-1', 1, 4, 2, 4)
        """,
        "command f: number of events above 0: expected True, found False",
    ),
    (
        "update ledger.command set position = -9223372036854775808 where count = 3",
        (
            "command command-1: first position of the command: expected 0, found "
            "-9223372036854775811"
        ),
    ),
    (
        "update ledger.stream set version = 7 where stream = 'b-1'",
        "stream b-1: stream: expected (1, ",
    ),
    (
        "delete from ledger.stream where stream = 'b-1'",
        "ledger.stream: stream without a row: expected [], found ['b-1']",
    ),
    (
        "update ledger.head set size = 9",
        "ledger.head: size: expected 4, found 9",
    ),
]


@pytest.mark.parametrize(("change", "finding"), TAMPERED)
async def test_what_was_changed_behind_the_ledgers_back_is_found(
    ask: Ask, append: Append, owner: Plain, change: str, finding: str
) -> None:
    await append(ask("a-1", events=3), ask("b-1"))
    async with rolled_back(owner):
        await owner.execute(OPEN + change)
        found = await check_ledger(owner)
    assert [line for line in found if line.startswith(finding)], found


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            "update ledger.command set stream = 'c-1', version = 1",
            "position 4: stream of the command: expected a-1, found c-1",
        ),
        (
            "update ledger.command set version = 3",
            "position 3: version of the command: expected 2, found 3",
        ),
        (
            "update ledger.command set command_id = 'other'",
            "position 1: command: expected command-1, found other",
        ),
    ],
)
async def test_a_command_of_several_streams_is_held_by_its_main_part(
    ask: Ask, append: Append, owner: Plain, change: str, finding: str
) -> None:
    await append(ask("a-1", events=2, after=(part("b-1"), part("c-1"))))
    await owner.execute(OPEN + change)
    found = await check_ledger(owner)
    assert [line for line in found if line.startswith(finding)], found


async def test_a_finding_is_a_message_with_the_values_compared(
    ask: Ask, append: Append, owner: Plain
) -> None:
    await append(ask("a-1", events=3), ask("b-1"))
    await owner.execute(
        OPEN
        + """
        update ledger.event set effective_on = null where position = 3;
        update ledger.command set size = 9 where command_id = 'command-1';
        """
        + CLOSE
    )
    found = {translate(one, Language.INDONESIAN) for one in await check_ledger(owner)}
    assert found >= {
        (
            "perintah command-1: ukuran paling besar sama dengan ukuran log: "
            "seharusnya ya, ditemukan tidak"
        ),
        (
            "posisi 3: kolom effective_on: seharusnya 1 Februari 2021, "
            "ditemukan tidak ada"
        ),
    }


async def test_of_each_rule_only_the_first_break_is_named(
    ask: Ask, append: Append, owner: Plain
) -> None:
    await append(ask("a-1", events=3))
    await owner.execute(OPEN + "update ledger.event set leaf = '';" + CLOSE)
    (finding,) = await check_ledger(owner)
    assert finding.startswith("position 1: leaf hash: expected ")


HELD = ": append-only trigger: expected enabled always, found not enabled always"
TABLES = [
    (
        "alter table ledger.event disable trigger append_only",
        "ledger.event" + HELD,
    ),
    (
        "alter table ledger.event enable trigger append_only",
        "ledger.event" + HELD,
    ),
    (
        "drop trigger append_only on ledger.command",
        "ledger.command" + HELD,
    ),
    (
        """
        create or replace trigger append_only
          before update or delete on ledger.command
          for each statement execute function ledger.refuse_change();
        alter table ledger.command enable always trigger append_only;
        """,
        "ledger.command" + HELD,
    ),
    (
        """
        alter table ledger.event rename to event_before;
        create view ledger.event as select * from ledger.event_before;
        """,
        "ledger.event: kind of relation: expected r, found v",
    ),
    (
        "alter table ledger.stream enable row level security",
        "ledger.stream: row security: expected disabled, found enabled",
    ),
    (
        "create rule quiet as on insert to ledger.event do instead nothing",
        "ledger.event: rewrite rule: expected none, found quiet",
    ),
    (
        "create schema aside create table aside.child () inherits (ledger.event)",
        "ledger.event: child table: expected none, found aside.child",
    ),
]


@pytest.mark.parametrize(("change", "finding"), TABLES)
async def test_tables_that_are_not_what_they_should_be_are_found(
    ask: Ask, append: Append, owner: Plain, change: str, finding: str
) -> None:
    await append(ask("a-1", events=3))
    async with rolled_back(owner):
        await owner.execute(change)
        found = await check_ledger(owner)
    assert finding in found


async def test_each_command_is_told_the_size_after_its_transaction(
    ask: Ask, append: Append, owner: Plain
) -> None:
    await append(ask("a-1"), ask("b-1"), ask("c-1"))
    await append(ask("d-1"))
    change = "update ledger.command set size = 2 where command_id = 'command-2';"
    await owner.execute(OPEN + change + CLOSE)
    (finding,) = await check_ledger(owner)
    assert finding == (
        "command command-2: log size after the transaction: expected 3, found 2"
    )


SIGNED = [
    (
        "update ledger.checkpoint set note = 'x'",
        "checkpoint of size 0: text of the note: expected a checkpoint, found ",
    ),
    (
        "update ledger.checkpoint set size = 1 where size = 2",
        "checkpoint of size 1: size in the note: expected 1, found 2",
    ),
    (
        "update ledger.checkpoint set size = 7 where size = 2",
        "ledger.checkpoint: signed size: expected at most 2, found 7",
    ),
    (
        """
        update ledger.checkpoint
           set note = replace(
                 note, encode(root, 'base64'), encode(sha256('x'), 'base64'))
         where size = 2
        """,
        "checkpoint of size 2: root hash of the records: expected ",
    ),
]


@pytest.fixture
async def signed(ask: Ask, append: Append, signer: Plain, tmp_path: Path) -> None:
    """Checkpoints of the sizes 0 and 2."""
    home = SignerFolder(tmp_path / "signer")
    home.make_key("iku.test/log")
    await checkpoint_signing.sign(signer, home, "iku.test/log")
    await append(ask("a-1"), ask("b-1"))
    await checkpoint_signing.sign(signer, home, "iku.test/log")


@pytest.mark.parametrize(("change", "finding"), SIGNED)
async def test_checkpoints_are_held_against_the_records(
    signed: None, owner: Plain, change: str, finding: str
) -> None:
    assert await check_ledger(owner) == []
    await owner.execute(
        f"alter table ledger.checkpoint disable trigger append_only; {change}"
    )
    found = await check_ledger(owner)
    assert [line for line in found if line.startswith(finding)], found


async def test_an_empty_ledger_is_sound(append: Append) -> None:
    assert await append() == []


async def test_an_empty_ledger_that_claims_events_is_not(owner: Plain) -> None:
    await owner.execute("update ledger.head set size = 1")
    (finding,) = await check_ledger(owner)
    assert finding == "ledger.head: size: expected 0, found 1"


async def test_how_far_it_has_read_is_told(
    ask: Ask, append: Append, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity_check, "PAGE", 2)
    await append(ask("a-1", events=3), ask("b-1"), ask("c-1"))
    told: list[tuple[int, int]] = []
    assert await check_ledger(owner, lambda *done: told.append(done)) == []
    assert told == [(2, 5), (4, 5), (5, 5)]
