"""A paper is a draft until it is issued and witnessed; then its bytes never change."""

import csv
import json
import re
from collections.abc import Awaitable, Callable
from datetime import date
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from msgspec import structs

import iku_verify
from iku.commands import papers as paper_commands
from iku.commands.command import Command, CommandResult
from iku.domain.decider import Refused
from iku.domain.paper import Signed
from iku.domain.paper_data import SignerSet
from iku.domain.question import UnknownReference
from iku.exchange.papers import (
    digest,
    issuing,
    missing,
    signed_copies,
    subject_annex,
)
from iku.exchange.papers.issuing import PreparedIssue, Site
from iku.exchange.papers.sources import PaperRequest
from iku.exchange.papers.words import say
from iku.ledger import checkpoint_signing, log
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import Plain
from iku.queries import papers
from iku.queries.figure_parameters import Moment
from iku_verify import Report
from tests.exchange.forging import WITNESS
from tests.exchange.papers import issuing as foreign
from tests.exchange.papers import rewriting, signing
from tests.exchange.papers.conftest import sources
from tests.exchange.papers.test_digest import attachments
from tests.exchange.papers.test_documents import errors
from tests.exchange.test_bundle import WATCHED, cosign
from tests.printed import open_pdf
from tests.registers.world import World

HEAD = SignerSet(
    effective_on=date(2021, 1, 1),
    office="kepala_badan",
    office_title="Kepala Badan Kesatuan Bangsa dan Politik",
    signer_name="Contoh, S.Sos.",
    signer_rank="Pembina Utama Muda",
    signer_nip="196501011990031001",
)
SITE = Site("https://iku.example.go.id", WATCHED, writes=True)
Issue = Callable[[str, PaperRequest], Awaitable[PreparedIssue]]


@pytest.fixture
async def issue(world: World, published: str) -> Issue:
    """A function that issues a paper, signed by the head of the agency."""
    assert published == "2021"
    await world.do("paper_data", HEAD.subject, HEAD)

    async def issue(name: str, request: PaperRequest) -> PreparedIssue:
        made = await issuing.prepare(sources(world), name, request, SITE)
        await paper_commands.keep(
            world.app.commands, world.connection, made.event, made.compiled
        )
        await world.do("paper", made.subject, made.event)
        return made

    return issue


@pytest.fixture
async def witness(world: World, signer: Plain, tmp_path: Path) -> Callable[..., object]:
    """A function that signs the log, has it cosigned, and gives a policy."""
    home = SignerFolder(tmp_path / "signer")
    key = home.make_key(world.app.settings.origin)

    async def witness() -> iku_verify.Policy:
        await checkpoint_signing.sign(signer, home, world.app.settings.origin)
        await cosign(signer)
        told = f"log {key.verifier}\nwitness W {WITNESS.verifier}\nquorum W\n"
        return iku_verify.read_policy(told.encode())

    return witness


def text_of(pdf: bytes) -> str:
    with open_pdf(pdf) as opened:
        return " ".join(" ".join(page.get_text() for page in opened).split())


YEAR = PaperRequest(publication="2021")


async def printed(world: World, name: str, request: PaperRequest) -> tuple[str, bool]:
    made = await issuing.print_paper(sources(world), name, request, SITE)
    return text_of(made.content), made.issued


async def test_a_paper_is_a_draft_that_names_what_it_lacks(
    world: World, published: str
) -> None:
    told, issued = await printed(world, "lkjip", PaperRequest(publication=published))
    assert not issued
    assert "KONSEP" in told
    assert "penanda tangan Kepala Badan" in told
    assert say(missing.ISSUE.what) in told


@pytest.mark.parametrize(
    ("name", "times"), [("daftar-konflik", 1), ("daftar-konflik-internal", 2)]
)
async def test_only_papers_without_texts_are_kept_in_memory(
    world: World, published: str, name: str, times: int, compiled: list[bytes]
) -> None:
    request = PaperRequest(publication=published)
    site = SITE._replace(url=f"https://{name}.example")  # papers that are not kept yet
    for _ in range(2):
        await issuing.print_paper(sources(world), name, request, site)
    assert len(compiled) == times


async def test_a_paper_without_its_signer_is_not_issued(
    world: World, published: str
) -> None:
    request = PaperRequest(publication=published)
    with pytest.raises(Refused, match="signer Kepala Badan"):
        await issuing.prepare(sources(world), "lkjip", request, SITE)


