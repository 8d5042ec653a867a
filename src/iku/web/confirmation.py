"""The confirmation that an event was recorded, on the page that follows.

A redirect carries it as a query parameter with a MAC of the session, so no link can
confirm an event that was not recorded.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
from msgspec import Struct

from iku.web.visitor import Visitor, form_key

RECORDED = "tercatat"  # the parameter with the confirmation


class Confirmation(Struct, frozen=True, array_like=True):
    """A recorded event.

    Attributes:
        event: Type of the event.
        number: Number of the subject.
        position: Position of the event in the log.
        leaf: Its leaf hash, in hexadecimal.
        repeated: Whether it was recorded before, by the same form.
        again: Address of the form for another entry; empty if there is none.
        notes: Further effects, in the language of the page.
    """

    category: str
    event: str
    number: str
    version: int
    position: int
    leaf: str
    repeated: bool = False
    again: str = ""
    notes: tuple[str, ...] = ()


def encode(visitor: Visitor, one: Confirmation) -> str:
    """The value of the query parameter."""
    content = urlsafe_b64encode(msgspec.json.encode(one)).rstrip(b"=").decode()
    return form_key(visitor.token, content)


def of_visitor(visitor: Visitor) -> Confirmation | None:
    """The confirmation in the address of the page; None if missing or invalid."""
    given = visitor.query.get(RECORDED, "")
    content = given.partition(".")[0]
    if not content or not hmac.compare_digest(
        given.encode("utf-8", "replace"), form_key(visitor.token, content).encode()
    ):
        return None
    try:
        raw = urlsafe_b64decode(content + "=" * (-len(content) % 4))
        return msgspec.json.decode(raw, type=Confirmation)
    except ValueError:  # of another release
        return None
