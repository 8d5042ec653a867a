"""Attacks, and the check that refuses or detects each of them.

There are three kinds of attackers: logins with few privileges; the owner of the tables,
who is not a superuser; and a superuser who first disables every trigger. The database
cannot refuse the last one. The integrity check detects its careless changes, and
checkpoints and copies outside the database detect the others. docs/auditing.md lists
the attacks that remain undetected.
"""

import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from msgspec import structs

import iku_verify
from iku.app import App, open_app
from iku.commands.command import Command
from iku.domain.conflict import Category, Dimension, Referred, Reported
from iku.domain.fact import Person
from iku.exchange import bundle
from iku.ledger import (
    checkpoint,
    checkpoint_signing,
    checkpoint_store,
    known_checkpoints,
    log,
    policy,
    witness_client,
)
from iku.ledger.accepted_schema_shape import ShapeChanged, ShapeDigests
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import LeafMismatch, Verdict
from iku.ledger.note import Algorithm, Note, Unverified
from iku.ledger.signer_folder import (
    AlarmRaised,
    SignerFolder,
    SignerNotReady,
    signed_state,
)
from iku.ledger.tree import Frontier
from iku.ledger.witness import CosignRefused, Witness, WitnessFolder
from iku.postgres import schema_guard, schema_shape
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import Lease, lease
from iku.postgres.pool import Plain, connect, connect_as_owner, connect_as_signer
from iku.queries import text_check
from iku.queries.text_check import TextScope
from iku.vault import sealing
from iku.vault.sealing import TextLocation
from tests.conftest import FAST, SETTINGS, Clone, given_away, name_of, plainly_owned
from tests.ledger.conftest import ZONE, Ask, rolled_back
from tests.ledger.test_note import log_key, ml_dsa_key, witness_key
from tests.vault.test_store import DAY, Desk, opened, report

Append = Callable[..., Awaitable[list[Verdict]]]

ORIGIN = "iku.test/log"
ROWS = {
    "edit": "update ledger.event set type = 'Other' where position = 2",
    "edit what was asked": "update ledger.command set body = ''",
    "delete": "delete from ledger.event where position = 2",
    "truncate": "truncate ledger.event, ledger.command",
    "cut the tail": "delete from ledger.event where position > 2",
    "cut and grow to the same size": """
        with cut as (delete from ledger.event where position > 2 returning *)
        insert into ledger.event select * from cut
    """,
    "forge a leaf": "update ledger.event set record = 'x' where position = 2",
}
SCHEMA = {
    "disable the trigger": "alter table ledger.event disable trigger append_only",
    "drop the trigger": "drop trigger append_only on ledger.event",
    "swap the table by a view": """
        alter table ledger.event rename to event_before;
        create view ledger.event as select * from ledger.event_before;
    """,
    "replace what refuses": """
        create or replace function ledger.refuse_change() returns trigger
        language plpgsql as 'begin return null; end'
    """,
    "rewrite all rows": """
        alter table ledger.event alter column record type bytea using 'x'::bytea
    """,
}
ROLES = ["iku_app", "iku_auditor", "iku_signer", "iku_vault", "iku_access"]
SLEEP = """
alter table ledger.event disable trigger append_only;
alter table ledger.command disable trigger append_only;
"""
WAKE = """
alter table ledger.event enable always trigger append_only;
alter table ledger.command enable always trigger append_only;
"""
# Another actor in the same canonical form, and the leaf that belongs to it.
EDIT = """
update ledger.event e
   set record = forged.record, leaf = sha256('\\x00'::bytea || forged.record)
  from (select position,
               convert_to(
                 replace(convert_from(record, 'UTF8'), 'u/siti', 'u/sita'), 'UTF8'
               ) as record
          from ledger.event) as forged
 where forged.position = e.position
   and e.position = {}
"""
# The last events, and all other rows that would reveal the attack.
CUT = """
delete from ledger.event where position > {0};
delete from ledger.command where position > {0};
update ledger.command set size = least(size, {0});
delete from ledger.stream s
 where not exists (select from ledger.event e where e.stream = s.stream);
update ledger.head
   set (size, recorded_at, known_on)
     = (select max(position), max(recorded_at), max(known_on) from ledger.event);
"""
FORGET = """
alter table ledger.checkpoint disable trigger append_only;
alter table ledger.cosignature disable trigger append_only;
delete from ledger.checkpoint;
delete from ledger.cosignature;
alter table ledger.checkpoint enable always trigger append_only;
alter table ledger.cosignature enable always trigger append_only;
"""


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of evidence."""
    monkeypatch.chdir(tmp_path)


CAREFUL = pytest.mark.parametrize(
    ("attack", "regrown"),
    [(CUT.format(2), 2), (CUT.format(3), 0), (EDIT.format(1), 0)],
    ids=["cut and grown to the same size", "cut", "edited"],
)


class Signed(NamedTuple):
    """A log and its signer."""

    signer: Plain
    home: SignerFolder

    async def sign(self, *, full: bool = False) -> checkpoint_signing.SigningResult:
        return await checkpoint_signing.sign(self.signer, self.home, ORIGIN, full=full)


async def sign_twice(application: Plain, ask: Ask, signed: Signed) -> None:
    """Append four events, signed after two and after four."""
    for streams in (("a-1", "b-1"), ("c-1", "d-1")):
        await log.append(application, [ask(stream) for stream in streams], zone=ZONE)
        await signed.sign()


class Model(NamedTuple):
    """A signed log that tests copy: its database, and the folder of its signer."""

    name: str
    folder: Path


@pytest.fixture(scope="session")
async def model(
    clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Model:
    database = await clone(template)
    assert database.signer_dsn is not None
    connection = await connect(database.application_dsn)
    signer = await connect_as_signer(database.signer_dsn)
    home = SignerFolder(tmp_path_factory.mktemp("model") / "signer")
    home.make_key(ORIGIN)
    await sign_twice(connection, Ask(), Signed(signer, home))
    await connection.close()
    await signer.close()
    return Model(name_of(database), home.folder)


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> str:
    """The template of `database`: the signed log if the test has one."""
    if "signed" not in request.fixturenames:
        return str(request.getfixturevalue("template"))
    model: Model = request.getfixturevalue("model")
    return model.name


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path) -> SignerFolder:
    """The signer's folder of this test, with its key and what it signed."""
    home = SignerFolder(tmp_path / "signer")
    if "signed" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("model").folder, home.folder)
    else:
        home.make_key(ORIGIN)
    return home


