"""A proof file has everything to verify it, except the policy."""

import pytest

from iku.ledger import proof_building, tlog_proof
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Malformed, Note
from iku.ledger.proof_verification import InvalidProof
from iku.ledger.tlog_proof import TlogProof
from tests.ledger.test_note import log_key
from tests.ledger.test_proof_building import LEAVES, OTHER, ROOT, Memory


async def proof(index: int = 5, size: int = 9) -> TlogProof:
    text = Checkpoint("iku.test/log", size, ROOT[size]).text
    hashes = await proof_building.inclusion(Memory(LEAVES), index, size)
    return TlogProof(index, tuple(hashes), Note(text, (log_key().sign(text),)))


async def test_a_proof_is_written_read_and_checked() -> None:
    for index, size in ((0, 1), (5, 9), (8, 9)):
        written = await proof(index, size)
        read = tlog_proof.parse(str(written).encode())
        assert read == written
        read.check(LEAVES[index])
        with pytest.raises(InvalidProof):
            read.check(OTHER)


async def test_the_form_is_that_of_the_specification() -> None:
    lines = str(await proof()).split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 5"]
    assert [len(line) for line in lines[2:6]] == [44, 44, 44, 44]
    assert lines[6:9] == ["", "iku.test/log", "9"]


async def test_what_nobody_signed_is_read_past() -> None:
    written = await proof()
    spelt = str(written).replace("\n", "\nextra aGFsbG8=\n", 1)
    assert tlog_proof.parse(spelt.encode()) == written


async def test_what_is_no_proof_is_refused() -> None:
    spelt = str(await proof())
    hashes = spelt.split("\n")[2]
    for broken in (
        "",
        spelt.replace("@v1", "@v2"),
        spelt.replace("index 5", "index 05"),
        spelt.replace("index 5\n", ""),
        spelt.replace("index 5", "index -1"),
        spelt.replace(hashes, hashes[:-1]),
        spelt.replace(hashes, "\n".join([hashes] * 64)),
        spelt.replace(hashes, hashes + "\u00e9"),
        spelt.partition("\n\n")[0],
        "c2sp.org/tlog-proof@v1\n\n" + spelt.partition("\n\n")[2],
    ):
        with pytest.raises(Malformed):
            tlog_proof.parse(broken.encode())
