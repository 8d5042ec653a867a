"""The log requests cosignatures, resumes from a witness's size, and stores them."""

import threading
from collections.abc import Awaitable, Callable
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from msgspec import structs

from iku.ledger import (
    checkpoint,
    checkpoint_signing,
    checkpoint_store,
    cosignature_store,
    note,
    policy,
    witness_client,
)
from iku.ledger.log import AppendRequest, Verdict
from iku.ledger.note import SigningKey
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import AlarmRaised, SignerFolder, signed_state
from iku.ledger.tree import Frontier
from iku.ledger.witness import CosignConflict, CosignRefused, Witness
from iku.ledger.witness_client import WitnessUnavailable
from iku.postgres.pool import Plain
from tests.ledger.test_note import log_key, ml_dsa_key, witness_key

Ask = Callable[..., AppendRequest]
Append = Callable[..., Awaitable[list[Verdict]]]

ORIGIN = "iku.test/log"
KEY = witness_key()
URL = "http://saksi.test/prefix/"
PLACE = sha256(ORIGIN.encode()).hexdigest()
WATCHED = policy.parse(f"witness W {KEY.verifier} {URL}".encode(), complete=False)


class Line:
    """Passes requests to a witness, and counts them."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.statuses: list[int] = []

    def post(self, url: str, body: bytes) -> tuple[int, bytes]:
        assert url == "http://saksi.test/prefix/add-checkpoint"
        status, answer = self._answer(body)
        self.statuses.append(status)
        return status, answer

    def _answer(self, body: bytes) -> tuple[int, bytes]:
        try:
            return 200, self.witness.cosign(body).encode()
        except CosignConflict as error:
            return 409, f"{error.size}\n".encode()
        except CosignRefused as error:
            return error.status, str(error).encode()


@pytest.fixture
def home(tmp_path: Path) -> SignerFolder:
    home = SignerFolder(tmp_path / "signer")
    home.make_key(ORIGIN)
    return home


@pytest.fixture
def line(home: SignerFolder, tmp_path: Path) -> Line:
    known = policy.parse(f"log {home.key().verifier}".encode(), complete=False)
    return Line(Witness(tmp_path / "witness", (KEY,), known, new=True))


async def sign(signer: Plain, home: SignerFolder) -> None:
    await checkpoint_signing.sign(signer, home, ORIGIN)


async def gather(
    signer: Plain, home: SignerFolder, line: Line, witnesses: Policy = WATCHED
) -> list[str]:
    return await witness_client.collect_cosignatures(signer, home, witnesses, line.post)


async def test_a_checkpoint_is_cosigned_once(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder, line: Line
) -> None:
    assert await gather(signer, home, line) == [], "no checkpoint is signed yet"
    await append(ask("a-1", events=3))
    await sign(signer, home)
    before = await checkpoint_store.assurance(signer, WATCHED)
    assert before.coverage_of(3) is checkpoint_store.Coverage.SIGNED
    assert before.coverage_of(4) is checkpoint_store.Coverage.PENDING
    assert await gather(signer, home, line) == []
    assert await gather(signer, home, line) == []
    assert line.statuses == [200]
    last = await checkpoint_store.latest(signer)
    assert last is not None
    trusted = policy.Policy(
        (policy.Party(home.key().verifier),), WATCHED.witnesses, WATCHED.groups, "W"
    )
    assert policy.judge(trusted, last.published_note).quorum
    after = await checkpoint_store.assurance(signer, WATCHED)
    assert after.coverage_of(3) is checkpoint_store.Coverage.WITNESSED
    assert (after.signed, after.witnessed, after.witnesses) == (3, 3, 1)


async def test_it_catches_up_with_a_witness_that_knows_more_or_less(
    ask: Ask,
    append: Append,
    signer: Plain,
    owner: Plain,
    home: SignerFolder,
    *,
    line: Line,
) -> None:
    for number in range(3):
        await append(ask(f"a-{number}", events=number + 1))
        await sign(signer, home)
        assert await gather(signer, home, line) == []
    assert line.statuses == [200, 200, 200]
    # A register without cosignatures begins at 0; the witness answers with its size.
    await owner.execute("alter table ledger.cosignature disable trigger append_only")
    await owner.execute("delete from ledger.cosignature")
    await owner.execute(
        "alter table ledger.cosignature enable always trigger append_only"
    )
    await append(ask("b-1"))
    await sign(signer, home)
    assert await gather(signer, home, line) == []
    assert line.statuses[3:] == [409, 200]
    # A witness that lost its state starts at 0.
    for path in (line.witness.folder / "logs").iterdir():
        path.unlink()
    await append(ask("c-1"))
    await sign(signer, home)
    assert await gather(signer, home, line) == []
    assert line.statuses[5:] == [409, 200]


async def test_a_witness_that_saw_another_log_raises_the_alarm(
    ask: Ask,
    append: Append,
    signer: Plain,
    owner: Plain,
    home: SignerFolder,
    *,
    line: Line,
) -> None:
    await append(ask("a-1", events=3))
    await sign(signer, home)
    await gather(signer, home, line)
    # The office restores an older log, with another folder for its signer.
    await owner.execute(
        """
        alter table ledger.event disable trigger append_only;
        alter table ledger.checkpoint disable trigger append_only;
        alter table ledger.cosignature disable trigger append_only;
        delete from ledger.checkpoint;
        delete from ledger.cosignature;
        delete from ledger.event where position = 3;
        """
    )
    home.write_state(signed_state(Frontier(), ORIGIN, [home.key()]))
    await sign(signer, home)
    with pytest.raises(AlarmRaised, match="has cosigned this log at size 3"):
        await gather(signer, home, line)
    assert "has cosigned this log at size 3" in home.alarm_path.read_text()
    home.alarm_path.unlink()
    await owner.execute(
        """
        insert into ledger.event
        select n, 'z-1', n, 'Noted', null, '2021-01-01', false, '2021-01-01', 'x',
               sha256('\\x0078'::bytea)
          from generate_series(3, 5) n
        """
    )
    await sign(signer, home)
    with pytest.raises(AlarmRaised, match="rejects the checkpoint"):
        await gather(signer, home, line)
    assert "rejects the checkpoint" in (await checkpoint_store.alarm(owner) or "")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"oh", "the witness responded with status 500: oh"),
        (403, b"", "the witness responded with status 403: "),
        (409, b"many\n", "with status 409, but without a tree size"),
        (409, b"\xff\n", "with status 409, but without a tree size"),
        (409, b"0\n", "the witness responded 3 times with an old size"),
        (200, b"", "is not a valid cosignature"),
        (200, b"\xff", "is not a valid cosignature"),
        (200, "\u2014 x AAAAAAA=\n".encode(), "is not a valid cosignature"),
    ],
)
async def test_a_witness_that_does_not_help_holds_nothing_up(
    ask: Ask,
    append: Append,
    signer: Plain,
    home: SignerFolder,
    *,
    status: int,
    body: bytes,
    says: str,
) -> None:
    await append(ask("a-1"))
    await sign(signer, home)
    [told] = await witness_client.collect_cosignatures(
        signer, home, WATCHED, lambda *_: (HTTPStatus(status), body)
    )
    assert told.startswith("W: ")
    assert says in told
    assert (await checkpoint_store.assurance(signer, WATCHED)).witnessed is None
    assert home.alarm_sentence() is None


async def test_a_wrong_cosignature_is_not_kept(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder
) -> None:
    await append(ask("a-1"))
    await sign(signer, home)
    last = await checkpoint_store.latest(signer)
    assert last is not None
    wrong = KEY.sign("another text\n", 1).line.encode()
    with pytest.raises(WitnessUnavailable, match="is not valid"):
        await witness_client.store_cosignatures(
            signer, [KEY.verifier], last.published_note, wrong
        )
    assert await signer.fetchval("select count(*) from ledger.cosignature") == 0


async def test_a_witness_without_an_address_is_asked_by_file(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder, line: Line
) -> None:
    spelt = f"witness W {KEY.verifier}\n".encode()
    offline = policy.parse(spelt, complete=False)
    await append(ask("a-1"))
    await sign(signer, home)
    assert await gather(signer, home, line, offline) == []
    assert line.statuses == []
    last = await checkpoint_store.latest(signer)
    assert last is not None
    asked = await witness_client.build_request(signer, 0, last.published_note)
    answer = line.witness.cosign(str(asked).encode())
    await witness_client.store_cosignatures(
        signer, [KEY.verifier], last.published_note, answer.encode()
    )
    assert (await checkpoint_store.assurance(signer, offline)).witnessed == 1


PQ = ml_dsa_key(KEY.name)
BOTH = policy.parse(
    f"witness W-ed {KEY.verifier} {URL}\nwitness W-pq {PQ.verifier} {URL}\n"
    "group W all W-ed W-pq\nquorum W\n".encode()
)


async def test_a_witness_with_both_kinds_is_asked_once_for_both(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder, line: Line
) -> None:
    both = Line(structs.replace(line.witness, keys=(KEY, PQ)))
    for events in (3, 2):
        await append(ask(f"a-{events}", events=events))
        await sign(signer, home)
        assert await gather(signer, home, both, BOTH) == []
        assert await gather(signer, home, both, BOTH) == []
    assert both.statuses == [200, 200]
    found = await checkpoint_store.assurance(signer, BOTH)
    assert (found.witnesses, found.witnessed, found.ignored) == (1, 5, [])
    assert await signer.fetchval("select count(*) from ledger.cosignature") == 4


async def test_a_key_that_a_witness_adds_is_asked_for_from_its_last_size(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder, line: Line
) -> None:
    await append(ask("a-1", events=3))
    await sign(signer, home)
    [told] = await gather(signer, home, line, BOTH)
    lacking = f"{PQ.name}+{PQ.verifier.key_id.hex()}"
    assert told == f"W-ed, W-pq: the witness did not cosign with {lacking}"
    assert (await checkpoint_store.assurance(signer, BOTH)).witnessed is None
    both = Line(structs.replace(line.witness, keys=(KEY, PQ)))
    assert await gather(signer, home, both, BOTH) == []
    # The witness had cosigned size 3 already, so no proof is needed; the cosignature
    # that is stored of its first key is not stored again.
    assert both.statuses == [200]
    assert (await checkpoint_store.assurance(signer, BOTH)).witnessed == 3
    assert await signer.fetchval("select count(*) from ledger.cosignature") == 2


async def test_the_last_checkpoint_of_a_witness_is_cosigned_by_one_of_its_keys() -> (
    None
):
    text = checkpoint.Checkpoint(ORIGIN, 3, bytes(32)).text
    keys = [KEY.verifier, PQ.verifier]
    for key in (KEY, PQ):
        answer = 200, str(note.Note(text, (key.sign(text, 1),))).encode()
        found = await witness_client.last_cosigned(
            keys, URL, ORIGIN, {f"{URL}{PLACE}/checkpoint": answer}.__getitem__
        )
        assert found is not None
        assert found.size == 3


class Answering(BaseHTTPRequestHandler):
    """Answers by path: a valid response, a refusal, or no HTTP."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"GET")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/strange":
            self.wfile.write(b"nonsense\r\n\r\n")
            return
        self.send_response(409 if self.path == "/refusing" else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def test_what_a_witness_answers_is_read_whatever_its_status() -> None:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            assert witness_client._post(f"{url}/well", b"a") == (200, b"a")
            assert witness_client._get(f"{url}/well") == (200, b"GET")
            assert witness_client._post(f"{url}/refusing", b"7\n") == (409, b"7\n")
            with pytest.raises(WitnessUnavailable, match="cannot be reached"):
                witness_client._post(f"{url}/strange", b"")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"oh", "the witness responded with status 500: oh"),
        (200, b"", "is not a valid cosignature"),
        (200, b"text\n\n", "is not a valid cosignature"),
    ],
)
async def test_an_answer_that_is_no_checkpoint_is_not_taken_for_one(
    status: int, body: bytes, says: str
) -> None:
    with pytest.raises(WitnessUnavailable, match=says):
        await witness_client.last_cosigned(
            [KEY.verifier], URL, ORIGIN, lambda _: (status, body)
        )


