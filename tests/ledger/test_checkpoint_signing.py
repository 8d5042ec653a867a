"""The signer signs only consistent continuations, and else raises an alarm."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from iku.ledger import (
    checkpoint,
    checkpoint_signing,
    checkpoint_store,
    durable_files,
    note,
    policy,
    signed_tree,
    tree,
)
from iku.ledger.checkpoint_signing import SigningResult
from iku.ledger.log import AppendRequest, Verdict
from iku.ledger.signer_folder import (
    AlarmRaised,
    SignerFolder,
    SignerNotReady,
    SignerState,
)
from iku.postgres.pool import Plain
from tests.ledger.test_note import witness_key
from tests.ledger.test_tile_cache import fill

Ask = Callable[..., AppendRequest]
Append = Callable[..., Awaitable[list[Verdict]]]

ORIGIN = "iku.test/log"
OPEN = "alter table ledger.event disable trigger append_only;"


@pytest.fixture
def home(tmp_path: Path) -> SignerFolder:
    home = SignerFolder(tmp_path / "signer")
    home.make_key(ORIGIN)
    return home


async def leaves(owner: Plain) -> list[bytes]:
    rows = await owner.fetch("select record from ledger.event order by position")
    return [tree.leaf_hash(row["record"]) for row in rows]


async def sign(
    signer: Plain, home: SignerFolder, *, full: bool = False
) -> SigningResult:
    return await checkpoint_signing.sign(signer, home, ORIGIN, full=full)


def trusting(home: SignerFolder) -> policy.Policy:
    return policy.parse(f"log {home.key().verifier}\nquorum none\n".encode())


async def test_what_is_signed_is_the_root_of_the_records(
    ask: Ask, append: Append, signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    nothing = await sign(signer, home)
    assert (nothing.size, nothing.signed) == (0, False)
    assert await checkpoint_store.latest(owner) is not None
    await append(ask("a-1", events=3), ask("b-1"))
    outcome = await sign(signer, home)
    assert (outcome.size, outcome.signed) == (4, True)
    last = await checkpoint_store.latest(owner)
    assert last is not None
    assert last.checkpoint.size == 4
    judged = policy.judge(trusting(home), last.published_note)
    assert judged.checkpoint.root == tree.root(await leaves(owner))
    assert judged.checkpoint == checkpoint.Checkpoint(ORIGIN, 4, last.root)


async def test_nothing_new_is_not_signed_again(
    ask: Ask, append: Append, signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await append(ask("a-1"))
    first = await sign(signer, home)
    again = await sign(signer, home, full=True)
    assert (again.signed, again.note) == (False, first.note)
    assert await owner.fetchval("select count(*) from ledger.checkpoint") == 1


async def test_a_round_reads_from_the_last_full_tile_on(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 700)
    assert (await sign(signer, home)).read == 700
    assert (await sign(signer, home)).read == 700 - 512
    assert (await sign(signer, home, full=True)).read == 700
    kept = await owner.fetch("select number from ledger.tile order by number")
    assert [row["number"] for row in kept] == [0, 1]


FORGED = """
update ledger.event
   set record = record || ' ', leaf = sha256('\\x00'::bytea || record || ' '::bytea)