@pytest.fixture
def signed(ask: Ask, signer: Plain, home: SignerFolder) -> Signed:
    ask.asked = 4  # the next command has another id than those of the model
    return Signed(signer, home)


@pytest.fixture(scope="session")
async def unmoved(clone: Clone, model: Model) -> AsyncIterator[Plain]:
    """A superuser's connection to such a log, for attacks that must all be refused."""
    superuser = await connect_as_owner((await clone(model.name)).owner_dsn)
    yield superuser
    await superuser.close()


@pytest.fixture
async def refusing(unmoved: Plain) -> AsyncIterator[Plain]:
    """The same log, checked after the attack."""
    yield unmoved
    await unmoved.execute("reset role")
    assert await check_ledger(unmoved) == []


@pytest.fixture(scope="module")
async def refusing_owner(
    clone: Clone, administrator: Plain, template: str
) -> AsyncIterator[Plain]:
    """A plain owner of one database, for attacks that must all be refused."""
    empty = await clone("template1")
    async with (
        given_away(empty, administrator) as plain,
        plainly_owned(plain, empty) as connection,
    ):
        yield connection


async def asleep(owner: Plain, *attacks: str) -> None:
    """Attack with all triggers disabled, and restore them afterwards."""
    await owner.execute("\n".join((SLEEP, *(f"{a};" for a in attacks), WAKE)))


@pytest.mark.parametrize(
    "attack", [*ROWS.values(), *SCHEMA.values()], ids=[*ROWS, *SCHEMA]
)
@pytest.mark.parametrize("role", ROLES)
async def test_logins_with_few_rights_are_refused_by_privilege(
    refusing: Plain, role: str, attack: str
) -> None:
    await refusing.execute(f"set role {role}")
    with pytest.raises(
        asyncpg.InsufficientPrivilegeError, match=r"permission denied|must be owner"
    ):
        await refusing.execute(attack)


