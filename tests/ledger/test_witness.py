"""A witness cosigns only consistent continuations of what it cosigned."""

import threading
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import pytest

from iku.ledger import (
    checkpoint,
    durable_files,
    note,
    policy,
    proof_building,
    tree,
    witness,
)
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Algorithm, Malformed, Note
from iku.ledger.witness import (
    CosignConflict,
    CosignRefused,
    CosignRequest,
    Witness,
    WitnessFolder,
)
from tests.ledger.test_note import log_key, ml_dsa_key, witness_key
from tests.ledger.test_proof_building import LEAVES, OTHER, ROOT, Memory

LOG = log_key()
KEY = witness_key()
ORIGIN = LOG.name
PLACE = sha256(ORIGIN.encode()).hexdigest()
KNOWN = policy.parse(f"log {LOG.verifier}".encode(), complete=False)


@pytest.fixture
def cosigner(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "witness", (KEY,), KNOWN, new=True)


async def request(
    old: int,
    size: int,
    *,
    root: bytes | None = None,
    proof: list[bytes] | None = None,
    origin: str = ORIGIN,
) -> CosignRequest:
    if proof is None:
        known = old <= size
        memory = Memory(LEAVES)
        proof = await proof_building.consistency(memory, old, size) if known else []
    text = Checkpoint(origin, size, root or ROOT[size]).text
    return CosignRequest(old, tuple(proof), Note(text, (LOG.sign(text),)))


def cosign(
    cosigner: Witness, asked: CosignRequest | bytes | str
) -> note.VerifiedSignature:
    """The cosignature, which must verify."""
    raw = asked if isinstance(asked, bytes) else str(asked).encode()
    line = cosigner.cosign(raw)
    text = witness.parse_request(raw).signed.text
    given = note.parse(f"{text}\n{line}".encode())
    [vouched] = note.verify(given, [KEY.verifier])
    return vouched


def declined(cosigner: Witness, asked: CosignRequest | bytes | str) -> CosignRefused:
    raw = asked if isinstance(asked, bytes) else str(asked).encode()
    with pytest.raises(CosignRefused) as caught:
        cosigner.cosign(raw)
    return caught.value


async def test_a_log_that_only_grows_is_cosigned(cosigner: Witness) -> None:
    size = 0
    for larger in (3, 3, 7, 64, 100, 300):
        vouched = cosign(cosigner, await request(size, larger))
        assert vouched.time is not None
        assert vouched.time > 1_700_000_000
        size = larger
    kept = cosigner.latest(PLACE)
    assert kept is not None
    read = note.parse(kept.encode())
    assert checkpoint.parse(read.text).size == 300
    assert note.verify(read, [LOG.verifier])
    assert note.verify(read, [KEY.verifier])


async def test_it_remembers_through_a_restart(
    cosigner: Witness, tmp_path: Path
) -> None:
    cosign(cosigner, await request(0, 9))
    again = Witness(tmp_path / "witness", (KEY,), KNOWN)
    assert declined(again, await request(0, 12)).status == HTTPStatus.CONFLICT
    cosign(again, await request(9, 12))


async def test_whoever_begins_elsewhere_is_told_the_size(cosigner: Witness) -> None:
    cosign(cosigner, await request(0, 9))
    for old in (0, 8, 10):
        error = declined(cosigner, await request(old, 12))
        assert isinstance(error, CosignConflict)
        assert (error.status, error.size) == (HTTPStatus.CONFLICT, 9)


async def test_a_log_that_was_rewritten_is_not_cosigned(cosigner: Witness) -> None:
    cosign(cosigner, await request(0, 9))
    good = await request(9, 12)
    for broken in (
        await request(9, 9, root=ROOT[8]),
        await request(9, 12, root=OTHER),
        await request(9, 12, proof=[]),
        await request(9, 12, proof=[*good.proof, OTHER]),
        await request(9, 12, proof=list(good.proof[:-1])),
        await request(9, 9, proof=[OTHER]),
    ):
        error = declined(cosigner, broken)
        assert error.status == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "is not consistent with the last one" in str(error)
    cosign(cosigner, good)


async def test_the_first_checkpoint_needs_no_proof_and_takes_none(
    cosigner: Witness,
) -> None:
    error = declined(cosigner, await request(0, 3, proof=[OTHER]))
    assert error.status == HTTPStatus.UNPROCESSABLE_ENTITY
    error = declined(cosigner, await request(0, 0, root=OTHER))
    assert error.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert cosigner.latest(PLACE) is None
    cosign(cosigner, await request(0, 0, root=tree.EMPTY_ROOT))
    cosign(cosigner, await request(0, 3))


async def test_an_old_size_beyond_the_checkpoint_is_malformed(
    cosigner: Witness,
) -> None:
    error = declined(cosigner, await request(10, 9))
    assert error.status == HTTPStatus.BAD_REQUEST