async def test_a_paper_that_names_people_is_never_issued(
    world: World, published: str
) -> None:
    request = PaperRequest(publication=published)
    with pytest.raises(Refused, match="never issued"):
        await issuing.prepare(sources(world), "daftar-konflik-internal", request, SITE)


async def test_a_paper_that_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(UnknownReference, match="surat"):
        await issuing.print_paper(sources(world), "surat", YEAR, SITE)


async def test_an_issued_paper_proves_itself_once_it_is_witnessed(
    world: World,
    issue: Issue,
    witness: Callable[[], Awaitable[iku_verify.Policy]],
    tmp_path: Path,
) -> None:
    made = await issue("lkjip", YEAR)
    told, issued = await printed(world, "lkjip", YEAR)
    assert not issued
    assert say(missing.COSIGNATURES.what) in told
    alone = SITE._replace(witnesses=Policy())
    lacks = (await issuing.print_paper(sources(world), "lkjip", YEAR, alone)).missing
    assert lacks == (missing.WITNESSES,)
    policy = await witness()
    final = await issuing.print_paper(sources(world), "lkjip", YEAR, SITE)
    assert final.issued
    assert "KONSEP" not in text_of(final.content)
    assert "196501011990031001" in text_of(final.content)
    report = Report()
    assert iku_verify.verify_paper(final.content, policy, report) == len(final.content)
    assert report.paper is not None
    assert report.paper["publication"] == "2021"
    assert report.lacking == []
    assert errors(final.content, tmp_path / "kertas.pdf") == []
    files = attachments(final.content)
    assert [*files] == ["bidang.json", "bukti.json", "figur.json", "lampiran.csv"]
    _, *rows = csv.reader(StringIO(files["lampiran.csv"].decode()), strict=True)
    frozen = json.loads(files["figur.json"])["figures"]
    assert [row[0] for row in rows] == [
        one["number"] for one in frozen for _ in range(one["denominator"])
    ]
    number, counts, why_denominator, _, why_numerator, position = rows[0][1:]
    assert (number, counts) == ("K01", "ya")
    assert (why_denominator, why_numerator) == ("open_on_eve", "resolved")
    assert position.isdecimal()
    # Later facts and later cosignatures change nothing of it.
    await world.do("paper_data", HEAD.subject, structs.replace(HEAD, signer_rank="X"))
    await witness()
    again = await issuing.print_paper(sources(world), "lkjip", YEAR, SITE)
    assert again == final
    assert made.compiled != final.content


def test_no_paper_is_issued_that_is_larger_than_the_verifier_reads() -> None:
    assert subject_annex.LARGEST == iku_verify.ANNEX
    assert issuing.LARGEST + iku_verify.EVIDENCE == iku_verify.PAPER


@pytest.mark.parametrize(
    "limited",
    [
        (subject_annex, 500, "lampiran.csv would be larger"),
        (issuing, 50_000, "more than the 0.0 MiB that a verifier reads"),
    ],
)
async def test_a_paper_that_is_too_large_is_refused_before_anything_is_written(
    world: World,
    published: str,
    monkeypatch: pytest.MonkeyPatch,
    limited: tuple[ModuleType, int, str],
) -> None:
    assert published == "2021"
    module, most, said = limited
    await world.do("paper_data", HEAD.subject, HEAD)
    before = await log.head(world.connection)
    monkeypatch.setattr(module, "LARGEST", most)
    with pytest.raises(Refused, match=said):
        await issuing.prepare(sources(world), "lkjip", YEAR, SITE)
    assert await log.head(world.connection) == before
    monkeypatch.undo()
    made = await issuing.prepare(sources(world), "lkjip", YEAR, SITE)
    assert made.subject


async def test_the_same_paper_is_made_again_byte_by_byte(
    world: World, issue: Issue
) -> None:
    made = await issue("lkjip", YEAR)
    again = await issuing.prepare(sources(world), "lkjip", YEAR, SITE)
    assert again.compiled == made.compiled
    outcome: CommandResult = await world.do("paper", again.subject, again.event)
    assert not outcome.added