@pytest.mark.parametrize("attack", ROWS.values(), ids=ROWS)
async def test_a_superuser_is_refused_by_the_trigger(
    refusing: Plain, attack: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is append-only"):
        await refusing.execute(attack)


@pytest.mark.parametrize("attack", SCHEMA.values(), ids=SCHEMA)
async def test_a_superuser_is_refused_by_the_event_trigger(
    refusing: Plain, attack: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="by migrations only"):
        await refusing.execute(attack)


@pytest.mark.parametrize("attack", ROWS.values(), ids=ROWS)
async def test_the_owner_is_refused_by_the_trigger(
    refusing_owner: Plain, attack: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is append-only"):
        await refusing_owner.execute(attack)


@pytest.mark.parametrize("attack", SCHEMA.values(), ids=SCHEMA)
async def test_the_owner_is_refused_by_the_event_trigger(
    refusing_owner: Plain, attack: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="by migrations only"):
        await refusing_owner.execute(attack)


async def test_what_the_owner_inserts_beside_the_append_is_found_by_the_check(
    signed: Signed, guarded: Plain
) -> None:
    await guarded.execute(
        """
        insert into ledger.event
        select 5, 'e-1', 1, type, effective_on, known_on, declared, recorded_at,
               record, leaf
          from ledger.event
         where position = 4
        """
    )
    found = await check_ledger(guarded)
    assert "ledger.head: size: expected 5, found 4" in found
    assert any(line.startswith("position 5: column stream") for line in found)


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (ROWS["edit"], "position 2: column type: expected Noted, "),
        (ROWS["delete"], "position 3: position: expected 2, found 3"),
        (ROWS["cut the tail"], "ledger.head: size: expected 2, found 4"),
        (ROWS["forge a leaf"], "position 2: leaf hash: expected "),
        (EDIT.format(2), "checkpoint of size 2: root hash of the records: expected "),
        (CUT.format(3), "ledger.checkpoint: signed size: expected at "),
        (SCHEMA["swap the table by a view"], "ledger.event: kind of relation: "),
    ],
    ids=[
        *("edit", "delete", "cut the tail", "forge a leaf and keep the cached hash"),
        *("edit with its leaf", "cut all of the tail", "swap the table by a view"),
    ],
)
async def test_what_a_superuser_did_carelessly_is_found_by_the_check(
    signed: Signed, owner: Plain, attack: str, finding: str
) -> None:
    async with rolled_back(owner):
        await owner.execute(f"{SLEEP}{attack}")
        found = await check_ledger(owner)
    assert [line for line in found if line.startswith(finding)], found


@pytest.mark.parametrize("attack", SCHEMA.values(), ids=SCHEMA)
async def test_what_a_superuser_changed_of_the_schema_is_found_by_the_guard(
    signed: Signed, owner: Plain, attack: str
) -> None:
    async with rolled_back(owner):
        await owner.execute(attack)
        found = (await schema_guard.inspect(owner)).findings
        # A rewrite changes only rows, not the schema.
        assert found or await check_ledger(owner)


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        (EDIT.format(2), "the first 4 records have root hash "),
        (CUT.format(3), "the log has 3 records, but a checkpoint of size 4 was signed"),
    ],
    ids=["edit", "cut the tail"],
)
async def test_what_a_superuser_did_with_care_is_found_by_the_signer(
    signed: Signed, owner: Plain, attack: str, sentence: str
) -> None:
    await asleep(owner, attack, FORGET)
    assert await check_ledger(owner) == []
    with pytest.raises(AlarmRaised, match=sentence):
        await signed.sign(full=True)


async def regrow(owner: Plain, ask: Ask) -> None:
    """Remove two of four events, and append two others."""
    await asleep(owner, CUT.format(2), FORGET)
    await log.append(owner, [ask("x-1"), ask("y-1")], zone=ZONE)
    assert await check_ledger(owner) == []


async def test_a_log_cut_and_grown_to_the_same_size_is_found_by_the_signer(
    signed: Signed, owner: Plain, ask: Ask
) -> None:
    await regrow(owner, ask)
    with pytest.raises(AlarmRaised, match="the first 4 records have root hash "):
        await signed.sign()


