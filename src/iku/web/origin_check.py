"""Validation of `Sec-Fetch-Site` and `Origin`, against cross-site request forgery.

A page of another site can make a browser send a request to this server, with the
cookies that the browser holds. The browser marks such a request: `Sec-Fetch-Site` gives
the relation of the page to the server, `Origin` names the page's origin. Neither can be
set by a page. Programs send neither, and no cookies. Safe methods record nothing, so
they are not checked.
"""

from typing import Any

from iku.messages import message
from iku.parsing import quoted
from iku.web.problems import Problem, problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# `none`: not by a page, but by the user.
_OWN_SITES = frozenset({b"same-origin", b"none"})


def origin_problem(scope: Any, public_url: str | None) -> Problem | None:
    """The problem of a request that another site may have caused; None otherwise.

    The server's own origin is *public_url*; if it is None, the scheme and the `Host` of
    the request, which `host_check` has validated.
    """
    if scope["method"] in SAFE:
        return None
    marked = has_cookies = False
    for name, value in scope["headers"]:
        if name == b"sec-fetch-site":
            marked = True
            if value not in _OWN_SITES:
                own = _own_origin(scope, public_url)
                return _cross_site_problem("Sec-Fetch-Site", value, own)
        elif name == b"origin":
            marked = True
            own = _own_origin(scope, public_url)
            if value.lower() != own:
                return _cross_site_problem("Origin", value, own)
        elif name == b"cookie":
            has_cookies = True
    if has_cookies and not marked:
        return problem(
            "cross-site",
            message(
                "the request has a Cookie, but neither Sec-Fetch-Site nor Origin, so "
                "it may come from another site, and nothing was recorded; a program "
                "must send no Cookie"
            ),
        )
    return None


def _own_origin(scope: Any, public_url: str | None) -> bytes:
    if public_url is not None:
        return public_url.encode()
    host: bytes = next(value for name, value in scope["headers"] if name == b"host")
    return f"{scope['scheme']}://".encode() + host.lower()


def _cross_site_problem(name: str, value: bytes, own: bytes) -> Problem:
    return problem(
        "cross-site",
        message(
            "{name} is {value}, so the request comes from another site than {own}, "
            "and nothing was recorded",
            name=name,
            value=quoted(value.decode("latin-1")),
            own=own.decode("latin-1"),
        ),
    )
