"""Proofs of the log's integrity: checkpoints, tiles, inclusion and consistency proofs.

Below ``/log`` the log is served in the layout of C2SP tlog-tiles, so that a client of
that format needs only this address.
"""

from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct

from iku import messages
from iku.app import App
from iku.connection import acquire_connection
from iku.domain.access import Action
from iku.domain.coordinates import LARGEST
from iku.exchange import bundle
from iku.ledger import checkpoint_store, log, proof_building, tile, tlog_proof
from iku.ledger.checkpoint_store import Assurance, SignedCheckpoint
from iku.ledger.tile import InvalidTilePath, Tile
from iku.ledger.tile_cache import Tiles
from iku.ledger.tlog_proof import TlogProof
from iku.messages import message
from iku.parsing import quoted
from iku.postgres.pool import Connection
from iku.web.problems import BadRequest, NotFound, NotYetSigned
from iku.web.routes import get

TAGS = ["Proof"]
TEXT = "text/plain"
BYTES = "application/octet-stream"
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
FOR_NOW = {"Cache-Control": "public, max-age=5"}
UNSIGNED = {"errors": (409,)}
COVERAGE = "Iku-Coverage"

TileIndex = Annotated[
    str,
    Meta(
        description="Number of the tile in groups of three digits, all but the last "
        "after an x; for a partial tile its width: x001/067.p/3."
    ),
]


class EntriesQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the route of an entry bundle."""

    place: TileIndex


class TileQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the route of a hash tile."""

    level: Annotated[str, Meta(description="Level of the tile; 0 holds leaf hashes.")]
    place: TileIndex


class InclusionQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The event and the checkpoint of an inclusion proof."""

    position: Annotated[
        int,
        Meta(ge=1, le=LARGEST, description="Position of the event, as in its receipt."),
    ]
    size: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST)] | None,
        Meta(
            description="The proof ends in the first checkpoint of at least this size; "
            "in the last one if omitted."
        ),
    ] = None


class ConsistencyQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The two log sizes of a consistency proof."""

    old: Annotated[
        int,
        Meta(
            ge=0,
            le=LARGEST,
            description="The smaller size, such as that of a stored checkpoint.",
        ),
    ]
    new: Annotated[
        Annotated[int, Meta(ge=0, le=LARGEST)] | None,
        Meta(description="The larger size; the last signed one if omitted."),
    ] = None


@get(
    "/log/checkpoint",
    None,
    operation_id="getCheckpoint",
    summary="Get the last checkpoint",
    tags=TAGS,
    media_type=TEXT,
    opt=UNSIGNED,
)
async def last_checkpoint(
    app: App,
) -> Response[str]:
    """The last signed checkpoint with its cosignatures (C2SP tlog-checkpoint).

    It holds the log's origin, size and root hash. A separate process signs it, so it
    lags slightly behind the log.
    """
    async with acquire_connection(app) as connection:
        last = await _last_checkpoint(connection)
        headers = FOR_NOW | await _coverage_headers(app, connection, last.size)
    return Response(str(last), media_type=TEXT, headers=headers)


@get(
    "/log/tile/{level:str}/{place:path}",
    None,
    operation_id="getTile",
    summary="Get a hash tile",
    tags=TAGS,
    media_type=BYTES,
    opt=UNSIGNED,
)
async def hash_tile(question: TileQuestion, app: App) -> Response[bytes]:
    """A hash tile: up to 256 hashes of 32 bytes (C2SP tlog-tiles). It is immutable."""
    level = question.level
    if level not in {str(one) for one in range(tile.HIGHEST + 1)}:
        raise NotFound(
            message(
                "{level} is not a tile level: levels are 0 to 63",
                level=quoted(level),
            )
        )
    async with acquire_connection(app) as connection:
        asked = await _covered_tile(connection, int(level), question.place)
        found = await Tiles(connection).tile(asked)
    return Response(found, media_type=BYTES, headers=FOR_EVER)


@get(
    "/log/tile/entries/{place:path}",
    Action.READ_LOG,
    operation_id="getEntries",
    summary="Get an entry bundle",
    tags=TAGS,
    media_type=BYTES,
    opt=UNSIGNED,
)
async def entry_bundle(question: EntriesQuestion, app: App) -> Response[bytes]:
    """An entry bundle: up to 256 records, each prefixed by its length in two bytes.

    The format is C2SP tlog-tiles.
    """
    async with acquire_connection(app) as connection:
        asked = await _covered_tile(connection, 0, question.place)
        found = await bundle.entries(connection, asked)
    return Response(found, media_type=BYTES, headers=FOR_EVER)


@get(
    "/log/proof/inclusion/{position:int}",
    None,
    operation_id="proveInclusion",
    summary="Get an inclusion proof",
    tags=TAGS,
    media_type=TEXT,
    opt=UNSIGNED,
)
async def inclusion(question: InclusionQuestion, app: App) -> Response[str]:
    """The inclusion proof of a record in a signed checkpoint (C2SP tlog-proof, v1).

    Keep it with the receipt: it can be verified without this server. Its index counts
    from 0 and is the position minus one.
    """
    position, size = question.position, question.size
    if size is not None and position > size:
        raise BadRequest(
            "size",
            message(
                "position {position} does not exist in a log of {size} events",
                size=size,
                position=position,
            ),
        )
    async with acquire_connection(app) as connection:
        held = await _known_size(connection)
        if position > held:
            raise NotFound(
                message(
                    "position {position} does not exist; the log has {held} events",
                    position=position,
                    held=held,
                )
            )
        _refuse_size_beyond("size", size, held)
        signed = await _covering_checkpoint(connection, max(position, size or 0), size)
        found = await proof_building.inclusion(
            Tiles(connection), position - 1, signed.size
        )
        headers = await _coverage_headers(app, connection, signed.size)
    proof = TlogProof(position - 1, tuple(found), signed.published_note)
    return Response(str(proof), media_type=TEXT, headers=headers)


