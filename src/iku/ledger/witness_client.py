"""Client of the witness protocol: requests cosignatures and stores them."""

import asyncio
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import TypeAlias

from iku import messages
from iku.ledger import (
    checkpoint,
    checkpoint_signing,
    cosignature_store,
    note,
    proof_building,
)
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Reader
from iku.ledger.note import Malformed, Note, Unverified, VerifiedSignature, VerifierKey
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder
from iku.ledger.tile_cache import Tiles
from iku.ledger.witness import CosignRequest
from iku.messages import message

TIMEOUT_S = 15.0
ATTEMPTS = 3  # first; with the size the witness named; after a concurrent cosignature
LONGEST_ANSWER = 1 << 16  # bytes

Post: TypeAlias = Callable[[str, bytes], tuple[int, bytes]]
Get: TypeAlias = Callable[[str], tuple[int, bytes]]


class WitnessUnavailable(Exception):
    """A witness did not cosign; the message has the reason. A retry may succeed."""


class WitnessContradiction(Exception):
    """A witness cosigned another tree of this log; the message is the alarm's text."""


async def request_cosignatures(
    connection: Reader, witnesses: Policy, signed: Note, post: Post | None = None
) -> list[str]:
    """Request the missing cosignatures of *signed*; return the failures as sentences.

    Raises:
        WitnessContradiction: A witness cosigned a tree that is not this log's.
    """
    found = []
    for url, keys in witnesses.keys_by_url.items():
        try:
            await _request_missing(
                connection, url, [*keys.values()], signed, post or _post
            )
        except WitnessUnavailable as error:
            found.append(f"{', '.join(keys)}: {error}")
    return found


async def collect_cosignatures(
    connection: Reader, home: SignerFolder, witnesses: Policy, post: Post | None = None
) -> list[str]:
    """Request cosignatures of the last checkpoint; return the failures as sentences.

    The checkpoint is taken from the signer's own state, because the database may hold a
    forged one.

    Raises:
        AlarmRaised: A witness cosigned a tree that is not this log's.
    """
    state = home.state()
    assert state is not None  # noqa: S101 - `sign` has written it
    try:
        signed = note.parse(state.note.encode())
        return await request_cosignatures(connection, witnesses, signed, post)
    except WitnessContradiction as error:
        raise await checkpoint_signing.raise_tamper_alarm(
            connection, home, str(error)
        ) from error


async def build_request(connection: Reader, old: int, signed: Note) -> CosignRequest:
    """The request to a witness whose last cosigned size is *old*.

    Raises:
        ValueError: *old* exceeds the checkpoint's size.
    """
    size = checkpoint.parse(signed.text).size
    proof = await proof_building.consistency(Tiles(connection), old, size)
    return CosignRequest(old, tuple(proof), signed)


async def store_cosignatures(
    connection: Reader, keys: Sequence[VerifierKey], signed: Note, answer: bytes
) -> list[VerifiedSignature]:
    """Verify and store the cosignatures by *keys* in a witness's response.

    Raises:
        WitnessUnavailable: The response has no valid signature by *keys*.
    """
    text = signed.text
    try:
        # C2SP tlog-witness: the answered lines verify below the checkpoint's text.
        answered = note.parse(f"{text}\n".encode() + answer)
        found = note.verify(Note(text, answered.signatures), keys)
    except (Malformed, Unverified) as error:
        raise _invalid_cosignature(error) from error
    size = checkpoint.parse(text).size
    for verified_signature in found:
        await cosignature_store.add(connection, size, verified_signature)
    return found


def _invalid_cosignature(error: Exception) -> WitnessUnavailable:
    return WitnessUnavailable(
        message(
            "the witness's answer is not a valid cosignature of the checkpoint: "
            "{error}",
            error=messages.error_message(error),
        )
    )


