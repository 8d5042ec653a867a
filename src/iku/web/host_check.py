"""Validation of `Host`, as a protection against DNS rebinding.

A page of another site can rebind its own DNS name to an address of this server; the
browser then treats this server as that site's origin, and lets the page read and write.
`Host` still holds the other site's name. With a public URL its host is the only valid
one. Without one the server serves this machine only, where a browser reaches it, too.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from iku.messages import message
from iku.settings import USUAL_PORTS, is_loopback
from iku.web.problems import Problem, field_error, problem

# RFC 9110, section 7.2, with the host of RFC 3986, section 3.2.2, but never empty.
_HOST = re.compile(
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._~!$&'()*+,;=%-]{1,253})(?::([0-9]{0,5}))?"
)
_FORM = message(
    "Host consists of a name or an address, then : and the port, such as 127.0.0.1:8000"
)
_HERE = message(
    "this server is named localhost, 127.0.0.1 or [::1], with or without the port"
)


def host_problem(
    headers: Iterable[tuple[bytes, bytes]],
    *,
    local_only: bool,
    public_url: str | None = None,
) -> Problem | None:
    """The problem with a request's `Host`; None if it is valid.

    With a *public_url* only its host is valid. If *local_only*, only the loopback names
    of this machine are valid.
    """
    given = [value for name, value in headers if name == b"host"]
    if not given:
        return _malformed_problem(message("Host is missing; {form}", form=_FORM))
    if len(given) > 1:
        return _malformed_problem(
            message("Host occurs {times} times; {form}", times=len(given), form=_FORM)
        )
    return _host_problem(given[0].decode("latin-1"), local_only, public_url)


@lru_cache(64)  # nearly all requests have one of few values
def _host_problem(
    given: str,
    local_only: bool,  # noqa: FBT001 - hashed by the cache
    public_url: str | None,
) -> Problem | None:
    named = _HOST.fullmatch(given)
    if named is None:
        return _malformed_problem(message("Host is malformed; {form}", form=_FORM))
    host = named[1].lower()
    if public_url is not None and not _is_host_of(public_url, host, named[2]):
        detail = message(
            "Host is {host}, but this server is reached as {url}",
            host=given,
            url=public_url,
        )
        return problem("misdirected", detail)
    if local_only and not is_loopback(host):
        detail = message(
            "Host is {host}, which is not a name of this server; {here}",
            host=host,
            here=_HERE,
        )
        return problem("misdirected", detail)
    return None


def _is_host_of(url: str, host: str, port: str | None) -> bool:
    """Whether *host* and *port* are those of *url*, which omits the default port."""
    scheme, _, place = url.partition("://")
    usual = port in {None, "", USUAL_PORTS[scheme]}
    return place == (host if usual else f"{host}:{port}")


def _malformed_problem(detail: str) -> Problem:
    return problem("invalid", detail, field_error("Host", detail))
