"""The vectors of docs/ledger-format.md agree with the program and iku-verify."""

import re
from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import iku_verify
from iku.domain.erasure import covering_decision
from iku.exchange import bundle
from iku.ledger import proof_building, tile, tlog_proof, tree, witness
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.checkpoint_store import SignedCheckpoint
from iku.ledger.note import Algorithm, Note, SigningKey
from iku.ledger.signature_algorithm import signed_message
from iku.ledger.tlog_proof import TlogProof
from tests.ledger.test_proof_building import Memory

PAGE = (Path(__file__).parents[2] / "docs" / "ledger-format.md").read_text("utf-8")
RECORDS = [b'{"n":"satu"}', b'{"n":"dua"}', b'{"n":"tiga"}']
LOG = SigningKey("iku.example/log", Algorithm.NOTE, bytes([1]) * 32)
WITNESS = SigningKey("saksi.example", Algorithm.COSIGNATURE, bytes([2]) * 32)
ML_DSA = SigningKey("saksi.example", Algorithm.COSIGNATURE_ML_DSA, bytes([3]) * 32)
TIME = 1_767_225_600
FATES = """\
conflict-K01/1 title conflict-K01
subject-conflict-K01/1 erased
conflict-K01/2 note conflict-K01
subject-conflict-K01/2 erased
"""


async def vectors() -> dict[str, str]:
    """The computed vectors, by their name in the document."""
    leaves = [tree.leaf_hash(record) for record in RECORDS]
    memory = Memory(leaves)
    text = Checkpoint("iku.example/log", 3, tree.root(leaves)).text
    cosignature = WITNESS.sign(text, TIME)
    cosigned = Note(text, (LOG.sign(text), cosignature))
    path = tuple(await proof_building.inclusion(memory, 1, 3))
    grown = tuple(await proof_building.consistency(memory, 1, 3))
    return {
        "records": "".join(f"{record.decode()}\n" for record in RECORDS),
        "leaves": "".join(f"{leaf.hex()}\n" for leaf in leaves),
        "roots": "".join(f"{tree.root(leaves[:n]).hex()}\n" for n in range(4)),
        "keys": f"{LOG.secret}\n{LOG.verifier}\n{WITNESS.secret}\n{WITNESS.verifier}\n",
        "checkpoint": str(Note(text, (LOG.sign(text),))),
        "cosigned": str(cosigned),
        "ml-dsa": "\n".join(
            (
                signed_message(ML_DSA.algorithm, ML_DSA.name, text, TIME).hex(),
                ML_DSA.secret,
                sha256(ML_DSA.verifier.public).hexdigest(),
                "",
            )
        ),
        "inclusion": str(TlogProof(1, path, cosigned)),
        "consistency": tlog_proof.encode_hashes(grown),
        "add-checkpoint": str(
            witness.CosignRequest(1, grown, Note(text, (LOG.sign(text),)))
        ),
        "manifest": manifest(str(Note(text, (LOG.sign(text),)))),
        "fates": FATES,
        "entries": tile.entry_bundle(RECORDS).hex() + "\n",
        "policy": (
            f"log {LOG.verifier}\nwitness inspektorat {WITNESS.verifier}\n"
            "quorum inspektorat\n"
        ),
    }


def manifest(note: str) -> str:
    """The manifest of a bundle with only a checkpoint."""
    root = b64decode(note.split("\n")[2])
    signed = SignedCheckpoint(3, root, note, datetime.now(UTC), ())
    with TemporaryDirectory() as folder:
        writing = bundle._BundleWriter(Path(folder), signed)
        writing.add("checkpoint", note.encode())
        writing.finish()
        return (Path(folder) / "manifest.json").read_text()


def on_the_page() -> dict[str, str]:
    """The documented vectors, by name."""
    found = re.findall(r"<!-- vector: ([\w-]+) -->\n+```\n(.*?)```", PAGE, re.DOTALL)
    return dict(found)


async def test_the_page_shows_what_we_write() -> None:
    assert on_the_page() == await vectors()


def test_an_auditor_reads_what_the_page_shows(tmp_path: Path) -> None:
    shown = on_the_page()
    for name in ("policy", "inclusion", "cosigned"):
        (tmp_path / name).write_text(shown[name])
    leaf = shown["leaves"].split("\n")[1]
    asked = ["proof", str(tmp_path / "inclusion"), "--leaf", leaf]
    policy = ["--policy", str(tmp_path / "policy")]
    assert iku_verify.main([*asked, *policy]) == 0
    signed = iku_verify.read_checkpoint(shown["cosigned"].encode(), "it")
    assert signed.root.hex() == shown["roots"].split("\n")[3]
    raw = bytes.fromhex(shown["entries"])
    assert iku_verify.split_entries(raw, "it") == RECORDS


def test_the_page_tells_erased_from_withheld_as_everybody_here_does() -> None:
    texts, tallies = iku_verify.Texts({}), []
    erasures: list[int] = []
    committed: list[int] = []
    for position, line in enumerate(on_the_page()["fates"].splitlines(), 1):
        event, name, *subject = line.split()
        stream, _, version = event.rpartition("/")
        told = {name: {"c": "0" * 64, "s": subject[0]}} if subject else {}
        made = {"stream": stream, "version": int(version), "type": name, "text": told}
        decided = {"decision": "SK 1", "legal_basis": "UU 27/2022"}
        texts.add(position, made | {"data": decided})
        (committed if subject else erasures).append(position)
        covered = [place for place in committed if covering_decision(place, erasures)]
        tally = texts.counts()
        assert tally["erased"] == len(covered)
        tallies.append((tally["erased"], tally["withheld"]))
    assert tallies == [(0, 1), (1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize(
    ("number", "width"), [(0, 256), (5, 3), (1067, 256), (1_234_067, 8)]
)
def test_the_page_shows_where_tiles_lie(number: int, width: int) -> None:
    assert f"`{tile.encode_index(number, width)}`" in PAGE