@pytest.fixture
def witness(tmp_path: Path, home: SignerFolder) -> Witness:
    kept = WitnessFolder(tmp_path / "witness")
    key = kept.make_key("witness.test", Algorithm.COSIGNATURE)
    known = f"log {home.key().verifier}\nquorum none\n"
    return Witness(kept.folder, (key,), policy.parse(known.encode()))


def posting(witness: Witness) -> witness_client.Post:
    def post(_url: str, body: bytes) -> tuple[int, bytes]:
        try:
            return 200, witness.cosign(body).encode()
        except CosignRefused as error:
            size = getattr(error, "size", None)
            said = error if size is None else size
            return error.status, f"{said}\n".encode()

    return post


def trusted(witness: Witness, home: SignerFolder) -> policy.Policy:
    return policy.parse(
        f"log {home.key().verifier}\nwitness w {witness.keys[0].verifier} http://w\n"
        "quorum w\n".encode()
    )


async def gather(signed: Signed, witness: Witness) -> list[str]:
    known = trusted(witness, signed.home)
    return await witness_client.collect_cosignatures(
        signed.signer, signed.home, known, posting(witness)
    )


def stolen(home: SignerFolder) -> SignerFolder:
    """A signer's folder with the real key, and the state of one that signed nothing."""
    thief = SignerFolder(home.folder.with_name("thief"))
    thief.folder.mkdir(mode=0o700)
    shutil.copy2(home.folder / "key", thief.folder / "key")
    thief.write_state(signed_state(Frontier(), ORIGIN, [thief.key()]))
    return thief


async def fork(signed: Signed, owner: Plain, attack: str, regrown: int) -> Signed:
    """Another log under the same name, signed with the real key."""
    before = await checkpoint_store.latest(owner)
    await asleep(owner, attack, FORGET)
    new = [Ask()(f"x-{n}", command=f"x-{n}") for n in range(regrown)]
    await log.append(owner, new, zone=ZONE)
    assert await check_ledger(owner) == []
    forked = Signed(signed.signer, stolen(signed.home))
    outcome = await forked.sign()  # the holder of the key can sign anything
    assert before is not None
    assert outcome.note != before.note
    return forked


@CAREFUL
async def test_a_fork_signed_with_the_real_key_is_refused_by_the_witness(
    signed: Signed, owner: Plain, witness: Witness, attack: str, regrown: int
) -> None:
    assert await gather(signed, witness) == []
    forked = await fork(signed, owner, attack, regrown)
    with pytest.raises(
        AlarmRaised, match=r"the witness witness\.test (rejects|has cosig)"
    ):
        await gather(forked, witness)


async def test_a_forged_cosignature_does_not_silence_the_witness(
    signed: Signed, owner: Plain, witness: Witness
) -> None:
    assert await gather(signed, witness) == []
    for size in (5, 10**12):
        await signed.signer.execute(
            "insert into ledger.cosignature (size, vkey, line) values ($1, $2, 'x')",
            size,
            str(witness.keys[0].verifier),
        )
    known = trusted(witness, signed.home)
    before = await checkpoint_store.assurance(owner, known)
    assert (before.signed, before.witnessed) == (4, 4)
    name = witness.keys[0].name
    assert before.ignored == [
        f"cosignature of {name} at size {size} ignored: "
        "no checkpoint of that size is signed"
        for size in (10**12, 5)
    ]
    [finding] = await check_ledger(owner)
    assert finding.startswith(f"cosignature of {name} at size 5 ignored: no")
    await log.append(owner, [Ask()("e-1", command="e")], zone=ZONE)
    await signed.sign()
    assert await gather(signed, witness) == []
    after = await checkpoint_store.assurance(owner, known)
    assert after.witnessed == 5
    assert f"cosignature of {name} at size 5 ignored: it does not verify" in (
        after.ignored
    )


async def test_a_forged_checkpoint_is_found_by_the_check_and_taken_by_nobody(
    signed: Signed, owner: Plain, witness: Witness
) -> None:
    before = await checkpoint_store.latest(owner)
    assert before is not None
    await signed.signer.execute(
        "insert into ledger.checkpoint (size, root, note) values (3, $1, $2)",
        before.root,
        before.note.replace("\n4\n", "\n3\n"),
    )
    found = await check_ledger(owner)
    assert "checkpoint of size 3: signature: expected valid, found " in found[0]
    assert await checkpoint_store.latest(owner) == before
    assert await gather(signed, witness) == []


