"""`iku-verify paper` accepts the paper that the register issued, and nothing else."""

import json
import re
import zlib
from collections.abc import Callable, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import pytest

import iku_verify
from iku.exchange.papers import digest
from iku_verify import Finding, Report
from tests.exchange.forging import policy, spell
from tests.exchange.papers import issuing, rewriting, signing
from tests.ledger.test_note import log_key
from tests.printed import appending_writer, strict_reader
from tests.samples import examples, sample

POLICY = policy(log_key())
TRUSTED = iku_verify.read_policy(POLICY.encode())
ISSUED = (issuing.SIZE, issuing.SIZE + 1, issuing.SIZE + 2)
# Of processor time. No measure of speed (benchmarks do that), but what work that grows
# with the square of a file's size would exceed on any machine.
LONGEST_S = 30
DIGESTS = set[str]()  # of the papers that the tests issued


@pytest.fixture(scope="module")
def paper() -> bytes:
    made = issuing.paper()
    read, _ = iku_verify.read_paper(made)
    DIGESTS.add(iku_verify.paper_digest(read, read.attached(b"bukti.json")))
    return made


@pytest.fixture
def verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    def run(raw: bytes, *options: str) -> tuple[int, str]:
        file, trusted = tmp_path / "kertas.pdf", tmp_path / "kebijakan"
        file.write_bytes(raw)
        trusted.write_text(POLICY)
        typed = ["paper", str(file), "--policy", str(trusted), *options]
        began = process_time()
        code = iku_verify.main(typed)
        assert process_time() - began < LONGEST_S
        return code, capsys.readouterr().out

    return run


def passes(raw: bytes) -> bool:
    """Whether the file passes as the paper, whole; no other error is permitted."""
    try:
        return iku_verify.verify_paper(raw, TRUSTED, Report()) == len(raw)
    except (Finding, RecursionError):
        return False