"""
TAMPERED = [
    (
        "update ledger.event set record = record || ' ' where position = 690",
        False,
        "position 690: the record has leaf hash ",
    ),
    (
        FORGED + "where position = 690",
        False,
        "the first 700 records have root hash ",
    ),
    (
        FORGED + "where position = 42",
        True,
        "the first 700 records have root hash ",
    ),
    (
        "delete from ledger.event where position = 690",
        False,
        "the record at position 690 is missing",
    ),
    (
        "delete from ledger.event where position = 1",
        True,
        "the record at position 1 is missing",
    ),
    (
        "delete from ledger.event where position > 600",
        False,
        "the log has 600 records, but a checkpoint of size 700 was signed",
    ),
    (
        "delete from ledger.event",
        False,
        "the log has 0 records, but a checkpoint of size 700 was signed",
    ),
    # Truncated, and grown again to the same size.
    (
        FORGED + "where position > 650",
        False,
        "the first 700 records have root hash ",
    ),
    # The stored leaf of a record that a partial round does not read again.
    (
        """
        delete from ledger.tile;
        update ledger.event set leaf = sha256('x') where position = 42
        """,
        False,
        "at size 700 the stored leaf hashes give root ",
    ),
    (
        "update ledger.tile set hashes = set_byte(hashes, 0, 0), root = sha256('x')",
        False,
        "at size 700 the stored leaf hashes give root ",
    ),
]


@pytest.mark.parametrize(("change", "full", "says"), TAMPERED)
async def test_what_was_tampered_with_is_not_signed(
    signer: Plain,
    owner: Plain,
    home: SignerFolder,
    *,
    change: str,
    full: bool,
    says: str,
) -> None:
    await fill(owner, 700)
    before = (await sign(signer, home)).note
    await owner.execute(OPEN + change)
    with pytest.raises(AlarmRaised, match=says):
        await sign(signer, home, full=full)
    told = home.alarm_path.read_text()
    assert says in told
    assert before in told
    assert says in (await checkpoint_store.alarm(owner) or "")
    assert await owner.fetchval("select count(*) from ledger.checkpoint") == 1


async def test_what_vanishes_while_it_is_read_is_missed(
    signer: Plain, owner: Plain
) -> None:
    await fill(owner, 10)
    with pytest.raises(
        signed_tree.LogTampered,
        match="the record at position 11 is missing",
    ):
        assert [one async for one in signed_tree._leaves(signer, 0, 12)]


async def test_an_alarm_that_is_not_for_us_to_read_is_none(
    home: SignerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(durable_files, "read_if_exists", closed)
    assert home.alarm_sentence() is None


async def test_an_alarm_without_a_sentence_is_one(home: SignerFolder) -> None:
    home.alarm_path.touch()
    assert home.alarm_sentence() == f"see {home.alarm_path}"


async def test_a_regrown_log_is_not_signed(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 300)
    await sign(signer, home)
    await owner.execute(
        OPEN + "delete from ledger.event where position > 290;"
        "insert into ledger.event (position, stream, version, type, known_on, declared,"
        " recorded_at, record, leaf) select n, 'a-1', n, 'Noted', '2021-01-01', false,"
        " '2021-01-01', 'x', sha256('\\x0078'::bytea) from generate_series(291, 400) n"
    )
    with pytest.raises(AlarmRaised, match="the first 300 records have root hash "):
        await sign(signer, home)


async def test_a_wrong_cache_is_mended_by_a_full_round(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 700)
    await sign(signer, home)
    await owner.execute("update ledger.tile set hashes = set_byte(hashes, 0, 0)")
    assert not (await sign(signer, home, full=True)).signed
    kept = await owner.fetchval("select hashes from ledger.tile where number = 1")
    assert kept == b"".join((await leaves(owner))[256:512])


async def test_an_alarm_stands_until_somebody_has_looked_into_it(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 10)
    await sign(signer, home)
    await owner.execute(OPEN + "create temporary table gone as table ledger.event")
    await owner.execute("delete from ledger.event where position = 10")
    for _ in range(2):
        with pytest.raises(
            AlarmRaised, match="the log has 9 records, but a checkpoint of size 10"
        ):
            await sign(signer, home)
    await owner.execute(
        """
        insert into ledger.event select * from gone where position = 10;
        drop table gone
        """
    )
    with pytest.raises(
        AlarmRaised,
        match=r"the signer has raised an alarm: .* size 10 was signed; .* remove ",
    ):
        await sign(signer, home)
    assert await checkpoint_store.alarm(owner) is not None
    home.alarm_path.unlink()
    await sign(signer, home)
    assert await checkpoint_store.alarm(owner) is None
    told = await owner.fetch("select raised from ledger.alarm order by number")
    assert [row["raised"] for row in told] == [True, False]


async def test_an_alarm_is_told_even_where_the_database_does_not_take_it(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 10)
    await sign(signer, home)
    await owner.execute(
        OPEN + "delete from ledger.event; revoke insert on ledger.alarm from iku_signer"
    )
    with pytest.raises(AlarmRaised):
        await sign(signer, home)
    assert "0 records" in home.alarm_path.read_text()


async def test_a_tampered_log_is_not_signed_the_first_time_either(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 10)
    await owner.execute(OPEN + "update ledger.event set leaf = '' where position = 3")
    with pytest.raises(AlarmRaised, match="position 3: "):
        await sign(signer, home)
    assert "nothing was signed before" in home.alarm_path.read_text()


async def test_what_was_signed_before_a_crash_is_published_after_it(
    signer: Plain, owner: Plain, home: SignerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(owner, 10)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint_store, "publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await sign(signer, home)
    state = home.state()
    assert state is not None
    assert await checkpoint_store.latest(owner) is None
    outcome = await sign(signer, home)
    assert not outcome.signed
    last = await checkpoint_store.latest(owner)
    assert last is not None
    assert last.note == state.note


async def test_a_new_key_is_introduced_by_the_old_one(
    ask: Ask, append: Append, signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await append(ask("a-1"))
    with pytest.raises(SignerNotReady, match="no checkpoint is signed yet"):
        await checkpoint_signing.rotate(signer, home, ORIGIN)
    await sign(signer, home)
    old = home.key()
    await append(ask("b-1"))
    outcome = await checkpoint_signing.rotate(signer, home, ORIGIN)
    new = home.key()
    assert new != old
    both = note.parse(outcome.note.encode())
    assert len(note.verify(both, [old.verifier])) == 1
    assert len(note.verify(both, [old.verifier, new.verifier])) == 2
    await append(ask("c-1"))
    alone = note.parse((await sign(signer, home)).note.encode())
    assert [one.key for one in note.verify(alone, [new.verifier])] == [new.verifier]
    assert len(alone.signatures) == 1
    listed = await checkpoint_store.log_keys(owner)
    assert [(one.key, one.first_size, one.last_size) for one in listed] == [
        (old.verifier, 1, 2),
        (new.verifier, 2, None),
    ]
    spelt = f"witness W {witness_key().verifier}\n".encode()
    watched = policy.parse(spelt, complete=False)
    assert b"NO WITNESS" not in checkpoint_store.published_policy(listed, watched)
    nobody = checkpoint_store.published_policy(listed, policy.Policy())
    assert b"THIS LOG HAS NO WITNESS" in nobody
    assert b"signed up to size 2." in nobody
    assert [str(p.key) for p in policy.parse(nobody).logs] == [
        str(one.key) for one in listed
    ]
    retired = home.folder / f"key.retired-{old.verifier.key_id.hex()}"
    assert note.parse_signing(durable_files.read_secret(retired)) == old


async def test_a_size_that_was_signed_is_signed_anew_by_both_keys(
    ask: Ask, append: Append, signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await append(ask("a-1"))
    await sign(signer, home)
    outcome = await checkpoint_signing.rotate(signer, home, ORIGIN)
    last = await checkpoint_store.latest(owner)
    assert last is not None
    assert (last.size, last.note) == (1, outcome.note)
    assert [one.note async for one in checkpoint_store.checkpoints_up_to(owner, 1)] == [
        outcome.note
    ]


@pytest.mark.parametrize("renamed", [False, True])
async def test_a_rotation_that_was_interrupted_is_completed(
    ask: Ask,
    append: Append,
    signer: Plain,
    home: SignerFolder,
    monkeypatch: pytest.MonkeyPatch,
    *,
    renamed: bool,
) -> None:
    await append(ask("a-1"))
    await sign(signer, home)
    old = home.key()
    with monkeypatch.context() as patched:
        if renamed:
            patched.setattr(checkpoint_store, "publish", lambda *_: 1 / 0)
        else:
            patched.setattr(SignerFolder, "write_state", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await checkpoint_signing.rotate(signer, home, ORIGIN)
    upcoming = home.next_key()
    await append(ask("b-1"))
    await sign(signer, home)
    assert home.key() == (upcoming if renamed else old)
    if not renamed:
        await checkpoint_signing.rotate(signer, home, ORIGIN)
        assert home.key() == upcoming
    home.complete_rotation()
    assert home.key() == upcoming


async def test_another_key_or_log_is_refused(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder
) -> None:
    await append(ask("a-1"))
    with pytest.raises(SignerNotReady, match="but IKU_ORIGIN is other"):
        await checkpoint_signing.sign(signer, home, "other.test/log")
    await sign(signer, home)
    other = note.generate_signing_key(ORIGIN, note.Algorithm.NOTE)
    durable_files.write(home.folder / "key", other.secret.encode())
    with pytest.raises(SignerNotReady, match="is not the current key"):
        await sign(signer, home)
    foreign = note.generate_signing_key("other.test/log", note.Algorithm.NOTE)
    durable_files.write(home.folder / "key", foreign.secret.encode())
    with pytest.raises(SignerNotReady, match="the signer's state belongs to log iku"):
        await checkpoint_signing.sign(signer, home, "other.test/log")


async def test_a_key_that_others_may_read_is_not_used(
    signer: Plain, home: SignerFolder
) -> None:
    key = home.folder / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o620, 0o644):
        key.chmod(mode)
        with pytest.raises(
            durable_files.InsecurePermissions, match="is accessible to other users"
        ):
            await sign(signer, home)
    key.chmod(0o400)
    await sign(signer, home)


@pytest.mark.parametrize("name", ["state", "ALARM", "key.next", "."])
async def test_a_folder_or_file_that_others_may_use_is_refused(
    signer: Plain, home: SignerFolder, name: str
) -> None:
    path = home.folder / name
    path.touch(0o600)
    path.chmod(0o750)
    wanted = "700" if name == "." else "600"
    with pytest.raises(
        durable_files.InsecurePermissions,
        match=rf"\(mode 0750\), but only its owner may access it: run chmod {wanted} ",
    ):
        await sign(signer, home)
    with pytest.raises(durable_files.InsecurePermissions):
        await checkpoint_signing.rotate(signer, home, ORIGIN)


async def test_a_folder_of_another_user_is_refused(
    signer: Plain, home: SignerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(
        durable_files.InsecurePermissions,
        match=r"belongs to user .* runs as user 12345",
    ):
        await sign(signer, home)


def test_what_the_signer_writes_is_closed_to_others(home: SignerFolder) -> None:
    with durable_files.exclusive_lock(home.folder):
        pass
    assert home.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in home.folder.iterdir()}
    assert modes == {"key": 0o600, "state": 0o600, "lock": 0o600}


async def test_a_key_is_made_once(
    home: SignerFolder, tmp_path: Path, signer: Plain
) -> None:
    with pytest.raises(SignerNotReady, match="already exists"):
        home.make_key(ORIGIN)
    with pytest.raises(SignerNotReady, match="run `iku signer key` to create the key"):
        SignerFolder(tmp_path).key()
    (home.folder / "key").write_text("x\n")
    with pytest.raises(SignerNotReady, match="does not hold a valid key"):
        home.key()


@pytest.mark.parametrize("damage", [b"", b"{}", b"x", b"null"])
async def test_a_damaged_state_is_not_signed_on(
    signer: Plain, home: SignerFolder, damage: bytes
) -> None:
    await sign(signer, home)
    (home.folder / "state").write_bytes(damage)
    with pytest.raises(SignerNotReady, match="is damaged"):
        await sign(signer, home)


async def test_a_state_whose_parts_disagree_is_not_signed_on(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder
) -> None:
    await append(ask("a-1"))
    await sign(signer, home)
    state = home.state()
    assert state is not None
    other = SignerState((checkpoint.encode_hash(bytes(32)),), state.note, state.vkey)
    home.write_state(other)
    with pytest.raises(
        SignerNotReady, match="does not have the root hash of its checkpoint"
    ):
        await sign(signer, home)


async def signed_once(
    signer: Plain, owner: Plain, home: SignerFolder
) -> checkpoint.Checkpoint:
    """Sign seven hundred records, lose the state, and give the checkpoint."""
    await fill(owner, 700)
    await sign(signer, home)
    state = home.state()
    assert state is not None
    (home.folder / "state").unlink()
    return state.checkpoint


FORGET = """
alter table ledger.checkpoint disable trigger append_only;
delete from ledger.checkpoint;
"""


@pytest.mark.parametrize("forgotten", ["select 1", FORGET], ids=["", "forgotten"])
async def test_a_signer_without_state_demands_a_checkpoint_from_outside(
    signer: Plain, owner: Plain, home: SignerFolder, forgotten: str
) -> None:
    known = await signed_once(signer, owner, home)
    await owner.execute(forgotten)
    with pytest.raises(
        SignerNotReady, match="does not hold the last signed checkpoint"
    ):
        await sign(signer, home)
    assert home.alarm_sentence() is None
    outcome = await checkpoint_signing.sign(signer, home, ORIGIN, known=[known])
    assert (outcome.size, outcome.signed, outcome.read) == (700, True, 700)
    assert not (await sign(signer, home)).signed


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "delete from ledger.event where position > 600",
            "has 600 records, but a checkpoint of size 700",
        ),
        ("delete from ledger.event", "has 0 records, but a checkpoint of size 700"),
        (FORGED + "where position = 42", "the first 700 records have root hash "),
    ],
    ids=["cut", "emptied", "edited"],
)
async def test_a_signer_without_state_signs_no_contradiction_of_what_is_known_outside(
    signer: Plain, owner: Plain, home: SignerFolder, change: str, says: str
) -> None:
    known = await signed_once(signer, owner, home)
    await owner.execute(f"{OPEN}{FORGET}delete from ledger.tile;{change}")
    with pytest.raises(AlarmRaised, match=says):
        await checkpoint_signing.sign(signer, home, ORIGIN, known=[known])
    assert says in home.alarm_path.read_text()


async def test_a_checkpoint_from_outside_does_not_excuse_a_later_one_in_the_database(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 300)
    await sign(signer, home)
    state = home.state()
    assert state is not None
    await owner.execute(
        "insert into ledger.event select n, 'b-1', n, 'Noted', null, '2021-01-01',"
        " false, '2021-01-01', 'x', sha256('\\x0078'::bytea)"
        " from generate_series(301, 310) n"
    )
    await sign(signer, home)
    (home.folder / "state").unlink()
    await owner.execute(OPEN + FORGED + "where position = 305")
    with pytest.raises(AlarmRaised, match="the first 310 records have root hash "):
        await checkpoint_signing.sign(signer, home, ORIGIN, known=[state.checkpoint])


async def test_checkpoints_from_outside_that_contradict_each_other_are_an_alarm(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    known = await signed_once(signer, owner, home)
    other = checkpoint.Checkpoint(ORIGIN, 700, bytes(32))
    with pytest.raises(AlarmRaised, match="two checkpoints of size 700 were signed"):
        await checkpoint_signing.sign(signer, home, ORIGIN, known=[known, other])


async def test_a_checkpoint_from_outside_is_compared_with_the_state_too(
    signer: Plain, owner: Plain, home: SignerFolder
) -> None:
    await fill(owner, 700)
    await sign(signer, home)
    older = checkpoint.Checkpoint(ORIGIN, 600, tree.root((await leaves(owner))[:600]))
    outcome = await checkpoint_signing.sign(signer, home, ORIGIN, known=[older])
    assert outcome.read == 700
    wrong = checkpoint.Checkpoint(ORIGIN, 600, bytes(32))
    with pytest.raises(AlarmRaised, match="the first 600 records have root hash "):
        await checkpoint_signing.sign(signer, home, ORIGIN, known=[wrong])


async def test_a_first_start_needs_no_checkpoint_from_outside(
    signer: Plain, owner: Plain, home: SignerFolder, tmp_path: Path
) -> None:
    # With a key that was made here, or any key over an empty log that nobody signed.
    (home.folder / "state").unlink()
    assert (await sign(signer, home)).size == 0
    await fill(owner, 10)
    assert (await sign(signer, home)).size == 10


async def test_a_new_key_for_a_signed_log_demands_a_checkpoint_from_outside(
    signer: Plain, owner: Plain, home: SignerFolder, tmp_path: Path
) -> None:
    known = await signed_once(signer, owner, home)
    new = SignerFolder(tmp_path / "new")
    new.make_key(ORIGIN)
    with pytest.raises(
        SignerNotReady, match="does not hold the last signed checkpoint"
    ):
        await sign(signer, new)
    assert (
        await checkpoint_signing.sign(signer, new, ORIGIN, known=[known])
    ).size == 700
    # Another name is another log: it begins anew, as after a loss.
    other = SignerFolder(tmp_path / "other")
    other.make_key("iku.test/log/2")
    assert (await checkpoint_signing.sign(signer, other, "iku.test/log/2")).size == 700


SIGNERS_LIMITS = [
    "update ledger.event set type = 'Other'",
    "delete from ledger.event",
    "insert into ledger.event select * from ledger.event",
    "update ledger.head set size = 0",
    "update ledger.checkpoint set note = ''",
    "delete from ledger.checkpoint",
    "update ledger.cosignature set line = ''",
    "delete from ledger.log_key",
    "delete from ledger.alarm",
    "truncate ledger.tile",
    "select * from projection.contribution",
    "drop table ledger.tile",
]


@pytest.mark.parametrize("change", SIGNERS_LIMITS)
async def test_the_signer_may_only_read_and_add(signer: Plain, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await signer.execute(change)


async def test_the_signer_may_not_append(signer: Plain) -> None:
    given: int = await signer.fetchval(
        "select pronargs from pg_proc where oid = 'ledger.append'::regproc"
    )
    nothing = ", ".join(["null"] * given)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await signer.execute(f"select * from ledger.append({nothing})")


@pytest.mark.parametrize(
    "change",
    [
        "insert into ledger.checkpoint (size, root, note) values (0, sha256(''), '')",
        "insert into ledger.cosignature (size, vkey, line) values (0, '', '')",
        "insert into ledger.log_key (vkey, first_size) values ('', 0)",
        "insert into ledger.alarm (raised, sentence) values (true, '')",
        "insert into ledger.tile select 0, 0, ''::bytea, ''::bytea",
        "delete from ledger.tile",
    ],
)
async def test_the_application_may_not_sign(connection: Plain, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(change)


@pytest.mark.parametrize("table", ["checkpoint", "cosignature", "log_key", "alarm"])
async def test_what_was_signed_stays(owner: Plain, table: str) -> None:
    await owner.execute("set session_replication_role = replica")
    for change in (f"delete from ledger.{table}", f"truncate ledger.{table}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(change)


def test_one_process_at_a_time_uses_the_folder(home: SignerFolder) -> None:
    with (
        durable_files.exclusive_lock(home.folder),
        pytest.raises(durable_files.FolderInUse, match="another process"),
        durable_files.exclusive_lock(home.folder),
    ):
        pass
    with durable_files.exclusive_lock(home.folder, wait=True):
        pass


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    durable_files.write(path, b"old")
    (tmp_path / "state.part").write_bytes(b"left by a crash")
    durable_files.write(path, b"new")
    assert path.read_bytes() == b"new"
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    durable_files.write(path, b"newer")
    assert len(synced) == 2, "the file, and the folder that names it"

    def full(_: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        durable_files.write(path, b"newest")
    assert path.read_bytes() == b"newer"
