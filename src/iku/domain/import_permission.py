"""The permission to import a file: proposed by one person, approved by another.

A journal declares days on which the office knew its facts, and may verify what it
reports. With accounts, such a file is imported only if another person has approved it.
The permission names the file by its SHA-256, so that it holds for that content alone.
"""

import re
from datetime import date

from msgspec import Struct

from iku.domain.decider import Decider, DecisionContext, Invalid
from iku.domain.fact import Fact
from iku.messages import message

_DIGEST = re.compile(r"[0-9a-f]{64}")


# Events. The tag and the fields are the storage format: add fields, never change them.


class FileAllowed(Fact, frozen=True, tag="file_allowed"):
    """The file whose SHA-256 is the subject of the stream may be imported."""

    effective_on: date


class ImportPermission(Struct, frozen=True):
    """The permission for one file."""

    allowed: FileAllowed


def evolve(
    _permission: ImportPermission | None, event: FileAllowed
) -> ImportPermission:
    """The permission after *event*."""
    return ImportPermission(event)


def decide(
    command: FileAllowed, permission: ImportPermission | None, context: DecisionContext
) -> list[FileAllowed]:
    """The event that *command* adds; empty if the file is allowed already.

    Raises:
        Invalid: The subject is not a SHA-256.
    """
    if _DIGEST.fullmatch(context.subject) is None:
        raise Invalid(
            "subject",
            message(
                "{subject} is not the SHA-256 of a file: 64 digits 0-9 and a-f",
                subject=context.subject,
            ),
        )
    return [] if permission else [command]


decider: Decider[ImportPermission, FileAllowed] = Decider(
    "import", FileAllowed, decide, evolve, moves_figures=False
)