@CAREFUL
async def test_a_fork_is_signed_by_no_signer_that_lost_its_state(
    signed: Signed, owner: Plain, witness: Witness, attack: str, regrown: int
) -> None:
    assert await gather(signed, witness) == []
    state = signed.home.state()
    assert state is not None
    (signed.home.folder / "state").unlink()
    await asleep(owner, attack, FORGET)
    new = [Ask()(f"x-{n}", command=f"x-{n}") for n in range(regrown)]
    await log.append(owner, new, zone=ZONE)
    with pytest.raises(
        SignerNotReady, match="does not hold the last signed checkpoint"
    ):
        await signed.sign()
    found = await known_checkpoints.gather(
        signed.signer,
        signed.home,
        trusted(witness, signed.home),
        get=lambda url: (200, str(witness.latest(url.split("/")[-2])).encode()),
    )
    assert found.checkpoints == (state.checkpoint,)
    with pytest.raises(AlarmRaised):
        await checkpoint_signing.sign(
            signed.signer, signed.home, ORIGIN, known=found.checkpoints
        )
    assert await checkpoint_store.latest(owner) is None


async def audit(forked: Signed, *known: Path) -> int:
    """The report of iku-verify on a bundle, with the log's key and no witness."""
    folder = forked.home.folder.parent
    await bundle.export(
        forked.signer, policy.Policy(), folder / "bundle", lambda *_: None
    )
    trusted = folder / "policy"
    trusted.write_text(f"log {forked.home.key().verifier}\nquorum none\n")
    asked = ["bundle", str(folder / "bundle"), "--policy", str(trusted)]
    asked += [word for path in known for word in ("--known", str(path))]
    return iku_verify.main([*asked, "--without-witness"])


@CAREFUL
async def test_a_fork_is_found_by_iku_verify_with_an_older_checkpoint(
    signed: Signed, owner: Plain, aside: None, attack: str, regrown: int
) -> None:
    older = signed.home.folder.with_name("older")
    older.write_text((await signed.sign()).note)
    forked = await fork(signed, owner, attack, regrown)
    assert await audit(forked, older) == 4


@CAREFUL
async def test_a_fork_is_found_by_nobody_who_kept_no_checkpoint_and_asks_no_witness(
    signed: Signed, owner: Plain, attack: str, regrown: int
) -> None:
    assert await audit(await fork(signed, owner, attack, regrown)) == 0


async def test_an_edit_newer_than_the_last_checkpoint_is_found_by_nobody(
    signed: Signed, owner: Plain, ask: Ask
) -> None:
    await log.append(owner, [ask("e-1")], zone=ZONE)
    await asleep(owner, EDIT.format(5))
    assert await check_ledger(owner) == []
    assert (await signed.sign(full=True)).size == 5


async def test_what_was_asked_of_a_command_is_beside_the_log_and_found_by_nobody(
    signed: Signed, owner: Plain
) -> None:
    await asleep(owner, "update ledger.command set body = '' where position = 2")
    assert await check_ledger(owner) == []
    assert (await signed.sign(full=True)).size == 4


TEXTS = {
    "swap two texts": """
        update vault.segment s set sealed = o.sealed, dek = o.dek
          from vault.segment o
         where s.stream = 'conflict-K01' and o.stream = 'conflict-K02'
           and s.field = 'title' and o.field = 'title'
    """,
    "break a text": """
        update vault.segment
           set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)
         where stream = 'conflict-K01' and field = 'title'
    """,
    "take a text away": """
        delete from vault.segment where stream = 'conflict-K01' and field = 'title'
    """,
    "swap its key": """
        update vault.dek set wrapped = o.wrapped
          from (select wrapped from vault.dek where stream = 'conflict-K02') o
         where stream = 'conflict-K01'
    """,
}


async def enter(app: App, connection: Plain, subject: str) -> None:
    reported = Reported(
        category=Category.IPOLEKSOSBUD,
        dimension=Dimension.EKONOMI,
        title=f"Perkara {subject}",
        effective_on=date(2021, 2, 9),
    )
    command = Command("conflict", subject, reported, "siti")
    assert (await app.commands.handle(connection, command)).added