async def test_who_asks_has_to_be_known_and_to_have_signed(cosigner: Witness) -> None:
    unknown = declined(cosigner, await request(0, 3, origin="other.test/log"))
    assert unknown.status == HTTPStatus.NOT_FOUND
    asked = await request(0, 3)
    text = asked.signed.text
    stranger, wrong = log_key(seed=9).sign(text), LOG.sign(text + "x")
    for signatures in ((stranger,), (wrong,), (stranger, wrong)):
        forged = CosignRequest(0, asked.proof, Note(text, signatures))
        error = declined(cosigner, forged)
        assert error.status == HTTPStatus.FORBIDDEN
    cosign(
        cosigner, CosignRequest(0, asked.proof, Note(text, (stranger, LOG.sign(text))))
    )


async def test_what_is_no_request_is_malformed(cosigner: Witness) -> None:
    good = str(await request(0, 3))
    for broken in (
        "",
        "old 0",
        good.replace("old 0", "old 00"),
        good.replace("old 0", "old -1"),
        good.replace("old 0", "old"),
        good.replace("old 0\n", ""),
        good.replace("old 0\n", "old 0\nAAAA\n"),
        good.replace("old 0\n", "old 0\n" + "A" * 43 + "=\n" * 64),
        good.replace("old 0\n", "old 0\n\u00e9\n"),
        good.replace("\n3\n", "\nthree\n"),
        good.partition("\u2014")[0],
    ):
        assert declined(cosigner, broken).status == HTTPStatus.BAD_REQUEST, broken