async def test_a_witness_is_asked_for_the_last_checkpoint_of_one_log() -> None:
    of_other = checkpoint.Checkpoint("other.test/log", 3, bytes(32)).text
    signed = str(note.Note(of_other, (KEY.sign(of_other, 1),))).encode()
    asked = []

    def answer(url: str) -> tuple[int, bytes]:
        asked.append(url)
        return (200, signed) if len(asked) == 1 else (404, b"")

    with pytest.raises(WitnessUnavailable, match="a checkpoint of log other"):
        await witness_client.last_cosigned([KEY.verifier], URL, ORIGIN, answer)
    of_ours = await witness_client.last_cosigned([KEY.verifier], URL, ORIGIN, answer)
    assert of_ours is None
    assert asked == [f"http://saksi.test/prefix/{PLACE}/checkpoint"] * 2


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "ftp://saksi.test", "http://[", "saksi"]
)
def test_a_witness_that_cannot_be_reached_is_named(url: str) -> None:
    with pytest.raises(WitnessUnavailable):
        witness_client._post(url, b"")


async def test_a_quorum_of_none_witnesses_nothing(
    ask: Ask, append: Append, signer: Plain, home: SignerFolder, line: Line
) -> None:
    await append(ask("a-1"))
    await sign(signer, home)
    await gather(signer, home, line)
    nobody = policy.parse(f"witness W {KEY.verifier}\nquorum none".encode())
    assert (await checkpoint_store.assurance(signer, nobody)).witnessed is None


