"""The log can be verified with independent tools of its formats."""

import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tlog import (
    ConsistencyProof,
    ConsistencyProofInvalid,
    InclusionProof,
    InclusionProofInvalid,
)

from iku.app import App
from iku.ledger import (
    checkpoint_signing,
    log,
    note,
    policy,
    tile,
    tlog_proof,
    tree,
    witness_client,
)
from iku.ledger.checkpoint_store import latest
from iku.ledger.policy import Party, Policy
from iku.ledger.proof_verification import check_consistency
from iku.ledger.signer_folder import AlarmRaised, SignerFolder
from iku.postgres.pool import Plain
from tests.ledger.test_note import witness_key
from tests.web.conftest import CASE, Client, client_of, problem

TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def home(tmp_path: Path) -> SignerFolder:
    return SignerFolder(tmp_path / "signer")


@pytest.fixture
async def vkey(app: App, signer: Plain, home: SignerFolder) -> str:
    """The log's key, after a checkpoint of the present log."""
    made = home.make_key(app.settings.origin)
    await sign(app, signer, home)
    return str(made.verifier)


async def sign(app: App, signer: Plain, home: SignerFolder) -> int:
    return (await checkpoint_signing.sign(signer, home, app.settings.origin)).size


async def records(app: App) -> list[bytes]:
    async with app.pool.acquire() as connection:
        return [one.record async for one in log.read_log(connection)]


