"""HEAD requests: each resource answers them as GET, without the content.

Routes declare GET only; they and the framework see a GET request. The server sees the
original request, so it sends the `Content-Length` of the content that it leaves out.

Source: RFC 9110, sections 9.3.2 and 10.2.1.
"""

from collections.abc import Iterable
from typing import Any

from litestar.types import Message

HEAD = "HEAD"


def as_get(scope: Any) -> Any:
    """The ASGI scope, with the method GET in place of HEAD."""
    return {**scope, "method": "GET"} if scope["method"] == HEAD else scope


def without_content(sent: Message) -> Message:
    """The ASGI message *sent* without its part of the body."""
    if sent["type"] == "http.response.body":
        return {**sent, "body": b""}
    return sent


def allow_head(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """*headers* with HEAD in `Allow`, if it lists GET."""
    return [
        (name, value + b", HEAD" if _allows_get(name, value) else value)
        for name, value in headers
    ]


def _allows_get(name: bytes, value: bytes) -> bool:
    return name.lower() == b"allow" and b"GET" in value.split(b", ")
