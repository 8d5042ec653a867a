"""Forms sent without a session, encrypted for the account that filled them in.

The sign-in page carries the encrypted form. It is decrypted only for that account, for
the path to which the form was sent, and within `LIFETIME`.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from iku.access.drafts import LONGEST, Fields
from iku.access.secrets import Purpose, Sealed, Secrets, draft_owner
from iku.vault.keys import EPOCH, KeysError

LIFETIME = timedelta(hours=8)


class FilledForm(Struct, frozen=True):
    """The fields of a form, and the time until which it can be decrypted."""

    fields: Fields
    until: datetime


def seal(
    secrets: Secrets, account: str, path: str, fields: Fields, now: datetime
) -> str | None:
    """Encrypt the form for a hidden field; None if it is too long."""
    content = msgspec.json.encode(FilledForm(fields, now + LIFETIME))
    if len(content) > LONGEST:
        return None
    sealed = secrets.seal(draft_owner(account, path), content, Purpose.FORM)
    encoded = urlsafe_b64encode(sealed.bytes).rstrip(b"=").decode()
    return f"{sealed.epoch}.{encoded}"


def unseal(
    secrets: Secrets, account: str, path: str, text: str, now: datetime
) -> Fields | None:
    """Decrypt a form and return its fields.

    None if another account filled in the form, the form was sent to another path, or it
    has expired.
    """
    # The name of an epoch may contain a full stop.
    epoch, _, encoded = text.rpartition(".")
    if EPOCH.fullmatch(epoch) is None:
        return None
    try:
        raw = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        owner = draft_owner(account, path)
        content = secrets.unseal(owner, Sealed(epoch, raw), Purpose.FORM)
    except (KeysError, NotBase64, ValueError):
        return None
    form = msgspec.json.decode(content, type=FilledForm)
    return form.fields if now < form.until else None