async def text(client: Client, path: str, **params: int) -> httpx.Response:
    answer = await client.get(path, params=params or None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == TEXT
    return answer


PATHS = [
    "/log/checkpoint",
    "/log/policy",
    "/log/tile/0/000",
    "/log/tile/entries/000.p/1",
    "/log/proof/inclusion/1",
    "/log/proof/consistency?old=0",
]


@pytest.mark.parametrize("path", PATHS)
async def test_before_anything_is_signed_a_sentence_says_so(
    visitor: Client, path: str
) -> None:
    shown = problem(await visitor.get(path), 409)
    assert shown["type"] == "urn:iku:problem:unsigned"
    assert "no checkpoint is signed yet" in shown["detail"]


async def test_the_checkpoint_is_what_was_signed(
    loaded: Client, app: App, vkey: str
) -> None:
    answer = await text(loaded, "/log/checkpoint")
    assert answer.headers["Cache-Control"] == "public, max-age=5"
    assert answer.headers["Iku-Coverage"].startswith("signed; no witness")
    trusted = policy.parse(f"log {vkey}\nquorum none\n".encode())
    judged = policy.judge(trusted, note.parse(answer.content))
    of = [tree.leaf_hash(record) for record in await records(app)]
    assert judged.checkpoint.root == tree.root(of)
    assert judged.checkpoint.size == len(of)
    assert judged.checkpoint.origin == "iku.mojokerto.local/log"


class Fetched:
    """The served files of the log, for a synchronous reader."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def get(self, *path: str) -> bytes | None:
        return self.files.get("/".join(path))


async def fetched(client: Client) -> Fetched:
    """All paths that a client of tlog-tiles may request."""
    checkpoint = (await client.get("/log/checkpoint")).content
    size = int(checkpoint.split(b"\n")[1])
    files = {"checkpoint": checkpoint}
    for one in tile.tiles(size):
        paths = [one.path()] + ([one.entries_path()] if one.level == 0 else [])
        for path in paths:
            answer = await client.get(f"/log/{path}")
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Cache-Control"].endswith("immutable")
            files[path] = answer.content
    return Fetched(files)


async def grow(app: App, owner: Plain, size: int) -> None:
    """Insert records without the appender, until the log has that size."""
    await owner.execute(
        """
        insert into ledger.event
              (position, stream, version, type, known_on, declared, recorded_at,
               record, leaf)
        select n, 'a-1', n, 'Noted', '2021-01-01', false, '2021-01-01', r,
               sha256('\\x00'::bytea || r)
          from generate_series((select max(position) + 1 from ledger.event), $1::int) n,
               convert_to('record ' || n, 'UTF8') r
        """,
        size,
    )


async def test_a_foreign_reader_accepts_checkpoint_tiles_and_proofs(
    client: Client,
    app: App,
    owner: Plain,
    signer: Plain,
    home: SignerFolder,
    *,
    vkey: str,
) -> None:
    await grow(app, owner, 700)
    assert await sign(app, signer, home) == 700
    reader = TilesReader(await fetched(client))
    found = reader.get_checkpoint()
    found.verify(Vkey.from_string(vkey))
    assert reader.calculate_root_hash() == found.root_hash
    for at, record in enumerate(await records(app)):
        assert reader.get_entry(at) == record
    of = [tree.leaf_hash(record) for record in await records(app)]
    for position in (1, 2, 256, 257, 512, 513, 699, 700):
        served = await text(client, f"/log/proof/inclusion/{position}")
        proof = tlog_proof.parse(served.content)
        theirs = InclusionProof(position - 1, 700, list(proof.hashes))
        leaf = tree.leaf_hash(reader.get_entry(position - 1))
        theirs.check(leaf, found.root_hash)
        assert theirs == reader.get_inclusion_proof(position - 1, 700)
        with pytest.raises(InclusionProofInvalid):
            theirs.check(leaf, bytes(32))
    for old in (1, 4, 255, 256, 300, 699):
        served = await text(client, "/log/proof/consistency", old=old)
        hashes = [b64decode(line) for line in served.text.split()]
        assert hashes == reader.get_consistency_proof(old, 700).node_hashes
        grown = ConsistencyProof(old, 700, hashes)
        grown.check(tree.root(of[:old]), found.root_hash)
        with pytest.raises(ConsistencyProofInvalid):
            grown.check(bytes(32), found.root_hash)


async def test_a_foreign_reader_refuses_what_is_damaged(
    client: Client,
    app: App,
    owner: Plain,
    signer: Plain,
    home: SignerFolder,
    *,
    vkey: str,
) -> None:
    await grow(app, owner, 300)
    await sign(app, signer, home)
    sound = (await fetched(client)).files
    trusted = Vkey.from_string(vkey)

    def accepted(files: dict[str, bytes]) -> bool:
        reader = TilesReader(Fetched(files))
        try:
            found = reader.get_checkpoint()
            found.verify(trusted)
            whole = reader.calculate_root_hash() == found.root_hash
            for at in (5, 299):
                proof = reader.get_inclusion_proof(at, 300)
                proof.check(tree.leaf_hash(reader.get_entry(at)), found.root_hash)
        except Exception:  # noqa: BLE001 - however it refuses
            return False
        return whole

    assert accepted(sound)
    for name in ("checkpoint", "tile/0/000", "tile/0/001.p/44"):
        for at in (0, len(sound[name]) // 2, len(sound[name]) - 40):
            broken = bytearray(sound[name])
            broken[at] ^= 1
            assert not accepted(sound | {name: bytes(broken)}), (name, at)
    broken = bytearray(sound["tile/entries/001.p/44"])
    broken[-1] ^= 1
    assert not accepted(sound | {"tile/entries/001.p/44": bytes(broken)})


async def test_a_receipt_can_be_proved_for_ever(
    client: Client, app: App, signer: Plain, home: SignerFolder, vkey: str
) -> None:
    receipt = await client.records("/conflicts", CASE)
    size, position = receipt["size"], receipt["position"]
    early = await client.get(f"/log/proof/inclusion/{position}", params={"size": size})
    shown = problem(early, 409)
    assert f"position {position} is not signed yet" in shown["detail"]
    await sign(app, signer, home)
    first = await text(client, f"/log/proof/inclusion/{position}", size=size)
    for number in range(3):
        await client.records("/conflicts", {**CASE, "number": f"L{number}"})
    await sign(app, signer, home)
    again = await text(client, f"/log/proof/inclusion/{position}", size=size)
    assert again.content == first.content
    later = await text(client, f"/log/proof/inclusion/{position}", size=size + 1)
    now = await text(client, f"/log/proof/inclusion/{position}")
    assert later.content == now.content != first.content
    for answer in (first, now):
        proof = tlog_proof.parse(answer.content)
        proof.check(bytes.fromhex(receipt["leaf"]))
        trusted = policy.parse(f"log {vkey}\nquorum none\n".encode())
        assert policy.judge(trusted, proof.signed).checkpoint.size >= size


async def test_growth_between_any_two_sizes_is_proved(
    loaded: Client, app: App, vkey: str
) -> None:
    of = [tree.leaf_hash(record) for record in await records(app)]
    for old, new in ((0, 0), (0, 7), (5, 5), (1, 8), (7, 100), (100, len(of))):
        served = await text(loaded, "/log/proof/consistency", old=old, new=new)
        hashes = tlog_proof.parse_hashes(served.text.split("\n")[:-1])
        check_consistency(old, tree.root(of[:old]), new, tree.root(of[:new]), hashes)
    size = len(of)
    beyond = await loaded.get(f"/log/proof/consistency?old=1&new={size + 1}")
    sentence = f"new is {size + 1}, but the log has only {size} events"
    assert problem(beyond, 400, "new")["detail"] == sentence
    problem(await loaded.get("/log/proof/consistency?old=9&new=8"), 400, "old")
    problem(await loaded.get(f"/log/proof/consistency?old={size + 1}"), 400, "old")
    problem(await loaded.get("/log/proof/consistency"), 400, "old")
    problem(await loaded.get("/log/proof/consistency?old=-1"), 400, "old")


async def test_what_is_nowhere_is_said_to_be(
    loaded: Client, app: App, vkey: str
) -> None:
    size = len(await records(app))
    for path in (
        *("tile/0/000", "tile/0/001.p/1", f"tile/0/000.p/{size + 1}", "tile/1/000.p/1"),
        *("tile/64/000", "tile/-1/000", "tile/00/000", "tile/x/000", "tile/0/0"),
        *("tile/0/000.p/0", "tile/0/x000/000", "tile/entries/001", "tile/0/000.p/256"),
        *("tile/entries/x", "tile/0/x999/x999/x999/x999/x999/999"),
    ):
        problem(await loaded.get(f"/log/{path}"), 404)
    problem(await loaded.get("/log/proof/inclusion/0"), 400, "position")
    for position in (size + 1, 2**53 - 1):
        beyond = await loaded.get(f"/log/proof/inclusion/{position}")
        assert problem(beyond, 404)["detail"] == (
            f"position {position} does not exist; the log has {size} events"
        )
    beyond = await loaded.get(f"/log/proof/inclusion/1?size={size + 1}")
    sentence = f"size is {size + 1}, but the log has only {size} events"
    assert problem(beyond, 400, "size")["detail"] == sentence
    problem(await loaded.get("/log/proof/inclusion/5?size=4"), 400, "size")
    problem(await loaded.get("/log/proof/inclusion/5?size=0"), 400, "size")


async def test_the_policy_names_every_key_and_that_nobody_watches(
    loaded: Client, app: App, signer: Plain, home: SignerFolder, vkey: str
) -> None:
    size = len(await records(app))
    await checkpoint_signing.rotate(signer, home, app.settings.origin)
    shown = (await text(loaded, "/log/policy")).text
    read = policy.parse(shown.encode())
    assert [str(party.key) for party in read.logs] == [vkey, str(home.key().verifier)]
    assert read.quorum == "none"
    assert "THIS LOG HAS NO WITNESS" in shown
    assert "Handed out by the log itself" in shown
    assert re.search(rf"The log key [0-9a-f]{{8}} signed up to size {size}\.", shown)


async def test_witnesses_are_named_and_what_they_vouch_for(
    loaded: Client, app: App, signer: Plain, home: SignerFolder, vkey: str
) -> None:
    witness = witness_key()
    party = Party(witness.verifier, "http://witness.test")
    listed = f"witness W {party.key} {party.url}\n".encode()
    watched = watched_by(app, policy.parse(listed, complete=False))
    async with client_of(watched) as client:
        answer = await client.get("/log/checkpoint")
        assert answer.headers["Iku-Coverage"] == "signed; no quorum of witnesses yet"
        last = await latest(signer)
        assert last is not None
        line = witness.sign(last.published_note.text, 1_700_000_000).line
        await witness_client.store_cosignatures(
            signer, [party.key], last.published_note, line.encode()
        )
        answer = await client.get("/log/checkpoint")
        assert answer.headers["Iku-Coverage"] == "witnessed"
        assert answer.text.endswith(line)
        ready = await client.says("/health/ready")
        assert (ready["witnessed"], ready["witnesses"]) == (last.size, 1)
        await client.records("/conflicts", CASE)
        await sign(app, signer, home)
        said = (await client.get("/log/proof/inclusion/1")).headers["Iku-Coverage"]
        assert said == f"signed; witnessed up to size {last.size}"
        shown = (await client.get("/log/policy")).text
        assert "NO WITNESS" not in shown
        assert policy.parse(shown.encode()).witnesses == {"W": party}


def watched_by(app: App, witnesses: Policy) -> App:
    """The same application with these witnesses."""
    return replace(app, witnesses=witnesses)


async def test_an_alarm_is_told_and_the_rest_goes_on(
    loaded: Client,
    app: App,
    owner: Plain,
    signer: Plain,
    home: SignerFolder,
    *,
    vkey: str,
) -> None:
    await owner.execute("alter table ledger.event disable trigger append_only")
    await owner.execute("update ledger.event set record = 'x' where position = 9")
    with pytest.raises(AlarmRaised):
        await sign(app, signer, home)
    ready = await loaded.says("/health/ready")
    assert ready["status"] == "degraded"
    assert ready["alarm"].startswith("position 9: ")
    metrics = (await loaded.get("/metrics")).text
    assert "iku_log_alarm 1.0" in metrics
    assert f"iku_log_signed_size {ready['signed']:.1f}" in metrics
    assert "iku_log_witnesses 0.0" in metrics
    said = (await loaded.get("/log/checkpoint")).headers["Iku-Coverage"]
    assert said.endswith("ALARM: the signer refuses to sign")
    await loaded.records("/conflicts", {**CASE, "number": "Z1"})
