"""The proof is laid into a paper, and nothing else in it changes."""

import json
from collections.abc import Callable
from hashlib import sha256

import pytest

from iku.exchange.papers import digest
from iku.queries.papers import PaperEvidence, ProvenRecord
from tests.exchange.papers import issuing
from tests.printed import strict_reader


@pytest.fixture(scope="module")
def compiled() -> bytes:
    return issuing.typeset("77,78%", issuing.FROZEN)


def attachments(paper: bytes) -> dict[str, bytes]:
    found = strict_reader(paper).attachments
    return {name: content[0] for name, content in found.items()}


def test_the_digest_is_the_sha256_of_the_paper_with_an_empty_proof(
    compiled: bytes,
) -> None:
    assert digest.digest(compiled) == sha256(compiled).hexdigest()
    assert attachments(compiled)["bukti.json"] == b"{}"


def test_a_reader_of_pdf_finds_the_proof_and_every_other_attachment(
    compiled: bytes,
) -> None:
    proof = b'{"a":"' + b"bukti " * 2_000 + b'"}'
    laid = digest.embed_proof(compiled, proof)
    assert attachments(laid) == {**attachments(compiled), "bukti.json": proof}
    reader = strict_reader(laid)
    assert reader.pages[0].extract_text() == "77,78%"


def test_the_empty_proof_laid_again_gives_the_compiled_paper(compiled: bytes) -> None:
    assert digest.embed_proof(compiled, b"{}") == compiled


def test_only_the_proof_its_lengths_and_offsets_differ(compiled: bytes) -> None:
    laid = digest.embed_proof(compiled, b'{"a":1}')
    place = compiled.index(b"stream\n{}\nendstream")
    begin = compiled.rindex(b"<</Length", 0, place)
    assert laid[:begin] == compiled[:begin]
    end, start = compiled.index(b"endobj", place), compiled.index(b"\nxref\n")
    assert compiled[end:start] in laid
    assert laid.count(b" 00000 n\r\n") == compiled.count(b" 00000 n\r\n")


@pytest.mark.parametrize(
    "broken",
    [
        lambda paper: paper.replace(b"stream\n{}\n", b"stream\n[]\n"),
        lambda paper: paper + b"\n",
        lambda paper: paper.replace(b"\nxref\n", b"\nxxxx\n"),
    ],
)
def test_a_paper_of_another_layout_is_not_issued(
    compiled: bytes, broken: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(ValueError, match=r"paper|proof"):
        digest.digest(broken(compiled))


def test_the_proof_lists_its_records_in_the_order_of_the_log() -> None:
    later, earlier = (ProvenRecord(n, (bytes(32),), b"{}") for n in (7, 2))
    evidence = PaperEvidence("note\n", (later, earlier))
    told = json.loads(digest.encode_proof(evidence))
    assert [one["index"] for one in told["records"]] == [2, 7]
    check = told.pop("check")
    spelt = json.dumps(told, separators=(",", ":"), sort_keys=True)
    assert check == sha256(spelt.encode()).hexdigest()
