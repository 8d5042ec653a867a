"""The paper: a printed document that the office issued, and its signed copies.

A paper is printed from a publication, or from coordinates where there is none. Its
issue records the SHA-256 of its bytes, so that anybody can verify a copy against the
log (docs/ledger-format.md, "Papers"). Signing takes place outside the register; a
signed copy begins with the issued bytes, and its hash is recorded.

The stream of a paper is named by the paper and its publication or coordinates:
``paper-lkjip.2021-W3``, ``paper-rekap-ormas.20211231.20220115.145``.
"""

from datetime import date
from typing import Annotated, TypeAlias, assert_never

from msgspec import Meta, Struct

from iku.domain.attachment import Digest, Length
from iku.domain.decider import (
    Decider,
    DecisionContext,
    Invalid,
    Refused,
    refuse_unlikely_day,
)
from iku.domain.fact import Fact, Line, Version
from iku.domain.publication import Identifier
from iku.messages import message

NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$(?!\n)"

Name: TypeAlias = Annotated[
    str,
    Meta(
        pattern=NAME,
        max_length=30,
        description="Name of the paper, such as lkjip.",
        examples=["lkjip"],
        extra_json_schema={"x-expects": "the name of a paper, such as lkjip"},
    ),
]
Size: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Toolchain(Struct, frozen=True, forbid_unknown_fields=True):
    """The programs and files that a paper was made with.

    Attributes:
        program: Version of this program.
        typst: Version of the compiler.
        fonts: SHA-256 over the font files.
        templates: SHA-256 over the templates.
    """

    program: Line
    typst: Line
    fonts: Digest
    templates: Digest


class PaperCoordinates(Struct, frozen=True, forbid_unknown_fields=True):
    """The coordinates of a paper without a publication."""

    as_of: date
    known_on: date
    size: Size


# Events. The tags and fields are the storage format: add fields, never change them.


class Issued(Fact, frozen=True, tag="issued"):
    """The paper was issued; *effective_on* is also the date in its bytes.

    Attributes:
        digest: SHA-256 of the paper before its proof was laid in.
        publication: The publication that it prints; None if it has coordinates.
        as_of: As-of day, if it has no publication; then also *known_on* and *size*.
        data_size: Size of the log up to which the agency's data were read.
        url: Public address of the register that the paper names.
    """

    paper: Name
    effective_on: date
    digest: Digest
    length: Length
    data_size: Size
    made_with: Toolchain
    url: Line | None = None
    publication: Identifier | None = None
    as_of: date | None = None
    known_on: date | None = None
    size: Size | None = None


class Signed(Fact, frozen=True, tag="signed"):
    """A signed copy of the paper was accepted; its sealed bytes are kept.

    The signatures in it are not validated.

    Attributes:
        issued: Version of the issue whose bytes the copy begins with.
        digest: SHA-256 of the signed copy.
        length: Length of the signed copy in bytes.
    """

    effective_on: date
    issued: Version
    digest: Digest
    length: Length


Event = Issued | Signed


# State.


class IssuedPaper(Struct, frozen=True):
    """A paper; the last issue is the one in force."""

    history: tuple[Event, ...]

    @property
    def issues(self) -> tuple[tuple[int, Issued], ...]:
        """The issues with their versions, in order."""
        numbered = enumerate(self.history, start=1)
        return tuple((n, one) for n, one in numbered if isinstance(one, Issued))

    @property
    def issued(self) -> Issued:
        """The issue in force."""
        return self.issues[-1][1]

    @property
    def signed(self) -> tuple[tuple[int, Signed], ...]:
        """The signed copies of the issue in force, with their versions, in order."""
        last, _ = self.issues[-1]
        numbered = enumerate(self.history, start=1)
        return tuple(
            (n, one)
            for n, one in numbered
            if isinstance(one, Signed) and one.issued == last
        )


def evolve(paper: IssuedPaper | None, event: Event) -> IssuedPaper:
    """The paper after *event*."""
    return IssuedPaper((*(paper.history if paper else ()), event))


def identifier(
    name: str, publication: str | None, at: PaperCoordinates | None = None
) -> str:
    """Identifier of the paper *name* of a publication, or of coordinates."""
    if publication is not None:
        return f"{name}.{publication}"
    if at is None:
        raise ValueError(f"{name} has neither a publication nor coordinates")
    return f"{name}.{at.as_of:%Y%m%d}.{at.known_on:%Y%m%d}.{at.size}"


def subject_of(event: Issued) -> str:
    """Identifier of the paper that *event* issues.

    Raises:
        Invalid: The paper has neither a publication nor complete coordinates, or both.
    """
    at = (event.as_of, event.known_on, event.size)
    match event.publication, at:
        case str(publication), (None, None, None):
            return identifier(event.paper, publication)
        case None, (date() as as_of, date() as known_on, int(size)):
            return identifier(
                event.paper, None, PaperCoordinates(as_of, known_on, size)
            )
        case _:
            raise Invalid(
                "publication",
                message(
                    "{paper} must have either a publication or as_of, known_on and "
                    "size",
                    paper=event.paper,
                ),
            )


# Decisions.


def decide(
    command: Event, paper: IssuedPaper | None, context: DecisionContext
) -> list[Event]:
    """The event that *command* adds; empty if it is already recorded.

    Raises:
        Refused: A rule forbids it; the message quotes both values.
    """
    refuse_unlikely_day("effective_on", command.effective_on, context.today)
    match command:
        case Issued():
            return _issue(command, paper, context)
        case Signed():
            return _sign(command, paper)
    assert_never(command)


def _issue(
    command: Issued, paper: IssuedPaper | None, context: DecisionContext
) -> list[Event]:
    named = subject_of(command)
    if named != context.subject:
        raise Invalid(
            "paper",
            message(
                "the event issues paper {named}, but it is in the stream of {subject}",
                named=named,
                subject=context.subject,
            ),
        )
    # The same bytes are the same issue, whichever day it is repeated on.
    if paper is not None and paper.issued.digest == command.digest:
        return []
    return [command]


def _sign(command: Signed, paper: IssuedPaper | None) -> list[Event]:
    issues = dict(paper.issues) if paper else {}
    if command.issued not in issues:
        raise Invalid(
            "issued",
            message(
                "issued is {issued}, but version {issued} of the paper is not an issue",
                issued=command.issued,
            ),
        )
    if paper is not None and command.digest in {
        one.digest for _, one in paper.signed if one.issued == command.issued
    }:
        return []
    issue = issues[command.issued]
    if command.length <= issue.length:
        raise Refused(
            message(
                "the signed copy has {length} bytes, but the issued paper has "
                "{issued}: a signature only appends",
                length=command.length,
                issued=issue.length,
            )
        )
    return [command]


decider: Decider[IssuedPaper, Event] = Decider(
    "paper", Event, decide, evolve, moves_figures=False
)