LOG = log_key()


async def store(signer: Plain, size: int, *, root: bytes = bytes(32)) -> str:
    """Store a signed checkpoint of any root, and return its text."""
    signed = checkpoint.Checkpoint(LOG.name, size, root)
    note_ = note.Note(signed.text, (LOG.sign(signed.text),))
    await checkpoint_store.publish(signer, signed, note_, [LOG.verifier])
    return signed.text


async def cosign(signer: Plain, key: SigningKey, size: int, text: str) -> None:
    """Store a cosignature of that text, by the statement that a forger would use."""
    await insert(signer, key, size, key.sign(text, 1_700_000_000).line)


async def insert(signer: Plain, key: SigningKey, size: int, line: str) -> None:
    await signer.execute(
        "insert into ledger.cosignature (size, vkey, line) values ($1, $2, $3)",
        size,
        str(key.verifier),
        line,
    )


async def test_the_last_size_with_a_quorum_is_found_however_far_back(
    signer: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosignature_store, "PAGE", 2)
    other = witness_key("other.test", 5)
    both = policy.parse(
        f"witness A {KEY.verifier}\nwitness B {other.verifier}\n"
        "group G all A B\nquorum G\n".encode()
    )
    assert (await checkpoint_store.assurance(signer, both)).witnessed is None
    texts = {size: await store(signer, size) for size in range(1, 8)}
    for size, text in texts.items():
        await cosign(signer, KEY, size, text)
    assert (await checkpoint_store.assurance(signer, both)).witnessed is None
    await cosign(signer, other, 2, texts[2])
    assert (await checkpoint_store.assurance(signer, both)).witnessed == 2
    assert await cosignature_store.cosigned_size(signer, KEY.verifier, 5) == 5


