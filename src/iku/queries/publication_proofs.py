"""The proofs that the records of a publication are in the signed log."""

from typing import NamedTuple

from iku.ledger import checkpoint_store, proof_building
from iku.ledger.tile_cache import Tiles
from iku.ledger.tlog_proof import TlogProof
from iku.queries import publications
from iku.queries.view import View


class ProvenStep(NamedTuple):
    """The record of a step, and its proof in the form of C2SP tlog-proof."""

    position: int
    record: bytes
    proof: str


async def proofs(view: View, identifier: str) -> list[ProvenStep]:
    """The record of each step of a publication, as far as a checkpoint covers it.

    All have the first checkpoint that covers the last step; without one, there are
    none.

    Raises:
        UnknownReference: The publication does not exist.
    """
    steps = (await publications.find(view.reader, identifier)).steps
    signed = await checkpoint_store.covering_checkpoint(view.reader, steps[-1].position)
    if signed is None:
        return []
    tiles = Tiles(view.reader)
    return [
        ProvenStep(
            step.position,
            step.record,
            str(
                TlogProof(
                    step.position - 1,
                    tuple(
                        await proof_building.inclusion(
                            tiles, step.position - 1, signed.size
                        )
                    ),
                    signed.published_note,
                )
            ),
        )
        for step in steps
    ]
