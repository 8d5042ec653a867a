"""The addresses on which the server may listen, and the transport of requests.

A register without accounts lets every client do everything under any name. It is
therefore served to this machine only, and not through TLS or a proxy, which would make
it look protected. With accounts it may be served to other machines, by TLS of its own
or behind a proxy that provides TLS.
"""

from dataclasses import dataclass

from iku.domain.access import Mode
from iku.messages import Message, message
from iku.setting_values import Network
from iku.settings import Settings, is_loopback


class ListeningRefused(Exception):
    """The settings do not allow the server to listen; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """The transport of requests: valid hosts, TLS and proxies.

    Attributes:
        local_only: Whether only the loopback names of this machine are valid in `Host`.
        public_url: The only valid origin; None for the scheme and `Host` of a request.
        tls: Whether the server itself provides TLS.
        proxies: Networks of the proxies whose forwarded headers are trusted.
    """

    local_only: bool = False
    public_url: str | None = None
    tls: bool = False
    proxies: tuple[Network, ...] = ()


def transport(settings: Settings, host: str, mode: Mode) -> Transport:
    """The transport of a server that listens on *host* in the *mode*.

    Raises:
        ListeningRefused: The mode or the settings do not allow it.
    """
    if mode is Mode.ACCOUNTS:
        if fault := _fault_with_accounts(settings, host):
            raise ListeningRefused(fault)
        return Transport(
            local_only=settings.public_url is None,
            public_url=settings.public_url,
            tls=settings.tls_cert is not None,
            proxies=settings.trusted_proxy,
        )
    if fault := _fault_without_accounts(settings, host, mode):
        raise ListeningRefused(fault)
    return Transport(local_only=True)


def _fault_without_accounts(
    settings: Settings, host: str, mode: Mode
) -> Message | None:
    set_ones = [
        name
        for name, value in (
            ("IKU_TLS_CERT", settings.tls_cert),
            ("IKU_TRUSTED_PROXY", settings.trusted_proxy),
        )
        if value
    ]
    for name in set_ones:
        return message(
            "{name} is set, but {reason}; unset it, or invite the first account with "
            "`iku account invite` in a register that is not a demonstration",
            name=name,
            reason=_REASONS[mode],
        )
    if is_loopback(host):
        return None
    return message(
        "{reason}: the address to listen on must be 127.0.0.1, ::1 or localhost, not "
        "{host}",
        reason=_REASONS[mode],
        host=host,
    )


_REASONS = {
    Mode.LOCAL: message(
        "until there are accounts, the register is served to this machine only"
    ),
    Mode.DEMONSTRATION: message("a demonstration is served to this machine only"),
}


def _fault_with_accounts(settings: Settings, host: str) -> Message | None:
    url = settings.public_url
    secured = settings.tls_cert is not None or bool(settings.trusted_proxy)
    if url is None:
        if is_loopback(host) and not secured:
            return None
        return message(
            "IKU_PUBLIC_URL is not set; to serve other machines, set it to the URL "
            'that users type, such as "https://iku.example.go.id"'
        )
    if url.startswith("http:"):
        if is_loopback(host) and settings.tls_cert is None:
            return None
        return message(
            "IKU_PUBLIC_URL is {url}, which has no TLS and is therefore allowed on "
            "this machine only; listen on 127.0.0.1 without IKU_TLS_CERT, or set an "
            "https URL",
            url=url,
        )
    if secured:
        return None
    return message(
        "IKU_PUBLIC_URL is {url}, but nothing provides TLS for {host}: set "
        "IKU_TLS_CERT and IKU_TLS_KEY, or IKU_TRUSTED_PROXY to the address of the "
        "proxy that does",
        url=url,
        host=host,
    )