async def test_every_checkpoint_comes_in_order(
    signer: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_store, "PAGE", 2)
    for size in (5, 1, 3, 9, 7):
        await store(signer, size)
    found = [one.size async for one in checkpoint_store.checkpoints_up_to(signer, 7)]
    assert found == [1, 3, 5, 7]
    first = await checkpoint_store.covering_checkpoint(signer, 4)
    assert first is not None
    assert first.size == 5
    assert await checkpoint_store.covering_checkpoint(signer, 10) is None


async def test_a_cosignature_that_does_not_verify_counts_for_nothing_and_is_reported(
    signer: Plain,
) -> None:
    text = await store(signer, 3)
    valid = KEY.sign(text, 1_700_000_000).line
    wrong = KEY.sign("another text\n", 1_700_000_000).line
    for line in (wrong, "", "garbage", valid.removesuffix("\n"), valid + "\n"):
        await insert(signer, KEY, 3, line)
    await signer.execute(
        "insert into ledger.cosignature (size, vkey, line) values (3, 'x', $1)", valid
    )
    await insert(signer, LOG, 3, LOG.sign(text).line)
    found = await checkpoint_store.assurance(signer, WATCHED)
    assert found.witnessed is None
    assert len(found.ignored) == 7
    assert found.ignored[0] == (
        f"cosignature of {KEY.name} at size 3 ignored: it does not verify"
    )
    last = await checkpoint_store.latest(signer)
    assert last is not None
    assert last.cosignatures == ()
    # The witness's own cosignature still finds its place.
    await cosign(signer, KEY, 3, text)
    assert (await checkpoint_store.assurance(signer, WATCHED)).witnessed == 3
    last = await checkpoint_store.latest(signer)
    assert last is not None
    assert last.cosignatures == (valid,)


