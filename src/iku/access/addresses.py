"""The hosts and addresses that an identity provider may have.

A URL from a document of the provider may name any host, and a host name may resolve to
an address of the internal network (server-side request forgery; ASVS 5.0, 1.3.6).
Therefore requests go only to listed hosts, over https, and to public addresses; a
setting allows private ones. Addresses that no server has (link-local with the metadata
services of clouds, multicast, reserved ones) are never allowed.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

import httpx

from iku.messages import message

IpAddress: TypeAlias = IPv4Address | IPv6Address

_LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
_INTERNAL = (
    *_LOOPBACK,
    *map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),  # RFC 1918
    ip_network("100.64.0.0/10"),  # RFC 6598
    ip_network("fc00::/7"),  # RFC 4193
)
_GLOBAL_UNICAST = ip_network("2000::/3")  # RFC 4291, section 2.4
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052


class ProviderUnavailable(Exception):
    """The identity provider cannot be reached, or its response cannot be used."""


class AddressRefused(ProviderUnavailable):
    """The URL or the address of its host is not allowed; the message says why."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The hosts and addresses to which requests may go.

    Attributes:
        hosts: Allowed host names, in lower case.
        private: Whether loopback and private addresses are allowed, and http to
            loopback.
    """

    hosts: frozenset[str]
    private: bool = False

    def check_url(self, text: str) -> httpx.URL:
        """The parsed URL.

        Raises:
            AddressRefused: The text is not an https URL of an allowed host.
        """
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, UnicodeError):
            raise AddressRefused(message("{url} is not a URL", url=text)) from None
        host = host_of(url)
        if url.scheme != "https" and not (self.private and url.scheme == "http"):
            raise AddressRefused(
                message(
                    "{url} has the scheme {scheme}, but an identity provider must use "
                    "https",
                    url=text,
                    scheme=url.scheme or "–",
                )
            )
        if host not in self.hosts:
            raise AddressRefused(
                message(
                    "{url} has the host {host}, but the allowed hosts are {allowed}; "
                    "IKU_OIDC_HOSTS allows further ones",
                    url=text,
                    host=host or "–",
                    allowed=sorted(self.hosts),
                )
            )
        if url.userinfo or url.fragment:
            raise AddressRefused(
                message("{url} must not contain a user name or a fragment", url=text)
            )
        return url

    def check_address(self, url: httpx.URL, address: str) -> None:
        """Refuse an address to which the host of *url* resolves.

        Raises:
            AddressRefused: The address is not allowed.
        """
        ip = _destination(address)
        loopback = any(ip in one for one in _LOOPBACK)
        if url.scheme == "http" and not loopback:
            raise AddressRefused(
                message(
                    "{host} has the address {address}, but http is allowed on this "
                    "machine only; use https",
                    host=host_of(url),
                    address=address,
                )
            )
        if _is_public(ip):
            return
        if not any(ip in one for one in _INTERNAL):
            raise AddressRefused(
                message(
                    "{host} has the address {address}, which is not the address of a "
                    "server",
                    host=host_of(url),
                    address=address,
                )
            )
        if not self.private:
            raise AddressRefused(
                message(
                    "{host} has the private address {address}; "
                    "IKU_OIDC_ALLOW_PRIVATE=true allows private addresses",
                    host=host_of(url),
                    address=address,
                )
            )


def host_of(url: httpx.URL) -> str:
    """The host name or address of *url*, as used for name resolution."""
    return url.raw_host.decode("ascii")


def _destination(address: str) -> IpAddress:
    """The IPv4 address that is mapped in *address*, if there is one; else *address*."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip


def _is_public(ip: IpAddress) -> bool:
    """Whether *ip* is a public unicast address, and not one of a tunnel to IPv4."""
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast
    tunnel = ip.sixtofour is not None or ip.teredo is not None
    return ip in _GLOBAL_UNICAST and ip.is_global and not tunnel