# Replaces the function that writes records by one that writes another word.
REPLACE = """
do $$
begin
  execute replace(
    pg_get_functiondef('ledger.write_events'::regproc), '_heads[e.event]',
    'convert_to(replace(convert_from(_heads[e.event], ''UTF8''), ''{}'', ''{}''),
                ''UTF8'')');
end $$
"""


async def test_a_guard_that_was_resealed_is_found_by_the_signer(
    signed: Signed, guarded: Plain, ask: Ask
) -> None:
    await guarded.execute("set event_triggers = off")
    await guarded.execute(REPLACE.format('"n":0', '"n":7'))
    # The guard's own record is made to agree with the change.
    await guarded.execute("select guard.keep_shape()")
    assert (await schema_guard.inspect(guarded)).findings == []
    assert await check_ledger(guarded) == []
    found = await schema_shape.read(signed.signer)
    differences = found.difference(schema_shape.expected())
    assert [line[:35] for line in differences] == [
        "now function ledger.write_events(_r",
        "was function ledger.write_events(_r",
    ]
    digests = ShapeDigests(found.digest, schema_shape.expected().digest)
    with pytest.raises(ShapeChanged, match="iku signer accept-shape"):
        await checkpoint_signing.sign(signed.signer, signed.home, ORIGIN, shape=digests)


@pytest.mark.parametrize(("events", "changed"), [(1, 0), (3, 1), (3, 2)])
async def test_an_append_that_records_something_else_is_refused_by_the_appender(
    signed: Signed, owner: Plain, ask: Ask, events: int, changed: int
) -> None:
    async def append() -> None:
        async with owner.transaction():
            await log.append(owner, [ask("e-1", events=events)], zone=ZONE)

    async with rolled_back(owner):
        await owner.execute(REPLACE.format(f'"n":{changed}', '"n":7'))
        with pytest.raises(
            LeafMismatch, match=f"position {5 + changed}: the record that"
        ):
            await append()
        assert (await log.head(owner)).size == 4


async def test_an_append_that_answers_with_fewer_leaves_is_refused_by_the_appender(
    signed: Signed, owner: Plain, ask: Ask
) -> None:
    body = await owner.fetchval("select pg_get_functiondef('ledger.append'::regproc)")
    async with rolled_back(owner):
        await owner.execute(body.replace("_totals[r.request] > 1", "false"))
        with pytest.raises(LeafMismatch, match="position 5: the record that was"):
            await log.append(owner, [ask("e-1", events=2)], zone=ZONE)


async def test_a_receipt_of_something_else_is_refused_in_the_single_statement(
    database: Database, connection: Plain, owner: Plain
) -> None:
    async with open_app(SETTINGS, database) as app:
        await enter(app, connection, "K01")
        before = await owner.fetchval(
            "select pg_get_functiondef('ledger.write_events'::regproc)"
        )
        await owner.execute(REPLACE.format("ekonomi", "budaya"))
        with pytest.raises(LeafMismatch, match="the receipt is refused"):
            await enter(app, connection, "K02")
        await owner.execute(before)
        await enter(app, connection, "K03")


@pytest.mark.parametrize("attack", TEXTS.values(), ids=TEXTS)
async def test_what_a_superuser_did_to_sealed_texts_is_found_by_opening_them(
    database: Database, connection: Plain, owner: Plain, attack: str
) -> None:
    async with open_app(SETTINGS, database) as app:
        for subject in ("K01", "K02"):
            await enter(app, connection, subject)
        app.vault.clear_key_cache()
        await owner.execute(attack)
        size = (await log.head(connection)).size
        view = app.view(connection)
        found = text_check.check_texts(view, TextScope(size), lambda *_: None)
        wrong = [one async for one in found if one.finding]
    assert [(one.event, one.field) for one in wrong] == [("conflict-K01/1", "title")]
    assert await check_ledger(owner) == []  # the log itself is unchanged


