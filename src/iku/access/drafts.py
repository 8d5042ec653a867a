"""Drafts: what an account typed into a form and has not recorded yet.

An account has one draft for each form, which is named by its path, so the draft is seen
from another machine. It is encrypted with the key for credentials, and deleted when the
form is recorded, when a subject that it is about is erased, and after 30 days.

While the register has no accounts, everybody at the machine shares the drafts of
`NOBODY`.

The SQL functions of schema access: `keep_draft`, `draft`, `drafts`, `remove_draft`,
`erase_drafts`.
"""

import re
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct

from iku.access.secrets import Purpose, Sealed, Secrets, draft_owner
from iku.messages import message
from iku.postgres.pool import Connection, Queryable
from iku.vault.keys import KeysError

NOBODY = "00000000-0000-0000-0000-000000000000"
LONGEST = 256 * 1024  # bytes of a draft's content
_PERSON = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Fields = tuple[tuple[str, str], ...]  # name and value, as the form sends them


class DraftTooLong(ValueError):
    """The content of a form is too long to be kept as a draft."""

    def __init__(self, length: int) -> None:
        super().__init__(
            message(
                "the draft has {length:,} bytes, but at most {longest:,} are kept",
                length=length,
                longest=LONGEST,
            )
        )


class FormPlace(NamedTuple):
    """The path of a form, and the streams of the subjects that it is about."""

    path: str
    subjects: tuple[str, ...] = ()


class DraftEntry(Struct, frozen=True):
    """A draft in the list of an account's drafts.

    Attributes:
        path: Path of the form.
    """

    path: str
    saved_at: datetime


class FormDraft(Struct, frozen=True):
    """A draft with its content."""

    fields: Fields
    saved_at: datetime


async def save(
    connection: Connection,
    secrets: Secrets,
    account: str,
    place: FormPlace,
    fields: Fields,
) -> datetime:
    """Store the draft of a form, replacing an earlier one; return the time.

    Persons whose identifiers are among the values are subjects of the form, too.

    Raises:
        DraftTooLong: The draft has more than `LONGEST` bytes.
    """
    content = msgspec.json.encode(fields)
    if len(content) > LONGEST:
        raise DraftTooLong(len(content))
    path, subjects = place
    sealed = secrets.seal(draft_owner(account, path), content, Purpose.DRAFT)
    saved_at: datetime = await connection.fetchval(
        "select access.keep_draft($1, $2, $3, $4, $5)",
        account,
        path,
        sorted({*subjects, *_PERSON.findall(content.decode())}),
        sealed.epoch,
        sealed.bytes,
    )
    return saved_at


async def find(
    connection: Queryable, secrets: Secrets, account: str, path: str
) -> FormDraft | None:
    """The draft of a form; None if there is none, or it cannot be decrypted."""
    rows = await connection.fetch("select * from access.draft($1, $2)", account, path)
    if not rows:
        return None
    epoch, sealed, saved_at = rows[0]
    try:
        content = secrets.unseal(
            draft_owner(account, path), Sealed(epoch, sealed), Purpose.DRAFT
        )
    except KeysError:
        return None
    return FormDraft(msgspec.json.decode(content, type=Fields), saved_at)


async def listing(connection: Queryable, account: str) -> list[DraftEntry]:
    """The drafts of the account, the latest first."""
    rows = await connection.fetch("select * from access.drafts($1)", account)
    return [DraftEntry(row["path"], row["saved_at"]) for row in rows]


async def remove(connection: Connection, account: str, path: str) -> bool:
    """Delete the draft of a form, and return whether there was one."""
    removed: bool = await connection.fetchval(
        "select access.remove_draft($1, $2)", account, path
    )
    return removed


async def erase(connection: Connection, subject: str) -> None:
    """Delete all drafts about a subject whose texts are erased."""
    await connection.execute("select access.erase_drafts($1)", subject)
