"""The schema shapes that the signer accepts, signed in its folder.

A shape lists the functions, triggers and privileges of the database; the caller
computes its digest. The signer signs nothing under a shape that it has not accepted, so
a change by a superuser that left no trace in the database is detected. The shape that
the release expects is accepted without a file, so an upgrade needs no action.
"""

import re
from pathlib import Path

from msgspec import Struct

from iku import messages
from iku.ledger import durable_files, note
from iku.ledger.note import Malformed, Note, Unverified
from iku.ledger.signer_folder import SignerFolder, SignerNotReady
from iku.messages import message

# Not the form of a checkpoint, whose second line is a size: the same key signs both.
_TITLE = "iku: accepted shape of the schema"
_DIGEST = re.compile("[0-9a-f]{64}")


class ShapeChanged(SignerNotReady):
    """The signer does not sign, because the schema has a shape that is not accepted."""


class ShapeDigests(Struct, frozen=True):
    """The SHA-256, in hexadecimal, of two shapes of the schema.

    Attributes:
        found: Digest of the database's shape.
        expected: Digest of the shape that the release expects.
    """

    found: str
    expected: str


def refuse_unaccepted_shape(home: SignerFolder, shape: ShapeDigests) -> None:
    """Refuse a schema shape that is neither accepted nor expected by the release.

    Raises:
        ShapeChanged: The message names the digests.
        SignerNotReady: The file is damaged, or not signed by the log's key.
    """
    accepted = read_digest(home)
    if shape.found == accepted:
        return
    if shape.found != shape.expected:
        raise ShapeChanged(
            message(
                "the schema has the shape {found}, but the accepted shape is "
                "{accepted}; `iku status` lists the differences; if the change is "
                "intended, run `iku signer accept-shape {found}`",
                found=shape.found,
                accepted=accepted or shape.expected,
            )
        )
    accept(home, shape.found)


def accept(home: SignerFolder, digest: str) -> None:
    """Accept the shape *digest*: write it to the folder, signed by the log's key."""
    key = home.key()
    text = f"{_TITLE}\n{key.name}\n{digest}\n"
    durable_files.write(_path(home), str(Note(text, (key.sign(text),))).encode())


def read_digest(home: SignerFolder) -> str | None:
    """The accepted digest; None if there is none yet.

    Raises:
        SignerNotReady: The file is damaged, or not signed by the log's key.
    """
    path = _path(home)
    raw = durable_files.read_if_exists(path)
    if raw is None:
        return None
    try:
        signed = note.parse(raw)
        note.verify(signed, home.verifier_keys())
        title, origin, digest = signed.text.removesuffix("\n").split("\n")
    except (Malformed, Unverified, ValueError) as error:
        raise SignerNotReady(
            message(
                "{path} is damaged: {error}",
                path=path,
                error=messages.error_message(error),
            )
        ) from error
    if (title, origin) != (_TITLE, home.key().name) or not _DIGEST.fullmatch(digest):
        raise SignerNotReady(
            message(
                "{path} is damaged: it does not contain an accepted shape of this log",
                path=path,
            )
        )
    return digest


def _path(home: SignerFolder) -> Path:
    return home.folder / "shape"