async def test_a_cosignature_that_states_no_time_makes_no_quorum(signer: Plain) -> None:
    for key in (KEY, ml_dsa_key()):
        text = await store(signer, 3)
        watched = policy.parse(f"witness W {key.verifier}\nquorum W".encode())
        await insert(signer, key, 3, key.sign(text, 0).line)
        found = await checkpoint_store.assurance(signer, watched)
        assert (found.witnessed, found.ignored) == (None, [])
        await cosign(signer, key, 3, text)
        assert (await checkpoint_store.assurance(signer, watched)).witnessed == 3


async def test_a_witness_with_both_kinds_is_one_and_cosigns_with_both(
    signer: Plain,
) -> None:
    other = ml_dsa_key(KEY.name)
    both = policy.parse(
        f"witness W-ed {KEY.verifier}\nwitness W-pq {other.verifier}\n".encode(),
        complete=False,
    )
    text = await store(signer, 3)
    for key, witnessed in ((KEY, None), (other, 3)):
        await cosign(signer, key, 3, text)
        found = await checkpoint_store.assurance(signer, both)
        assert (found.witnesses, found.witnessed) == (1, witnessed)


async def test_the_published_note_has_as_many_cosignatures_as_it_may_have(
    signer: Plain,
) -> None:
    text = await store(signer, 3)
    for seed in range(30):
        await cosign(signer, ml_dsa_key(f"{seed}.test", seed), 3, text)
    last = await checkpoint_store.latest(signer)
    assert last is not None
    assert len(last.cosignatures) == 20
    assert note.LONGEST - 4_096 < len(str(last).encode()) <= note.LONGEST
    assert len(last.published_note.signatures) == 21


async def test_a_checkpoint_that_no_key_of_the_log_signed_takes_no_ones_place(
    signer: Plain,
) -> None:
    text = await store(signer, 3)
    await cosign(signer, KEY, 3, text)
    forged = note.Note(text, (log_key(seed=9).sign(text),))
    unsigned = checkpoint.Checkpoint(LOG.name, 10**12, bytes(32)).text
    rows = [
        (3, str(forged)),
        (3, "garbage"),
        (4, str(note.Note(text, (LOG.sign(text),)))),  # of another size
        (10**12, str(note.Note(unsigned, (log_key(seed=9).sign(unsigned),)))),
        *((5 + n, "") for n in range(20)),
    ]
    for size, forgery in rows:
        await signer.execute(
            "insert into ledger.checkpoint (size, root, note) values ($1, $2, $3)",
            size,
            bytes(32),
            forgery,
        )
    await signer.execute("insert into ledger.log_key (vkey, first_size) values ('', 0)")
    last = await checkpoint_store.latest(signer)
    assert last is not None
    assert (last.size, last.checkpoint.text) == (3, text)
    found = await checkpoint_store.assurance(signer, WATCHED)
    assert (found.signed, found.witnessed, found.ignored) == (3, 3, [])
    assert await checkpoint_store.covering_checkpoint(signer, 4) is None
    upto = [
        one.size async for one in checkpoint_store.checkpoints_up_to(signer, 10**13)
    ]
    assert upto == [3]
