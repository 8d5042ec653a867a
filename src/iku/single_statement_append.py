"""Append a batch of requests, and everything derived from it, in one statement.

Step by step, a batch takes a round trip each for its numbers, the append, both
projection tables, the names and the texts, and the log remains locked in between. The
results of these steps can nearly always be predicted: the log has grown by the events
that this process appended, the next number follows the last one, and every premise
holds. A batch is therefore prepared under this assumption (optimistic concurrency) and
written by one statement, which is rolled back as a whole if the assumption fails. The
appender then proceeds step by step.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg

from iku.domain.decider import Transition
from iku.domain.erasure import Erasures
from iku.domain.indicator import Indicator
from iku.ledger import log
from iku.ledger.appender import AcceptedRequest, Asked
from iku.ledger.log import (
    AppendRequest,
    Connection,
    EncodedRequest,
    LeafMismatch,
    Receipt,
)
from iku.projections import rows, writer
from iku.projections.number_index import SerialCache
from iku.projections.rows import CountedDefinition
from iku.vault.store import Vault

_logger = logging.getLogger(__name__)

# Deletes what is stored about a subject besides its sealed texts.
Erase: TypeAlias = Callable[[Connection, str], Awaitable[None]]


class Fallback(StrEnum):
    """Why a batch was appended step by step."""

    UNKNOWN_STATE = "unknown_state"  # of the log, or the last number of a series
    UNSUPPORTED_EVENT = "unsupported_event"  # of an indicator, or an erasure
    FAILED_ASSUMPTION = "failed_assumption"  # another process appended, or a refusal


class SingleStatementAppend:
    """Appends a batch in one statement; `project` does the same step by step.

    It knows the state of the log after the last append of this process: its size, the
    definitions in it, and the last serial numbers. *erase* deletes what else is stored
    about a subject whose texts are erased.

    Attributes:
        batches: Number of batches of this process, in either way.
        fallbacks: Number of batches that were appended step by step, by reason.
    """

    def __init__(self, vault: Vault, zone: ZoneInfo, erase: Erase) -> None:
        self._vault = vault
        self._zone = zone
        self._erase = erase
        self._definitions: Sequence[CountedDefinition] = ()
        self.batches = 0
        self.fallbacks: Counter[Fallback] = Counter()
        self._serials = SerialCache()
        self._size: int | None = None  # size of the log after the last append here

    async def project(
        self, connection: Connection, accepted: Sequence[AcceptedRequest]
    ) -> None:
        """Project the requests that were appended step by step, and store their texts.

        Runs within the append's transaction. An erasure deletes its subject's texts.
        """
        entries = rows.projected_requests(accepted)
        size = max(one.receipt.size for one in accepted)
        self._definitions = await writer.write(
            connection, entries, size, self._definitions
        )
        # In log order: an erasure covers the texts before it, not those after it.
        ordered = sorted(accepted, key=lambda one: one.receipt.position)
        for erases, several in groupby(ordered, key=_is_erasure):
            if not erases:
                await self._vault.store(connection, list(several))
                continue
            for one in several:
                subject = one.request.attachments[-1].subject
                await self._vault.erase(connection, subject, one.receipt.position)
                await self._erase(connection, subject)
        self._size = size
        self._serials.add_new_subjects(entry.transition for entry in entries)

    async def append(
        self, connection: Connection, asked: Sequence[Asked]
    ) -> list[Receipt | LeafMismatch] | None:
        """Append the requests and return their receipts; None if none was written.

        The receipts are verified after the commit, so a mismatch is returned in place
        of its receipt, not raised.
        """
        self.batches += 1
        numbered = None if self._size is None else self._serials.assign_numbers(asked)
        if numbered is None:
            self._count_fallback(Fallback.UNKNOWN_STATE)
            return None
        if not all(map(_is_supported, numbered.framed)):
            self._count_fallback(Fallback.UNSUPPORTED_EVENT)
            return None
        accepted = self._predict(numbered.framed)
        size, today = accepted[-1].receipt.size, datetime.now(self._zone).date()
        sealed = self._vault.seal_texts(accepted)
        try:
            found = await connection.fetch(
                _APPEND,
                *numbered.arguments,
                self._zone.key,
                *log.append_arguments(numbered.framed),
                *(size, today),
                *self._projection_arguments(accepted),
                *(sealed.keys, sealed.texts),
            )
        except asyncpg.SerializationError:
            self._size = None
            self._count_fallback(Fallback.FAILED_ASSUMPTION)
            return None
        self._size = size
        self._serials.confirm_appended(numbered)
        self._vault.cache_data_keys(sealed)
        return [
            _checked_receipt(one, row)
            for one, row in zip(numbered.framed, found, strict=True)
        ]

    def _count_fallback(self, reason: Fallback) -> None:
        self.fallbacks[reason] += 1
        _logger.debug("a batch is appended step by step: %s", reason)

    def _projection_arguments(
        self, accepted: Sequence[AcceptedRequest]
    ) -> Sequence[Any]:
        found = rows.rows_of(rows.projected_requests(accepted), self._definitions)
        return rows.arguments(found, self._definitions)

    def _predict(self, framed: Sequence[EncodedRequest]) -> list[AcceptedRequest]:
        """The requests with predicted receipts, which lack the instant and the leaf."""
        now = datetime.now(self._zone)
        position = self._size or 0
        size = position + sum(one.request.count for one in framed)
        accepted = []
        for one in framed:
            position += one.request.count
            receipt = _predicted_receipt(one.request, position, size, now)
            accepted.append(AcceptedRequest(one.request, receipt))
        return accepted


def _checked_receipt(
    framed: EncodedRequest, row: asyncpg.Record
) -> Receipt | LeafMismatch:
    try:
        return log.receipt(framed, row)
    except LeafMismatch as error:
        return error


def _predicted_receipt(
    request: AppendRequest, position: int, size: int, now: datetime
) -> Receipt:
    main = request.main_part
    return Receipt(
        stream=main.stream,
        version=main.expected_version + len(main.drafts),
        position=position,
        count=request.count,
        size=size,
        recorded_at=now,
        known_on=request.known_on or now.date(),
        leaf=b"",
    )


def _is_erasure(one: AcceptedRequest) -> bool:
    return isinstance(one.request.attachments[-1].after, Erasures)


def _is_supported(framed: EncodedRequest) -> bool:
    """Whether the events of the request change no definition and erase nothing."""
    turns = framed.request.attachments
    return bool(turns) and all(
        isinstance(turn, Transition)
        and not isinstance(turn.after, Indicator | Erasures)
        for turn in turns
    )


# Each step takes the result of the one before it, which fixes their order: the lock
# comes first, and the append is checked before anything derived from it is written.
# "offset 0" prevents the steps from being evaluated once for each answer.
_APPEND = """
select (s.answer).verdict, (s.answer).stream, (s.answer).expected, (s.answer).version,
       (s.answer).position, (s.answer).count, (s.answer).size, (s.answer).recorded_at,
       (s.answer).known_on, (s.answer).leaf,
       (s.answer).earlier
  from (
         select unnest(judged.answers) as answer
           from projection.expect(
                  projection.are_free($1, $2, $3, $4, $5, $6, $7)
                ) as free
          cross join lateral (
                  select array_agg(a order by a.request) as answers
                    from ledger.append(
                           case when free then $8 end,
                           $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                           $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31) a
                ) judged
          cross join lateral projection.expect((
                  select bool_and(
                           a.verdict = 'appended'
                             and a.size = $32
                             and (a.recorded_at at time zone $8)::date = $33)
                    from unnest(judged.answers) a
                )) as appended
          cross join lateral projection.expect(
                  case when appended
                       then projection.write_contributions($34, $35, $36) end
                ) as counted
          cross join lateral projection.expect(
                  case when counted then projection.write_states($37, $38) end
                ) as stated
          cross join lateral projection.expect(
                  case when stated then projection.write_numbers($39) end
                ) as named
          cross join lateral projection.expect(
                  case when named then not exists (
                    select from vault.put($40, $41)
                  ) end
                ) as kept
         offset 0
       ) s
"""