@get(
    "/log/proof/consistency",
    None,
    operation_id="proveConsistency",
    summary="Get a consistency proof",
    tags=TAGS,
    media_type=TEXT,
    opt=UNSIGNED,
)
async def consistency(question: ConsistencyQuestion, app: App) -> Response[str]:
    """The consistency proof between two sizes (RFC 6962, section 2.1.2).

    It has one hash in base64 on each line. It is empty if `old` is 0 or equal to the
    new size.
    """
    async with acquire_connection(app) as connection:
        held = await _known_size(connection)
        old, new = question.old, question.new
        _refuse_size_beyond("old", old, held)
        _refuse_size_beyond("new", new, held)
        last = await _last_checkpoint(connection)
        upto = last.size if new is None else new
        if old > upto:
            raise BadRequest(
                "old",
                message(
                    "old is {old}, but must not be greater than new, {new}",
                    old=old,
                    new=upto,
                ),
            )
        if upto > last.size:
            raise NotYetSigned(
                message(
                    "size {size} is not signed yet; the last checkpoint has size "
                    "{signed}",
                    size=upto,
                    signed=last.size,
                )
            )
        found = await proof_building.consistency(Tiles(connection), old, upto)
        headers = await _coverage_headers(app, connection, last.size)
    lines = tlog_proof.encode_hashes(found)
    return Response(lines, media_type=TEXT, headers=headers)


@get(
    "/log/policy",
    None,
    operation_id="getPolicy",
    summary="Get the witness policy",
    tags=TAGS,
    media_type=TEXT,
    opt=UNSIGNED,
)
async def witness_policy(
    app: App,
) -> Response[str]:
    """The log's public keys and its witnesses (C2SP tlog-policy).

    A policy served by the log itself proves nothing. A verifier obtains the policy
    through another channel and can compare the two.
    """
    async with acquire_connection(app) as connection:
        keys = await checkpoint_store.log_keys(connection)
    if not keys:
        raise NotYetSigned(NOTHING)
    spelt = checkpoint_store.published_policy(keys, app.witnesses)
    return Response(spelt.decode("utf-8", "replace"), media_type=TEXT, headers=FOR_NOW)


NOTHING = message(
    "no checkpoint is signed yet; run `iku signer once` to sign the first one"
)


async def _known_size(connection: Connection) -> int:
    """The log's size, or the last signed size if that is larger."""
    head, last = await log.head(connection), await checkpoint_store.latest(connection)
    return head.size if last is None else max(head.size, last.size)


def _refuse_size_beyond(name: str, size: int | None, held: int) -> None:
    if size is not None and size > held:
        raise BadRequest(
            name,
            message(
                "{field} is {size}, but the log has only {held} events",
                field=name,
                size=size,
                held=held,
            ),
        )


async def _last_checkpoint(connection: Connection) -> SignedCheckpoint:
    last = await checkpoint_store.latest(connection)
    if last is None:
        raise NotYetSigned(NOTHING)
    return last


async def _covering_checkpoint(
    connection: Connection, least: int, size: int | None
) -> SignedCheckpoint:
    """The checkpoint of a proof: the last one, or the first of at least *size*."""
    last = await _last_checkpoint(connection)
    if least > last.size:
        raise NotYetSigned(
            message(
                "position {position} is not signed yet; the last checkpoint has size "
                "{signed}",
                position=least,
                signed=last.size,
            )
        )
    if size is None:
        return last
    return await checkpoint_store.covering_checkpoint(connection, size) or last


async def _covered_tile(connection: Connection, level: int, place: str) -> Tile:
    """The tile that a path names; its records must be covered by a checkpoint."""
    try:
        number, width = tile.parse_index(place.removeprefix("/"))
    except InvalidTilePath as error:
        raise NotFound(messages.error_message(error)) from error
    asked, last = Tile(level, number, width), await _last_checkpoint(connection)
    if asked.required_size > last.size:
        raise NotFound(
            message(
                "tile {path} needs {leaves} records, but only {signed} are signed",
                path=asked.path(),
                leaves=asked.required_size,
                signed=last.size,
            )
        )
    return asked


async def _coverage_headers(
    app: App, connection: Connection, size: int
) -> dict[str, str]:
    """The header that names the signature and cosignatures that cover *size*."""
    found = await app.assurance(connection)
    return {COVERAGE: _coverage_value(found, size)}


def _coverage_value(found: Assurance, size: int) -> str:
    said = [str(found.coverage_of(size))]
    if not found.witnesses:
        said.append("no witness: the holder of the key can rewrite history undetected")
    elif found.witnessed is None:
        said.append("no quorum of witnesses yet")
    elif found.witnessed < size:
        said.append(f"witnessed up to size {found.witnessed}")
    if found.alarm is not None:
        said.append("ALARM: the signer refuses to sign")
    return "; ".join(said)


HANDLERS: list[Any] = [
    last_checkpoint,
    entry_bundle,
    hash_tile,
    inclusion,
    consistency,
    witness_policy,
]
