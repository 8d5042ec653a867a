"""The log as verified so far, and the verification of its new records."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice

import iku_verify
from iku import messages
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.proof_verification import InvalidProof, check_consistency
from iku.ledger.tile import WIDTH, Tile
from iku.ledger.tree import Frontier, leaf_hash
from iku.messages import join_sentences, message
from iku.monitor.finding import FindingKind, round_stopped
from iku.monitor.log_client import LogClient, LogUnreadable, NotServed
from iku.monitor.record_file import RecordFile


class InconsistentLog(Exception):
    """The log does not continue the verified records; the message has the evidence.

    Attributes:
        position: The first record that differs, if the log's own hashes show it.
    """

    def __init__(self, sentence: str, position: int | None) -> None:
        super().__init__(sentence)
        self.position = position


class VerifiedLog:
    """The verified records, and their tree.

    Attributes:
        records: Every verified record, in a local file.
    """

    def __init__(self, log: LogClient, records: RecordFile, frontier: Frontier) -> None:
        self.records = records
        self._log = log
        self._tree = frontier

    @property
    def size(self) -> int:
        """The number of verified records."""
        return self._tree.size

    @property
    def root(self) -> bytes:
        """The root hash of the tree of the verified records."""
        return self._tree.root()

    def follow(self, now: Checkpoint, *, full: bool) -> None:
        """Verify that *now* continues the records, and read the new ones.

        The new records are durable when the call returns. With *full*, all are read
        again.

        Raises:
            RoundStopped: Records are missing or edited, or the log was rolled back.
            InconsistentLog: The log signed another history.
            LogUnreadable: The log cannot be read.
        """
        if now.size <= self.size:
            self._refuse_shorter(now)
            if not full:
                return
        proven = self._check_growth(now)
        with self._rollback_unless_verified():
            tree = Frontier(self.size, self._tree.peaks)
            self._read(tree, now, 0 if full else self.size)
            if tree.root() != now.root:
                self._refuse_wrong_root(now, proven=proven)
            self.records.synchronise()
            self._tree = tree

    def _refuse_shorter(self, now: Checkpoint) -> None:
        """Refuse a tree that is smaller, or that has another root at the same size."""
        if self._root_at(now.size) != now.root:
            sentence = message(
                "the tree that the log signed at size {size} is not that of the "
                "records that it served: history was rewritten",
                size=now.size,
            )
            raise InconsistentLog(sentence, self._first_difference(now, 0))
        if now.size < self.size:
            raise round_stopped(
                FindingKind.ROLLBACK,
                message(
                    "the log was rolled back: it has size {size}, but signed size "
                    "{seen} before; the remaining records are unchanged",
                    size=now.size,
                    seen=self.size,
                ),
                now.size + 1,
            )

    def _check_growth(self, now: Checkpoint) -> bool:
        """Whether the log proves that *now* continues the records.

        Without a proof, the root over all records decides.
        """
        if self.size in {0, now.size}:
            return True
        try:
            proof = self._log.consistency(self.size, now.size)
            check_consistency(self.size, self.root, now.size, now.root, proof)
        except NotServed:
            return False
        except InvalidProof as error:
            sentence = message(
                "the tree that the log signed at size {size} does not continue the one "
                "that it signed at size {seen}: {reason}",
                size=now.size,
                seen=self.size,
                reason=messages.error_message(error),
            )
            raise InconsistentLog(sentence, self._first_difference(now, 0)) from error
        return True

    def _read(self, tree: Frontier, now: Checkpoint, begin: int) -> None:
        """Read the records after *begin* in whole tiles, and append the new ones."""
        for number in range(begin // WIDTH, -(-now.size // WIDTH)):
            asked = Tile(0, number, min(WIDTH, now.size - number * WIDTH))
            found, kept = self._records_of_tile(asked, now), self.records.tile(number)
            for at, record in enumerate(kept):
                if record != found[at]:
                    raise _edited_error(number * WIDTH + at + 1, record, found[at])
            self.records.append(found[len(kept) :])
            tree.extend([leaf_hash(record) for record in found[len(kept) :]])

    def _records_of_tile(self, asked: Tile, now: Checkpoint) -> list[bytes]:
        """The records of a tile; their number must be that of the tree."""
        first = asked.number * WIDTH + 1
        try:
            raw = self._log.entries(asked)
            found = iku_verify.split_entries(raw, asked.entries_path())
        except (NotServed, iku_verify.Finding) as error:
            raise round_stopped(
                FindingKind.MISSING,
                message(
                    "records {first} to {last} of the signed {size} are missing: "
                    "{reason}",
                    first=first,
                    last=asked.required_size,
                    size=now.size,
                    reason=messages.error_message(error),
                ),
                first,
            ) from error
        if len(found) != asked.width:
            raise round_stopped(
                FindingKind.MISSING,
                message(
                    "{path} holds {found} records, but the signed tree has {width} "
                    "there",
                    path=asked.entries_path(),
                    found=len(found),
                    width=asked.width,
                ),
                first + min(len(found), asked.width),
            )
        return found

    def _refuse_wrong_root(self, now: Checkpoint, *, proven: bool) -> None:
        """Refuse records whose root is not the signed one."""
        at = self._first_difference(now, self.size)
        if at is None and not proven:
            sentence = message(
                "the log signed size {size}, but does not prove that it "
                "continues size {seen}, and its records do not have the "
                "signed root hash",
                size=now.size,
                seen=self.size,
            )
            raise InconsistentLog(sentence, None)
        sentence = message(
            "the records after position {seen} were edited: they do not have the root "
            "hash that the log signed at size {size}",
            seen=self.size,
            size=now.size,
        )
        if at is not None:
            first = message("the first edited record is at position {first}", first=at)
            sentence = join_sentences([sentence, first])
        raise round_stopped(FindingKind.EDITED, sentence, at)

    def _first_difference(self, now: Checkpoint, begin: int) -> int | None:
        """The first position at which the log's leaf hash is not that of the record.

        None if they agree as far as they can be read. The hashes of the log are not
        verified: they only locate the difference.
        """
        with suppress(NotServed, LogUnreadable):
            for number in range(begin // WIDTH, -(-now.size // WIDTH)):
                width = min(WIDTH, now.size - number * WIDTH)
                served = self._log.leaves(Tile(0, number, width))
                ours = map(leaf_hash, self.records.tile(number))
                for at, pair in enumerate(zip(ours, served, strict=False)):
                    if pair[0] != pair[1]:
                        return number * WIDTH + at + 1
        return None

    @contextmanager
    def _rollback_unless_verified(self) -> Iterator[None]:
        """Remove the records that were read, unless they verify in the end."""
        try:
            yield
        finally:
            self.records.truncate_to(self.size)

    def _root_at(self, size: int) -> bytes:
        if size == self.size:
            return self._tree.root()
        tree = Frontier()
        for number in range(-(-size // WIDTH)):
            kept: Sequence[bytes] = self.records.tile(number)
            tree.extend(
                [leaf_hash(r) for r in islice(kept, min(WIDTH, size - tree.size))]
            )
        return tree.root()


def _edited_error(position: int, ours: bytes, found: bytes) -> Exception:
    return round_stopped(
        FindingKind.EDITED,
        message(
            "the record at position {position} was edited: its hash was {ours}, and is "
            "{found} now",
            position=position,
            ours=leaf_hash(ours).hex(),
            found=leaf_hash(found).hex(),
        ),
        position,
    )