# Encrypted texts, each with its key, moved to the place of another text.
SWAP = """
update vault.segment s
   set sealed = o.sealed, dek = o.dek
  from vault.segment o
 where (s.stream, s.version, s.field) <> (o.stream, o.version, o.field)
   and {}
"""
PUT_BACK = """
update vault.segment s
   set sealed = k.sealed, dek = k.dek
  from kept k
 where (s.stream, s.version, s.field) = (k.stream, k.version, k.field)
"""
SWAPS = {
    "between two events": (
        "s.field = 'note' and o.field = 'note'",
        {("conflict-K1", 2, "note"), ("conflict-K1", 3, "note")},
    ),
    "between two fields": (
        "s.stream = o.stream and s.field in ('title', 'reference') and o.version = 1",
        {("conflict-K1", 1, "title"), ("conflict-K1", 1, "reference")},
    ),
    "between two subjects": (
        "s.field in ('reporter', 'parties.0') and o.field in ('reporter', 'parties.0')",
        {("conflict-K1", 1, "reporter"), ("conflict-K1", 1, "parties.0")},
    ),
    "between two cases": (
        "s.field = 'title' and o.field = 'title'",
        {("conflict-K1", 1, "title"), ("conflict-K2", 1, "title")},
    ),
}


async def enter_texts(desk: Desk) -> None:
    """Two cases with texts of every kind."""
    people = {"reporter": Person("Budi"), "parties": (Person("Tono"),)}
    await desk.do("K1", report("Satu", reference="LP/1", **people))
    await desk.do("K1", Referred(effective_on=DAY, note="Ditinjau"))
    await desk.do("K1", Referred(effective_on=DAY, note="Ditinjau lagi"))
    await desk.do("K2", report("Dua"))


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    """Such cases of this test alone."""
    async with opened(database, tmp_path / "keys") as desk:
        await enter_texts(desk)
        yield desk


async def read(desk: Desk) -> dict[tuple[str, int, str], str]:
    """Every text or its placeholder, by stream, version and field."""
    desk.app.vault.clear_key_cache()
    return {
        (f"conflict-{case}", version, field): text
        for case in ("K1", "K2")
        for version, texts in enumerate(await desk.shown(case), 1)
        for field, text in texts.items()
    }


class Sealed(NamedTuple):
    """Such cases, the texts as they were, and a superuser's connection."""

    desk: Desk
    before: dict[tuple[str, int, str], str]
    superuser: Plain


@pytest.fixture(scope="module")
async def entered_once(
    clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sealed]:
    database = await clone(template)
    async with opened(database, tmp_path_factory.mktemp("sealed") / "keys") as desk:
        await enter_texts(desk)
        superuser = await connect_as_owner(database.owner_dsn)
        await superuser.execute("create temporary table kept as table vault.segment")
        yield Sealed(desk, await read(desk), superuser)
        await superuser.close()


@pytest.fixture
async def sealed(entered_once: Sealed) -> AsyncIterator[Sealed]:
    """The texts, which are put back to their places when the test ends."""
    yield entered_once
    await entered_once.superuser.execute(f"reset role; {PUT_BACK}")
    assert await read(entered_once.desk) == entered_once.before