async def test_of_many_at_once_none_is_rolled_back(cosigner: Witness) -> None:
    """Two checkpoints race from one size: only one of them is cosigned."""
    cosign(cosigner, await request(0, 9))
    asked = [str(await request(9, size)).encode() for size in range(10, 30)]
    won: list[bytes] = []
    barrier = threading.Barrier(len(asked))

    def race(raw: bytes) -> None:
        barrier.wait()
        try:
            cosigner.cosign(raw)
        except CosignConflict:
            return
        won.append(raw)

    threads = [threading.Thread(target=race, args=(raw,)) for raw in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    kept = cosigner.latest(PLACE)
    assert kept is not None
    assert checkpoint.parse(note.parse(kept.encode()).text).text in won[0].decode()


async def test_what_is_not_on_disk_is_not_answered(
    cosigner: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = str(await request(0, 9)).encode()

    def full(*_: object) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "write", full)
        with pytest.raises(OSError, match="no space"):
            cosigner.cosign(asked)
    assert cosigner.latest(PLACE) is None
    cosigner.cosign(asked)


def test_only_logs_that_are_known_are_shown(cosigner: Witness) -> None:
    for place in (PLACE, "", "..", "../key", "0" * 64):
        assert cosigner.latest(place) is None


async def test_its_folder_tells_the_last_checkpoint_of_a_log(
    cosigner: Witness, tmp_path: Path
) -> None:
    home = WitnessFolder(tmp_path / "witness")
    assert home.last_cosigned(ORIGIN) is None
    cosign(cosigner, await request(0, 9))
    last = home.last_cosigned(ORIGIN)
    assert last is not None
    assert (last.origin, last.size) == (ORIGIN, 9)


def test_its_keys_are_its_own_and_one_of_each_kind(tmp_path: Path) -> None:
    home = WitnessFolder(tmp_path)
    assert home.signing_keys() == ()
    for algorithm, file in witness.KEY_FILES.items():
        made = home.make_key("saksi.test", algorithm)
        assert (made.name, made.algorithm) == ("saksi.test", algorithm)
        assert home.signing_keys()[-1] == made
        with pytest.raises(FileExistsError):
            home.make_key("saksi.test", algorithm)
        (tmp_path / file).chmod(0o604)
        with pytest.raises(durable_files.InsecurePermissions):
            home.signing_keys()
        (tmp_path / file).chmod(0o600)
    one, two = home.signing_keys()
    assert one.seed != two.seed
    durable_files.write(tmp_path / "key", LOG.secret.encode())
    with pytest.raises(Malformed, match="holds a key of algorithm 0x01, not 0x04"):
        home.signing_keys()


def test_its_second_key_has_the_name_of_the_first_and_forgets_nothing(
    made: Witness,
) -> None:
    home, kind = WitnessFolder(made.folder), Algorithm.COSIGNATURE_ML_DSA
    (made.folder / "logs-known").write_bytes(b"remembered\n")
    with pytest.raises(Malformed, match=r"other key has the name saksi\.test"):
        home.make_key("other.test", kind)
    assert not (made.folder / witness.KEY_FILES[kind]).exists()
    home.make_key("saksi.test", kind)
    assert (made.folder / "logs-known").read_bytes() == b"remembered\n"


async def test_a_witness_with_both_kinds_cosigns_with_both_at_one_time(
    tmp_path: Path,
) -> None:
    keys = (KEY, ml_dsa_key(KEY.name))
    both = Witness(tmp_path / "witness", keys, KNOWN, new=True)
    asked = await request(0, 9)
    lines = both.cosign(str(asked).encode())
    text = asked.signed.text
    given = note.parse(f"{text}\n{lines}".encode())
    assert len(given.signatures) == 2
    found = note.verify(given, [key.verifier for key in keys])
    assert [one.key for one in found] == [key.verifier for key in keys]
    assert found[0].time == found[1].time
    kept = both.latest(PLACE)
    assert kept is not None
    read = note.parse(kept.encode())
    assert len(note.verify(read, [LOG.verifier, *(k.verifier for k in keys)])) == 3


async def test_signatures_of_strangers_do_not_fill_the_memory(
    cosigner: Witness,
) -> None:
    asked = await request(0, 9)
    text = asked.signed.text
    strangers = [ml_dsa_key(f"{n}.test", n).sign(text, 1) for n in range(19)]
    crowded = Note(text, (*strangers, LOG.sign(text)))
    assert len(str(crowded)) > note.LONGEST - note.LONGEST_LINE
    cosign(cosigner, CosignRequest(0, asked.proof, crowded))
    cosign(cosigner, await request(9, 12))
    kept = cosigner.latest(PLACE)
    assert kept is not None
    assert len(note.parse(kept.encode()).signatures) == 2


async def test_a_checkpoint_that_leaves_no_room_for_cosignatures_is_refused(
    tmp_path: Path,
) -> None:
    keys = (KEY, ml_dsa_key(KEY.name))
    both = Witness(tmp_path / "witness", keys, KNOWN, new=True)
    for lines, fits in ((62, False), (60, True)):
        text = Checkpoint(ORIGIN, 9, ROOT[9], ("x" * 1_023,) * lines).text
        asked = CosignRequest(0, (), Note(text, (LOG.sign(text),)))
        if fits:
            assert both.cosign(str(asked).encode()).count("\n") == 2
        else:
            error = declined(both, asked)
            assert error.status == HTTPStatus.BAD_REQUEST
            assert "the note is longer than" in str(error)
            assert both.latest(PLACE) is None
    assert both.latest(PLACE) is not None


@pytest.fixture
def made(tmp_path: Path) -> Witness:
    """A witness whose key was made in its folder."""
    home = WitnessFolder(tmp_path / "made")
    home.make_key(KEY.name, KEY.algorithm)
    durable_files.write(home.folder / "key", f"{KEY.secret}\n".encode())
    return Witness(home.folder, home.signing_keys(), KNOWN)


async def test_a_new_key_cosigns_a_log_without_more_ado(made: Witness) -> None:
    cosign(made, await request(0, 9))
    cosign(made, await request(9, 12))
    modes = {path.stat().st_mode & 0o777 for path in made.folder.rglob("*")}
    assert modes == {0o600, 0o700}


@pytest.mark.parametrize("lost", [["logs/" + PLACE], ["logs/" + PLACE, "logs-known"]])
async def test_a_key_without_its_memory_cosigns_nothing_until_it_is_told_to(
    made: Witness, lost: list[str]
) -> None:
    cosign(made, await request(0, 9))
    for name in lost:
        (made.folder / name).unlink()
    error = declined(made, await request(0, 3))
    assert error.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert f"the last cosigned checkpoint of the log {ORIGIN}, " in str(error)
    told = Witness(made.folder, made.keys, KNOWN, new=True)
    cosign(told, await request(0, 3))
    cosign(made, await request(3, 12))


async def test_a_memory_from_before_the_list_is_taken_over(made: Witness) -> None:
    cosign(made, await request(0, 9))
    (made.folder / "logs-known").unlink()
    cosign(made, await request(9, 12))
    assert (made.folder / "logs-known").read_text() == f"{PLACE}\n"


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"note":""}', b"null", b"\xff"])
async def test_a_damaged_memory_is_named(made: Witness, damage: bytes) -> None:
    cosign(made, await request(0, 9))
    (made.folder / "logs" / PLACE).write_bytes(damage)
    error = declined(made, await request(9, 12))
    assert error.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert f"{PLACE} is damaged: " in str(error)
    with pytest.raises(CosignRefused, match="is damaged"):
        WitnessFolder(made.folder).last_cosigned(ORIGIN)
    told = Witness(made.folder, made.keys, KNOWN, new=True)
    cosign(told, await request(0, 3))


async def test_a_log_that_was_shortened_is_said_to_be(made: Witness) -> None:
    cosign(made, await request(0, 12))
    error = declined(made, await request(0, 9))
    assert error.status == HTTPStatus.CONFLICT
    assert str(error) == (
        "the log was shortened: the checkpoint has size 9, but size 12 was cosigned "
        "before"
    )
    assert "the log was shortened" in str(declined(made, await request(12, 9)))


@pytest.mark.parametrize("name", [".", "key", "logs", "logs-known", "logs/" + PLACE])
async def test_a_witness_whose_folder_others_can_use_cosigns_nothing(
    made: Witness, name: str
) -> None:
    cosign(made, await request(0, 9))
    (made.folder / name).chmod(0o707)
    asked = str(await request(9, 12)).encode()
    with pytest.raises(
        durable_files.InsecurePermissions, match="is accessible to other users"
    ):
        made.cosign(asked)
