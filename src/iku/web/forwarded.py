"""Forwarded headers: the client's address and scheme, as a trusted proxy states them.

A proxy (`IKU_TRUSTED_PROXY`) states both by `X-Forwarded-For` and `X-Forwarded-Proto`;
its other forwarded headers are not read, because a proxy may pass on those of its
client. The headers of any other sender are not trusted. A server that provides TLS
itself ignores them. Otherwise the request is refused, because all clients of an unknown
proxy would seem to be on this machine.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias

from iku.messages import message
from iku.setting_values import Network
from iku.settings import is_loopback
from iku.web.listening import Transport
from iku.web.problems import Problem, field_error, problem

Address: TypeAlias = IPv4Address | IPv6Address

FOR, PROTO = b"x-forwarded-for", b"x-forwarded-proto"
_OTHERS = frozenset({b"forwarded", b"via", b"x-real-ip"})
# An address, an IPv4 address with a port, or an IPv6 address in brackets.
_HOP = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+|([0-9A-Fa-f:.]+)")


def apply_forwarded_headers(scope: Any, transport: Transport) -> Problem | None:
    """Set the address and scheme of the client in *scope*.

    The result is the problem of a request that does not match *transport*; None if it
    matches.
    """
    peer = scope["client"][0] if scope["client"] else ""
    if transport.proxies and _is_proxy(_address(peer), transport.proxies):
        return _take_from_proxy(scope, peer, transport)
    if transport.tls:
        return None
    for name, _ in scope["headers"]:
        if name in _OTHERS or name.startswith(b"x-forwarded-"):
            return _unexpected_header_problem(
                name.decode("latin-1").title(), peer, transport
            )
    if transport.proxies and not is_loopback(peer):
        return problem(
            "misdirected",
            message(
                "{peer} connected directly, but this server accepts only connections "
                "of its reverse proxy: use {url}",
                url=transport.public_url,
                peer=peer,
            ),
        )
    return None


def _unexpected_header_problem(name: str, peer: str, transport: Transport) -> Problem:
    detail = (
        message(
            "{name} was sent by {peer}, which is not a proxy in IKU_TRUSTED_PROXY",
            name=name,
            peer=peer,
        )
        if transport.proxies
        else message(
            "{name} was sent, but this server is not served through a proxy; connect "
            "to it directly, or, in a register with accounts, set IKU_TRUSTED_PROXY",
            name=name,
        )
    )
    return problem("invalid", detail, field_error(name, detail))


def _take_from_proxy(scope: Any, peer: str, transport: Transport) -> Problem | None:
    client = _client(_values(scope, FOR), transport.proxies)
    if client is None:
        return _missing_header_problem("X-Forwarded-For", peer)
    schemes = _values(scope, PROTO)
    if len(schemes) != 1 or schemes[0] not in {"http", "https"}:
        return _missing_header_problem("X-Forwarded-Proto", peer)
    url = transport.public_url or ""
    if not url.startswith(f"{schemes[0]}:"):
        return problem(
            "misdirected",
            message(
                "the request was sent by {scheme}, but this server is reached only "
                "as {url}",
                url=url,
                scheme=schemes[0],
            ),
        )
    scope["client"], scope["scheme"] = (str(client), 0), schemes[0]
    return None


def _missing_header_problem(name: str, peer: str) -> Problem:
    detail = message(
        "the proxy {peer} sent no valid {name}; it must set X-Forwarded-For to the "
        "client's address and X-Forwarded-Proto to http or https",
        peer=peer,
        name=name,
    )
    return problem("invalid", detail, field_error(name, detail))


def _client(values: list[str], proxies: tuple[Network, ...]) -> Address | None:
    """The last hop that is not a proxy; the first one if all are proxies.

    None if there is no hop, or one of those examined is not an address. Hops to the
    left of the result were written by the client, and are ignored.
    """
    found = None
    for hop in _hops_from_the_right(values):
        found = _address(hop)
        if found is None or not _is_proxy(found, proxies):
            return found
    return found


def _hops_from_the_right(values: list[str]) -> Iterator[str]:
    for hop in reversed(",".join(values).split(",")):
        yield hop.strip()


def _address(text: str) -> Address | None:
    """The address in a hop; an IPv4 address that is mapped to IPv6 as IPv4."""
    hop = _HOP.fullmatch(text)
    if hop is None:
        return None
    try:
        found = ip_address(next(filter(None, hop.groups())))
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def _is_proxy(address: Address | None, proxies: tuple[Network, ...]) -> bool:
    return address is not None and any(address in network for network in proxies)


def _values(scope: Any, name: bytes) -> list[str]:
    return [
        value.decode("latin-1").strip() for n, value in scope["headers"] if n == name
    ]
