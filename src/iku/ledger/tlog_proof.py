"""An inclusion proof with its checkpoint in one file: C2SP tlog-proof, version 1."""

from collections.abc import Sequence

from msgspec import Struct

from iku.ledger import checkpoint, note, proof_verification
from iku.ledger.checkpoint import encode_hash, parse_hash, parse_size
from iku.ledger.note import Malformed, Note
from iku.messages import message

HEADER = "c2sp.org/tlog-proof@v1"
MOST_HASHES = 63


class TlogProof(Struct, frozen=True):
    """The inclusion proof of the record at *index*, under the checkpoint *signed*."""

    index: int
    hashes: tuple[bytes, ...]
    signed: Note

    def __str__(self) -> str:
        """The proof in its text form."""
        lines = [HEADER, f"index {self.index}", *map(encode_hash, self.hashes)]
        return "".join(f"{line}\n" for line in lines) + f"\n{self.signed}"

    def check(self, leaf: bytes) -> None:
        """Verify the inclusion of a leaf hash; the signatures are not verified.

        Raises:
            InvalidProof: The inclusion proof fails.
            Malformed: The signed note is not a checkpoint.
        """
        found = checkpoint.parse(self.signed.text)
        proof_verification.check_inclusion(
            leaf, self.index, found.size, found.root, self.hashes
        )


def parse(raw: bytes) -> TlogProof:
    """Parse a proof; its ``extra`` line, which is not signed, is ignored.

    Raises:
        Malformed: The bytes are not a proof.
    """
    head, blank, signed = raw.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed(message("the proof is not ASCII")) from error
    if header != HEADER or not blank:
        raise Malformed(
            message("the proof must begin with the line {header}", header=HEADER)
        )
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    if not lines or not lines[0].startswith("index "):
        raise Malformed(message("the proof has no index line"))
    index = parse_size(lines.pop(0).removeprefix("index "))
    return TlogProof(index, parse_hashes(lines), note.parse(signed))


def parse_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Parse hashes in base64, one on each line.

    Raises:
        Malformed: A line is not a hash, or there are more than `MOST_HASHES`.
    """
    if len(lines) > MOST_HASHES:
        raise Malformed(
            message(
                "the proof has {found} hashes, but the maximum is {most}",
                most=MOST_HASHES,
                found=len(lines),
            )
        )
    return tuple(parse_hash(line) for line in lines)


def encode_hashes(hashes: Sequence[bytes]) -> str:
    """The hashes in base64, one on each line: the text form of a consistency proof."""
    return "".join(f"{encode_hash(one)}\n" for one in hashes)
