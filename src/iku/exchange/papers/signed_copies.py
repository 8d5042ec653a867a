"""Signed copies of issued papers: the conditions on which they are accepted.

An electronic signature is appended to a PDF as an incremental update, so the issued
bytes must be the beginning of the copy. Certificates and signatures are not validated.
Some programs let a signature be drawn over a number, so the appended update may show
something in the reserved fields only, and may replace nothing that a page shows.
"""

import re
from collections.abc import Iterator
from datetime import date

import msgspec
from msgspec import Struct

from iku.domain.access import Action
from iku.domain.decider import Refused
from iku.domain.paper import Signed
from iku.exchange.papers import digest, issuing, rewritten_copies
from iku.exchange.papers.issuing import Site
from iku.exchange.papers.sources import Sources
from iku.messages import Message, message
from iku.queries.papers import PaperRecord

MILLIMETRE = 72 / 25.4  # points
WIDTH, HEIGHT = 60 * MILLIMETRE, 25 * MILLIMETRE  # of a reserved field
TOLERANCE = 1.0  # points
_OBJECT = re.compile(
    rb"(?<![0-9])([0-9]{1,9}) [0-9]{1,5} obj\b(.*?)\bendobj\b", re.DOTALL
)
_OPAQUE = re.compile(rb"\bstream\r?\n.*?\bendstream\b|<[0-9A-Fa-f\s]*>(?!>)", re.DOTALL)
_RECTANGLE = re.compile(rb"/Rect\s*\[([^\]]*)\]")
_SIGNATURE = re.compile(rb"/ByteRange\s*\[\s*0\s")
_REPLACEABLE = (b"/Type/Page/", b"/Type/Catalog/", b"/Type/Metadata/", b"/Creator(")
_KEPT = (b"Contents", b"Resources", b"MediaBox", b"Pages")  # of what is replaced


class ReservedField(Struct, frozen=True):
    """The upper left corner of a reserved field, in points from that of its page."""

    page: int
    x: float
    y: float


def check(issued: bytes, found: PaperRecord, copy: bytes, today: date) -> Signed:
    """The event that accepts *copy*, whose digest and length are filled in later.

    *issued* is the issued paper with its proof.

    Raises:
        Refused: The copy is another file, is not signed, or shows something else.
    """
    if not copy.startswith(issued):
        raise Refused(_other_file(issued, copy))
    appended = copy[len(issued) :]
    plain = _OPAQUE.sub(b" ", appended)
    if _SIGNATURE.search(plain) is None:
        raise Refused(
            message(
                "the file begins with the issued paper, but nothing is appended that "
                "is an electronic signature"
            )
        )
    for fault in _faults(issued, plain):
        raise Refused(fault)
    version, _ = found.paper.issues[-1]
    return Signed(effective_on=today, issued=version, digest="0" * 64, length=1)


async def checked(
    sources: Sources, found: PaperRecord, site: Site, copy: bytes
) -> Signed:
    """The event that records *copy*, a signed copy of an issued paper.

    Raises:
        Forbidden: The viewer may not record the copy.
        Refused: The paper has no proof yet, or the copy is refused (see `check`).
    """
    sources.view.viewer.require(Action.AGENCY_DATA)
    issued = await issuing.final_bytes(sources, found, site)
    if issued is None:
        raise Refused(
            message(
                "paper {paper} is a draft until a quorum of witnesses has cosigned "
                "its issue, so it cannot be signed yet",
                paper=found.subject,
            )
        )
    return check(issued, found, copy, sources.today)


def _other_file(issued: bytes, copy: bytes) -> Message:
    """Why a file that does not begin with the issued paper is refused."""
    if b"/EmbeddedFile" not in copy:
        return message(
            "the file does not begin with the issued paper and has no attachments: it "
            "is another file, or a draft"
        )
    missing = rewritten_copies.missing_attachments(digest.attachments(issued), copy)
    if missing:
        return message(
            "the file does not begin with the issued paper, and its attachments "
            "differ from those of the paper: {names}; it is another paper, or was "
            "changed before it was signed",
            names=missing,
        )
    return message(
        "the file does not begin with the issued paper: it was rewritten by a program, "
        "and its attachments are equal to those of the paper, but what its pages show "
        "cannot be compared; sign with a program that only appends"
    )


def _faults(issued: bytes, plain: bytes) -> Iterator[Message]:
    """What the appended update does beyond a signature in a reserved field."""
    if b"/ObjStm" in plain or b"#" in plain:
        yield message(
            "the appended update hides objects or names, so it cannot be checked"
        )
    objects = digest.objects(issued)
    fields = _reserved_fields(issued)
    pages, rectangles = _pages(objects), _RECTANGLE.findall(plain)
    allowed = {pages[one.page - 1] for one in fields if 0 < one.page <= len(pages)}
    if all(_is_empty(one) for one in rectangles):  # an invisible signature
        allowed = set(pages)
    for number, content in _OBJECT.findall(plain):
        before = objects.get(int(number))
        if before is not None and not _keeps(before, content, int(number), allowed):
            yield message(
                "the appended update replaces object {number} of the paper, which "
                "a signature does not",
                number=int(number),
            )
    height = _page_height(objects[pages[0]])
    for rectangle in rectangles:
        if not _is_empty(rectangle) and not _is_reserved(rectangle, fields, height):
            yield message(
                "the signature is drawn at [{rectangle}], outside the field that the "
                "paper reserves for it",
                rectangle=" ".join(rectangle.decode("latin-1").split())[:80],
            )


def _keeps(before: bytes, after: bytes, number: int, allowed: set[int]) -> bool:
    """Whether an object may be replaced, and still shows the same."""
    if not any(kind in before for kind in _REPLACEABLE):
        return False
    if b"/Type/Page/" in before and number not in allowed:
        return False
    return all(_values(key, before) == _values(key, after) for key in _KEPT)


def _values(key: bytes, content: bytes) -> list[bytes]:
    """The values of a key, a reference or an array, without white space."""
    found = re.findall(
        rb"/" + key + rb"(?![A-Za-z])\s*(\[[^\]]*\]|[^/<>\[\]()]*)", content
    )
    return [b" ".join(one.strip(b"[] \r\n").split()) for one in found]


def _pages(objects: dict[int, bytes]) -> list[int]:
    """The numbers of the page objects, in order."""
    [root] = [one for one in objects.values() if one.startswith(b"<</Type/Pages/")]
    kids = re.findall(rb"([0-9]+) 0 R", root.partition(b"/Kids")[2].partition(b"]")[0])
    return [int(one) for one in kids]


def _page_height(page: bytes) -> float:
    [box] = _values(b"MediaBox", page)
    return float(box.split()[3])


def _reserved_fields(issued: bytes) -> list[ReservedField]:
    content = digest.attachments(issued)["bidang.json"]
    return msgspec.json.decode(content, type=list[ReservedField])


def _is_empty(rectangle: bytes) -> bool:
    return re.fullmatch(rb"\s*(0(\.0+)?\s+){3}0(\.0+)?\s*", rectangle) is not None


def _is_reserved(
    rectangle: bytes, fields: list[ReservedField], page_height: float
) -> bool:
    """Whether a rectangle lies in a reserved field."""
    try:
        left, lower, right, upper = map(float, rectangle.split())
    except ValueError:
        return False
    left, right = sorted((left, right))
    lower, upper = sorted((lower, upper))
    return any(
        one.x - TOLERANCE <= left
        and right <= one.x + WIDTH + TOLERANCE
        and page_height - one.y - HEIGHT - TOLERANCE <= lower
        and upper <= page_height - one.y + TOLERANCE
        for one in fields
    )