async def test_a_paper_without_a_publication_is_issued_at_its_coordinates(
    world: World, issue: Issue, witness: Callable[[], Awaitable[iku_verify.Policy]]
) -> None:
    open_ = PaperRequest(moment=Moment(date(2021, 12, 31)))
    made = await issue("lampiran-iku", open_)
    event = made.event
    assert event.publication is None
    assert event.as_of == date(2021, 12, 31)
    assert event.known_on == world.today
    assert event.size == event.data_size
    policy = await witness()
    at = Moment(date(2021, 12, 31), event.known_on, event.size)
    request = PaperRequest(moment=at)
    final = await issuing.print_paper(sources(world), "lampiran-iku", request, SITE)
    assert final.issued
    report = Report()
    iku_verify.verify_paper(final.content, policy, report)
    assert report.paper is not None
    assert report.paper["as_of"] == "2021-12-31"
    told, issued = await printed(world, "lampiran-iku", open_)
    assert not issued
    assert "KONSEP" in told


async def test_a_replica_serves_what_is_stored_only(
    world: World, issue: Issue, witness: Callable[[], Awaitable[iku_verify.Policy]]
) -> None:
    await issue("lkjip", YEAR)
    await witness()
    replica = SITE._replace(writes=False)
    before = await issuing.print_paper(sources(world), "lkjip", YEAR, replica)
    assert not before.issued
    final = await issuing.print_paper(sources(world), "lkjip", YEAR, SITE)
    after = await issuing.print_paper(sources(world), "lkjip", YEAR, replica)
    assert after == final


# Signed copies.


def reserved(paper: bytes) -> signing.Box:
    """The field that the last page reserves, as the rectangle of a signature."""
    [field] = json.loads(digest.attachments(paper)["bidang.json"])
    with open_pdf(paper) as opened:
        assert field["page"] == len(opened)
        height = opened[-1].rect.height
    left, top = field["x"], height - field["y"]
    width, tall = signed_copies.WIDTH, signed_copies.HEIGHT
    return int(left) + 1, int(top - tall) + 1, int(left + width), int(top)


def redrawn(paper: bytes, signed: bytes) -> bytes:
    """The signed paper with an update that replaces what its first page draws."""
    contents = re.search(rb"/Contents ([0-9]+) 0 R", paper)
    assert contents is not None
    return (
        signed
        + b"\n%b 0 obj\n<</Length 0>>\nstream\n\nendstream\nendobj\n" % (contents[1])
    )


@pytest.fixture(scope="module")
def another() -> bytes:
    """A paper of another register."""
    return foreign.paper()


async def test_a_signed_copy_is_taken_up_and_a_changed_one_is_refused(
    world: World,
    issue: Issue,
    witness: Callable[[], Awaitable[iku_verify.Policy]],
    another: bytes,
) -> None:
    made = await issue("lkjip", YEAR)
    await witness()
    final = await issuing.print_paper(sources(world), "lkjip", YEAR, SITE)
    signed = signing.sign(final.content, reserved(final.content))
    found = await papers.find(world.view, made.subject)
    assert found is not None
    event = signed_copies.check(final.content, found, signed, world.today)
    command = Command("paper", made.subject, event, "uji")
    await paper_commands.take_signed(
        world.app.commands, world.connection, command, signed
    )
    found = await papers.find(world.view, made.subject)
    assert found is not None
    [(_, taken)] = found.paper.signed
    assert isinstance(taken, Signed)
    assert taken.length == len(signed)
    assert await papers.read_signed(world.view, found) == signed
    cut = len(final.content)
    left, lower, right, upper = reserved(final.content)
    for wrong, why in (
        (final.content, "nothing is appended"),
        (final.content + b"\n% catatan\n", "nothing is appended"),
        (signed[1:], "does not begin"),
        (signed[: cut // 2] + b"x" + signed[cut // 2 + 1 :], "rewritten"),
        *(
            (rewrite(signed), "rewritten .* attachments are equal")
            for rewrite in rewriting.PROGRAMS.values()
        ),
        (signing.sign(made.compiled), r"differ .*: bukti\.json;"),
        (another, r"differ .*: bidang\.json, bukti\.json, figur\.json"),
        (rewriting.by_qpdf_packed(another), r"differ .*, figur\.json"),
        (b"%PDF-1.7\n", "no attachments"),
        (
            signing.sign(final.content, (left, lower + 300, right, upper + 300)),
            "outside",
        ),
        (signing.sign(final.content, (left, lower, right + 9, upper)), "outside"),
        (redrawn(final.content, signed), "replaces object"),
    ):
        with pytest.raises(Refused, match=why):
            signed_copies.check(final.content, found, wrong, world.today)