@pytest.mark.parametrize("role", ["iku_app", "iku_auditor", "iku_signer"])
@pytest.mark.parametrize("where", [where for where, _ in SWAPS.values()], ids=SWAPS)
async def test_swapping_sealed_texts_is_refused_to_logins_by_privilege(
    sealed: Sealed, where: str, role: str
) -> None:
    await sealed.superuser.execute(f"set role {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await sealed.superuser.execute(SWAP.format(where))


@pytest.mark.parametrize("role", ["none", "iku_vault"])
@pytest.mark.parametrize(("where", "swapped"), SWAPS.values(), ids=SWAPS)
async def test_sealed_texts_swapped_by_a_superuser_or_the_vault_are_found_by_the_seal(
    sealed: Sealed, where: str, swapped: set[tuple[str, int, str]], role: str
) -> None:
    await sealed.superuser.execute(f"set role {role}")
    await sealed.superuser.execute(SWAP.format(where))
    after = await read(sealed.desk)
    assert after == sealed.before | dict.fromkeys(swapped, "damaged")
    assert swapped <= sealed.before.keys()


async def test_keys_that_a_superuser_swapped_are_found_by_what_wraps_them(
    desk: Desk, guarded: Plain
) -> None:
    await guarded.execute(
        """
        update vault.dek k set wrapped = o.wrapped
          from vault.dek o
         where k.stream <> o.stream and k.subject = k.stream and o.subject = o.stream
        """
    )
    found = await read(desk)
    assert found["conflict-K1", 1, "title"] == found["conflict-K2", 1, "title"]
    assert found["conflict-K2", 1, "title"] == "locked"
    epochs = await desk.app.vault.epochs(guarded)
    assert sum(epoch.locked for epoch in epochs.values()) == 2


async def test_another_text_sealed_with_the_real_keys_is_found_by_the_commitment(
    desk: Desk, guarded: Plain
) -> None:
    [row] = await guarded.fetch(
        """
        select k.*, s.version, s.field
          from vault.segment s join vault.dek k using (dek)
         where s.stream = 'conflict-K2'
        """
    )
    outer = desk.app.vault.keys.key(row["epoch"])
    assert outer is not None
    owner = sealing.KeyOwner(row["stream"], row["subject"], row["epoch"])
    key = sealing.unwrap(row["dek"], row["wrapped"], owner, outer)
    place = TextLocation(row["stream"], row["version"], row["field"], row["subject"])
    forged = sealing.seal(sealing.secret(place, "Lain"), key)
    await guarded.execute(
        "update vault.segment set sealed = $1 where stream = 'conflict-K2'", forged
    )
    assert (await read(desk))["conflict-K2", 1, "title"] == "damaged"


def copy(source: Path, to: Path) -> None:
    """Copy a folder with its owner, which may be another user."""
    subprocess.run(["cp", "-a", source, to], check=True)


async def grow(held: Lease, home: SignerFolder, ask: Ask, *streams: str) -> None:
    """Append to a server's log, and sign it."""
    application = await connect(held.application_dsn)
    await log.append(application, [ask(s) for s in streams], zone=ZONE)
    await application.close()
    signer = await connect_as_signer(held.signer_dsn)
    try:
        await checkpoint_signing.sign(signer, home, ORIGIN)
    finally:
        await signer.close()


async def test_an_older_data_folder_put_back_is_found_by_the_signer(
    own_home: Path, home: SignerFolder, ask: Ask
) -> None:
    data = own_home / "postgres" / "data"
    with lease(own_home, FAST) as held:
        await migrate_database(
            Database(held.owner_dsn, held.application_dsn, held.signer_dsn)
        )
        await grow(held, home, ask, "a-1", "b-1")
    copy(data, own_home / "older")
    with lease(own_home, FAST) as held:
        await grow(held, home, ask, "c-1", "d-1")
    shutil.rmtree(data)
    (own_home / "older").rename(data)
    with lease(own_home, FAST) as held:
        owner = await connect_as_owner(held.owner_dsn)
        assert await check_ledger(owner) == []  # consistent, but old
        await owner.close()
        with pytest.raises(
            AlarmRaised,
            match="the log has 2 records, but a checkpoint of size 4 was signed",
        ):
            await grow(held, home, ask)


def test_who_breaks_ed25519_has_no_quorum_of_witnesses_with_both_kinds() -> None:
    office, both = log_key(), [witness_key().verifier, ml_dsa_key().verifier]
    lines = [f"log {office.verifier}", *policy.witness_lines(both, "")]
    trusted = "\n".join([*lines, "quorum saksi.test\n"]).encode()
    text = checkpoint.Checkpoint(office.name, 4, bytes(32)).text
    forged = (office.sign(text), witness_key().sign(text, 1_700_000_000))
    guess = ml_dsa_key(seed=99).sign(text, 1_700_000_000)
    guessed = (*forged, structs.replace(guess, key_id=both[1].key_id))

    assert not policy.judge(policy.parse(trusted), Note(text, forged)).quorum
    with pytest.raises(Unverified, match=r"signature by saksi\.test is not valid"):
        policy.judge(policy.parse(trusted), Note(text, guessed))

    report, read = iku_verify.Report(), iku_verify.read_policy(trusted)
    one, two = (
        iku_verify.read_checkpoint(str(Note(text, made)).encode(), "it")
        for made in (forged, guessed)
    )
    iku_verify.check_trusted(one, read, report)
    assert "no quorum of witnesses" in report.lacking[0]
    with pytest.raises(iku_verify.Finding, match=r"signature of saksi\.test is wrong"):
        iku_verify.check_trusted(two, read, report)