async def _request_missing(
    connection: Reader, url: str, keys: list[VerifierKey], signed: Note, post: Post
) -> None:
    """Request the missing cosignatures by *keys* from one witness."""
    size = checkpoint.parse(signed.text).size
    cosigned = {
        key: await cosignature_store.cosigned_size(connection, key, size)
        for key in keys
    }
    missing = [key for key, last in cosigned.items() if last < size]
    if not missing:
        return
    old = max(cosigned.values())
    for _ in range(ATTEMPTS):
        asked = await build_request(connection, old, signed)
        where = f"{url.rstrip('/')}/add-checkpoint"
        status, body = await asyncio.to_thread(post, where, str(asked).encode())
        if status == HTTPStatus.OK:
            found = await store_cosignatures(connection, missing, signed, body)
            _refuse_incomplete(missing, found)
            return
        if status != HTTPStatus.CONFLICT:
            _raise_failure(keys[0].name, status, body)
        old = _last_size(keys[0].name, body, size)
    raise WitnessUnavailable(
        message(
            "the witness responded {times} times with an old size that differs from "
            "the requested one",
            times=ATTEMPTS,
        )
    )


def _refuse_incomplete(
    keys: Iterable[VerifierKey], found: Iterable[VerifiedSignature]
) -> None:
    lacking = {*keys} - {one.key for one in found}
    if lacking:
        raise WitnessUnavailable(
            message(
                "the witness did not cosign with {keys}",
                keys=sorted(f"{key.name}+{key.key_id.hex()}" for key in lacking),
            )
        )


async def last_cosigned(
    keys: Sequence[VerifierKey], url: str, origin: str, get: Get | None = None
) -> Checkpoint | None:
    """The last checkpoint of the log that a witness cosigned; None without one.

    One of the witness's *keys* must have cosigned the checkpoint.

    Raises:
        WitnessUnavailable: The witness cannot be reached, or its response does not
            verify.
    """
    place = sha256(origin.encode()).hexdigest()
    where = f"{url.rstrip('/')}/{place}/checkpoint"
    status, body = await asyncio.to_thread(get or _get, where)
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status != HTTPStatus.OK:
        said = " ".join(body[:200].decode("utf-8", "replace").split())
        raise WitnessUnavailable(
            message(
                "the witness responded with status {status}: {reason}",
                status=status,
                reason=said,
            )
        )
    try:
        answered = note.parse(body)
        note.verify(answered, keys)
        found = checkpoint.parse(answered.text)
    except (Malformed, Unverified) as error:
        raise _invalid_cosignature(error) from error
    if found.origin != origin:
        raise WitnessUnavailable(
            message(
                "the witness responded with a checkpoint of log {origin}",
                origin=found.origin,
            )
        )
    return found


def _raise_failure(name: str, status: int, body: bytes) -> None:
    said = " ".join(body[:200].decode("utf-8", "replace").split())
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise WitnessContradiction(
            message(
                "the witness {name} rejects the checkpoint: {reason}",
                name=name,
                reason=said,
            )
        )
    raise WitnessUnavailable(
        message(
            "the witness responded with status {status}: {reason}",
            status=status,
            reason=said,
        )
    )


def _last_size(name: str, body: bytes, ours: int) -> int:
    """The size that the witness cosigned last, from its response with status 409."""
    try:
        size = checkpoint.parse_size(body.decode("ascii").removesuffix("\n"))
    except (UnicodeDecodeError, Malformed) as error:
        raise WitnessUnavailable(
            message("the witness responded with status 409, but without a tree size")
        ) from error
    if size > ours:
        raise WitnessContradiction(
            message(
                "the witness {name} has cosigned this log at size {size}, but the "
                "last signed size is {signed}",
                name=name,
                size=size,
                signed=ours,
            )
        )
    return size


def _post(url: str, body: bytes) -> tuple[int, bytes]:
    """POST *body* to *url*, and return the status and the body of the response.

    Raises:
        WitnessUnavailable: The witness cannot be reached.
    """
    return _request(url, body)


def _get(url: str) -> tuple[int, bytes]:
    return _request(url, None)


def _request(url: str, body: bytes | None) -> tuple[int, bytes]:
    if not url.startswith(("https://", "http://")):
        raise WitnessUnavailable(message("{url} is not the URL of a witness", url=url))
    try:
        asked = urllib.request.Request(url, body)  # noqa: S310 - as above
        if body is not None:
            asked.add_header("Content-Type", "text/plain; charset=utf-8")
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            return answer.status, answer.read(LONGEST_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(LONGEST_ANSWER)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise WitnessUnavailable(
            message(
                "the witness cannot be reached: {error}",
                error=messages.error_message(error),
            )
        ) from error