def relaid(raw: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The paper with each object changed, and laid as the compiler would lay it."""
    read, _ = iku_verify.read_paper(raw)
    return read._replace(objects=[change(one) for one in read.objects]).encoded()


def evidence_of(raw: bytes) -> bytes:
    read, _ = iku_verify.read_paper(raw)
    return read.attached(b"bukti.json").stored


def with_evidence(evidence: bytes) -> bytes:
    """A paper of publication 2021 with this content of `bukti.json`."""
    return digest.embed_proof(issuing.typeset("77,78%", issuing.FROZEN), evidence)


def issued(
    compiled: bytes,
    *,
    proven: Sequence[int] = ISSUED,
    change: Callable[[list[dict[str, Any]]], None] = lambda _records: None,
    **data: Any,
) -> bytes:
    """*compiled*, issued by a log that *change* may alter before it is signed."""
    records = issuing.publication_log(issuing.issue_data(compiled, **data))
    change(records)
    return digest.embed_proof(compiled, issuing.proof(records, proven))


# What passes.


def test_a_paper_verifies_from_its_own_bytes_and_the_policy(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    code, told = verify(paper)
    assert code == 0, told
    assert "paper lkjip of 2021, issued on 17-01-2022" in told
    assert "IKU-1: 77,78 % = 7/9, per 31-12-2021, edition 1" in told
    assert "witnessed by 1 of 1: saksi.test" in told
    code, told = verify(paper, "--json")
    assert json.loads(told)["paper"]["figures"][0]["number"] == issuing.NUMBER


def test_a_paper_without_a_publication_verifies_by_its_coordinates(
    verify: Callable[..., tuple[int, str]],
) -> None:
    at = {"as_of": "2021-12-31", "known_on": "2022-01-15", "size": issuing.SIZE}
    compiled = issuing.typeset("35 organisasi", at, None)
    data = {"digest": sha256(compiled).hexdigest(), "paper": "rekap-ormas", **at}
    records = issuing.publication_log({})
    records[issuing.SIZE + 2]["data"] = data
    proof = issuing.proof(records, (issuing.SIZE + 2,))
    code, told = verify(digest.embed_proof(compiled, proof))
    assert code == 0, told
    assert "paper rekap-ormas, issued on 17-01-2022, per 31-12-2021" in told


def test_without_a_quorum_a_paper_is_not_trusted(
    verify: Callable[..., tuple[int, str]],
) -> None:
    alone = issuing.paper(witnessed=False)
    code, told = verify(alone)
    assert code == 3
    assert "no quorum of witnesses" in told
    assert verify(alone, "--without-witness")[0] == 0


# What does not pass: changed bytes.


def test_no_paper_with_a_flipped_bit_passes(paper: bytes) -> None:
    assert passes(paper)
    proof = paper.index(b'{"check"')
    begin, end = paper.rindex(b"endobj", 0, proof), paper.index(b"endobj", proof)
    changed = bytearray(paper)
    for at in sample(range(len(paper)), 31):
        # The digest decides on everything but the proof, and is quicker to compute.
        judge = passes if begin <= at < end or at % 16 == 0 else has_digest
        for bit in range(8):
            changed[at] ^= 1 << bit
            assert not judge(bytes(changed)), f"bit {bit} of byte {at}"
            changed[at] ^= 1 << bit


def has_digest(raw: bytes) -> bool:
    """Whether the file has the digest of some paper that the register issued."""
    try:
        read, _ = iku_verify.read_paper(raw)
        return iku_verify.paper_digest(read, read.attached(b"bukti.json")) in DIGESTS
    except Finding:
        return False


def test_no_cut_and_no_insertion_passes(paper: bytes) -> None:
    random, length = Random(1), len(paper)
    for _ in range(examples(1_000, 150)):
        begin = random.randrange(length)
        end = begin + random.choice((1, 2, 3, 7, 20, 300, length))
        assert not passes(paper[:begin] + paper[end:]), f"cut {begin} to {end}"
        other = random.randrange(length)
        some = random.choice((b" ", b"\n", b"0", paper[other : other + 30] or b"x"))
        place = random.randrange(length + 1)
        assert not passes(paper[:place] + some + paper[place:]), f"{some!r} at {place}"


def test_bytes_before_the_header_are_refused(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    for before in (b" ", b"\xef\xbb\xbf", b"%PDF-1.7\n"):
        assert verify(before + paper)[0] == 2


# What does not pass: other files that show something else.


@pytest.mark.parametrize("program", rewriting.PROGRAMS)
def test_a_paper_that_another_program_wrote_is_refused(
    program: str, paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    code, told = verify(rewriting.PROGRAMS[program](paper))
    assert code == 2
    assert "not laid out as a paper" in told


def page_stream(raw: bytes) -> int:
    """Number of the object with the content of the first page."""
    found = re.search(rb"/Contents (\d+) 0 R", raw)
    assert found is not None
    return int(found[1])


def redrawn(raw: bytes, more: bytes) -> bytes:
    """The paper with further drawing on its page, laid as the compiler would."""
    number = page_stream(raw)
    begin = b"%d 0 obj\n" % number

    def change(content: bytes) -> bytes:
        if not content.startswith(begin):
            return content
        drawn = content.partition(b"stream\n")[2].rpartition(b"\nendstream")[0]
        if b"/FlateDecode" in content:
            drawn = zlib.decompress(drawn)
        drawn += more
        return begin + b"<</Length %d>>\nstream\n%b\nendstream\nendobj\n" % (
            len(drawn),
            drawn,
        )

    return relaid(raw, change)


def test_digits_drawn_over_the_number_are_found(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    drawn = redrawn(paper, b"\nq 1 1 1 rg 60 740 80 40 re f Q")
    assert strict_reader(drawn).pages[0].extract_text() == "77,78%"
    code, told = verify(drawn)
    assert code == 1
    assert "the digest of the paper" in told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/CIDToGIDMap/Identity", b"/CIDToGIDMap/Identitx"),
        (b"/MediaBox[0 0 595.2756", b"/MediaBox[0 9 595.2756"),
        (b"(D:2022", b"(D:2021"),
    ],
)
def test_an_edited_object_is_found_when_the_file_is_laid_again(
    paper: bytes, old: bytes, new: bytes
) -> None:
    assert old in paper
    assert not passes(paper.replace(old, new))
    assert not passes(relaid(paper, lambda content: content.replace(old, new)))


def test_a_stamp_on_the_page_is_an_appended_update(
    paper: bytes, verify: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    from pypdf.annotations import FreeText  # noqa: PLC0415 - as `tests.printed`

    writer = appending_writer(paper)
    lie = FreeText(text="99,99%", rect=(60, 740, 160, 790))
    writer.add_annotation(0, lie)
    stamped = BytesIO()
    writer.write(stamped)
    assert stamped.getvalue().startswith(paper)
    code, told = verify(stamped.getvalue())
    assert code == 3
    assert "were appended" in told
    assert "what they show is not verified" in told


def test_the_evidence_of_another_paper_is_refused(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    other = issuing.typeset("88,89%", issuing.FROZEN)
    code, told = verify(digest.embed_proof(other, evidence_of(paper)))
    assert code == 1
    assert "the digest of the paper" in told


def test_an_unissued_paper_is_refused(verify: Callable[..., tuple[int, str]]) -> None:
    code, told = verify(issuing.typeset("77,78%", issuing.FROZEN))
    assert code == 2
    assert "not complete" in told


# What does not pass: evidence that does not hold.


def test_figures_that_differ_from_the_closing_are_found(
    verify: Callable[..., tuple[int, str]],
) -> None:
    lie = {**issuing.FROZEN, "figures": [issuing.FIGURE | {"numerator": 9}]}
    code, told = verify(issued(issuing.typeset("100,00%", lie)))
    assert code == 1
    assert "figur.json" in told


@pytest.mark.parametrize(
    ("annex", "why"),
    [
        (issuing.ANNEX[:-1], "the counts of"),
        ([*issuing.ANNEX, issuing.ANNEX[1]], "the counts of"),
        (issuing.ANNEX[:1], "the counts of"),
        ([one.replace("tidak", "ya") for one in issuing.ANNEX], "the counts of"),
        ([*issuing.ANNEX, "IKU-9,K1,ya,,,,"], "a figure that is not in the paper"),
        (["nomor,penyebut", *issuing.ANNEX[1:]], "other columns"),
        ([*issuing.ANNEX, '"x'], "not complete"),
        ([*issuing.ANNEX, "x"], "not complete"),
        ([""], "other columns"),
    ],
)
def test_subjects_that_do_not_add_up_to_the_figures_are_found(
    annex: list[str], why: str, verify: Callable[..., tuple[int, str]]
) -> None:
    compiled = issuing.typeset("77,78%", issuing.FROZEN, annex)
    code, told = verify(issued(compiled))
    assert code in {1, 2}
    assert why in told


def test_a_paper_has_its_own_attachments_and_no_other(
    verify: Callable[..., tuple[int, str]],
) -> None:
    fields = issuing.attach("bidang.json", b"[]")
    other = issuing.attach("catatan.json", b"[]")
    compiled = issuing.typeset("77,78%", issuing.FROZEN, issuing.ANNEX, fields)
    assert verify(issued(compiled))[0] == 0
    earlier = issuing.typeset("77,78%", issuing.FROZEN, None)
    assert verify(issued(earlier))[0] == 0
    compiled = issuing.typeset("77,78%", issuing.FROZEN, issuing.ANNEX, other)
    code, told = verify(issued(compiled))
    assert code == 2
    assert "the attachments are not those of a paper" in told
    assert "catatan.json" in told


@pytest.mark.parametrize("place", range(3))
def test_a_record_that_is_not_in_the_log_is_found(
    paper: bytes, place: int, verify: Callable[..., tuple[int, str]]
) -> None:
    told = json.loads(evidence_of(paper))
    held = json.loads(told["records"][place]["record"])
    told["records"][place]["record"] = spell(held | {"actor": "other"}).decode()
    forged = issuing.repeated(evidence_of(paper), records=told["records"])
    code, said = verify(with_evidence(forged))
    assert code == 1
    assert "root hash computed from the proof" in said


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (0, {"type": "returned"}),
        (1, {"type": "reviewed"}),
        (0, {"stream": "publication-2020"}),
        (1, {"data": {"by": "budi", "publication": "2021.2"}}),
        (2, {"stream": "toy-paper"}),
        (2, {"type": "signed"}),
    ],
)
def test_other_records_than_those_of_the_paper_are_refused(
    place: int, changes: dict[str, Any], verify: Callable[..., tuple[int, str]]
) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[issuing.SIZE + place].update(changes)

    compiled = issuing.typeset("77,78%", issuing.FROZEN)
    assert verify(issued(compiled, change=change))[0] in {1, 2}


def test_a_publication_that_was_only_closed_is_refused(
    verify: Callable[..., tuple[int, str]],
) -> None:
    compiled = issuing.typeset("77,78%", issuing.FROZEN)
    for proven in (ISSUED[::2], ISSUED[1:], ISSUED[:2]):
        assert verify(issued(compiled, proven=proven))[0] in {1, 2}


def test_a_paper_of_a_later_format_is_not_judged(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    later = issuing.repeated(evidence_of(paper), format="iku-paper/2")
    assert verify(with_evidence(later))[0] == 3


@pytest.mark.parametrize(
    "evidence",
    [
        b"[]",
        b"{}",
        b'{"check":"","checkpoint":"","format":"iku-paper/1","records":[]}',
        b"\xff\xfe",
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"a":' + b"9" * 100_000 + b"}",
    ],
)
def test_evidence_that_is_none_is_refused(
    evidence: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    assert verify(with_evidence(evidence))[0] in {1, 2}


def test_evidence_in_another_spelling_is_refused(paper: bytes) -> None:
    evidence = evidence_of(paper)
    told = json.loads(evidence)
    for spelt in (
        json.dumps(told, sort_keys=True),
        json.dumps(told, separators=(",", ":")).replace(
            "checkpoint", "\\u0063heckpoint"
        ),
        evidence.decode().replace("{", '{"a":1,', 1),
        evidence.decode() + "\n",
    ):
        assert not passes(with_evidence(spelt.encode()))
    assert passes(with_evidence(evidence))


def test_a_record_listed_twice_is_refused(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    told = json.loads(evidence_of(paper))
    for records in (told["records"][::-1], [*told["records"], told["records"][-1]]):
        forged = issuing.repeated(evidence_of(paper), records=records)
        assert verify(with_evidence(forged))[0] == 2


# What does not pass: bombs.


def attached(raw: bytes, name: bytes, stored: bytes, size: int) -> bytes:
    """The paper with a deflated attachment that claims to have *size* bytes."""
    read, _ = iku_verify.read_paper(raw)
    held = read.attached(name)
    begin = b"%d 0 obj\n" % held.number
    content = (
        b"<</Length %d/Type/EmbeddedFile/Filter/FlateDecode/Subtype/%b/Params<</Size %d"
        b"/ModDate(%b)>>>>\nstream\n%b\nendstream\nendobj\n"
    ) % (len(stored), held.subtype, size, held.modified, stored)
    return relaid(raw, lambda one: begin + content if one.startswith(begin) else one)


def test_a_decompression_bomb_is_refused_at_once(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(64)]
    bomb = b"".join([*parts, packer.flush()])
    for name in (b"bukti.json", b"figur.json", b"lampiran.csv"):
        for size in (2, 1_000, 1 << 20, 1 << 26):
            assert verify(attached(paper, name, bomb, size))[0] in {1, 2}


def test_a_bomb_is_not_inflated_beyond_what_it_claims(paper: bytes) -> None:
    bomb = zlib.compress(bytes(1 << 24), 9)
    read, _ = iku_verify.read_paper(attached(paper, b"figur.json", bomb, 1_000))
    with pytest.raises(Finding, match="another length"):
        iku_verify.inflate(read.attached(b"figur.json"), iku_verify.FIGURES)
    with pytest.raises(Finding, match="longer than"):
        iku_verify.inflate(read.attached(b"figur.json"), 999)


def test_a_file_of_many_footers_is_refused_at_once(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    foot = paper[paper.rindex(b"trailer\n") :]
    assert verify(foot * ((iku_verify.PAPER - 1) // len(foot)))[0] == 2
    assert verify(bytes(iku_verify.PAPER + 1))[0] == 2


def test_a_table_of_a_million_offsets_is_refused_at_once(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    for entry in (b"0000000015 00000 n\r\n", b"x" * 20, b"0000000000 65535 f\r\n"):
        count = 999_999
        table = b"xref\n0 %d\n" % count + entry * count
        trailer = re.sub(
            rb"/Size \d+", b"/Size %d" % count, paper[paper.rindex(b"trailer") :]
        )
        trailer = re.sub(rb"startxref\n\d+", b"startxref\n15", trailer)
        assert verify(iku_verify.HEADER + table + trailer)[0] == 2


@pytest.mark.parametrize("size", [0, 1, 3, 100])
def test_what_is_no_pdf_is_refused_without_a_traceback(
    size: int, verify: Callable[..., tuple[int, str]]
) -> None:
    assert verify(Random(size).randbytes(size))[0] == 2


# What is appended: signatures.


def test_a_signed_paper_holds_the_issued_one(
    paper: bytes, verify: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    signed, out = signing.sign(paper), tmp_path / "asli.pdf"
    assert signed.startswith(paper)
    code, told = verify(signed)
    assert code == 3
    assert f"{len(signed) - len(paper)} bytes were appended" in told
    assert verify(signed, "--original", str(out))[0] == 0
    assert out.read_bytes() == paper
    assert verify(signed, "--original", str(out))[0] == 2  # it is not overwritten


def test_the_original_of_a_paper_without_quorum_is_not_written(
    verify: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    signed, out = issuing.paper(witnessed=False) + b"\n%signed", tmp_path / "asli.pdf"
    assert verify(signed, "--original", str(out))[0] == 3
    assert not out.exists()
    assert verify(signed, "--original", str(out), "--without-witness")[0] == 0


def test_an_appended_false_attachment_is_not_followed(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    writer = appending_writer(paper)
    writer.add_attachment("figur.json", b'{"figures":[]}')
    updated = BytesIO()
    writer.write(updated)
    code, told = verify(updated.getvalue())
    assert code == 3
    assert "IKU-1: 77,78 % = 7/9" in told


def test_a_paper_appended_to_another_is_not_the_one_that_is_verified(
    paper: bytes, verify: Callable[..., tuple[int, str]]
) -> None:
    lie = redrawn(paper, b"\nq 1 1 1 rg 60 740 80 40 re f Q")
    assert verify(lie + b"\n" + paper)[0] in {1, 2}
    assert verify(paper + b"\n" + lie)[0] == 3
