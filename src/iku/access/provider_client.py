"""HTTP client of an identity provider.

Each request resolves the host name once, checks all its addresses and connects to one
of them: a name that resolves differently a moment later (DNS rebinding) has no effect.
The header `Host` and the certificate are those of the name. Redirects are not followed,
proxies of the environment are not used, and each response is limited in length and
time.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

import httpx

from iku import messages
from iku.access.addresses import AddressRules, ProviderUnavailable, host_of
from iku.messages import message

LONGEST = 1 << 20  # bytes of a response
TIMEOUT_S = 10.0  # of a whole request, including the resolution of the name
CONNECT_TIMEOUT_S = 3.0  # to one of several addresses

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_MAX_AGE = re.compile(r"max-age\s*=\s*\"?([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """A response in JSON.

    Attributes:
        status: HTTP status; never a redirect.
        body: The JSON text, at most `LONGEST` bytes, not yet decoded.
        max_age_s: Seconds for which the response may be cached, from `Cache-Control`;
            None if it does not say.
    """

    status: int
    body: bytes
    max_age_s: int | None


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of *host*, in the order in which to try them (RFC 6724)."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    )
    return [*dict.fromkeys(str(address[0]) for *_, address in found)]


class ProviderClient:
    """Sends requests to the hosts of one identity provider.

    Each request uses a connection of its own, without cookies. Certificates are
    verified with the certificate authorities of the system (`SSL_CERT_FILE`).
    """

    def __init__(
        self,
        rules: AddressRules,
        *,
        resolve: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.rules = rules
        self._resolve = resolve
        self._trust = trust or ssl.create_default_context()
        self._timeout_s = timeout_s

    async def get(self, url: str) -> JsonResponse:
        """The JSON document at *url*.

        Raises:
            ProviderUnavailable: The document cannot be read.
            AddressRefused: The URL or an address is not allowed.
        """
        answer = await self._send("GET", url, None, {})
        if answer.status != HTTPStatus.OK:
            raise ProviderUnavailable(
                message(
                    "{url} responded with status {status}",
                    url=url,
                    status=answer.status,
                )
            )
        return answer

    async def post_form(
        self, url: str, form: Mapping[str, str], authorization: str | None
    ) -> JsonResponse:
        """The JSON response to a form, of any status; errors do not quote the form.

        Raises:
            ProviderUnavailable: The response cannot be read.
            AddressRefused: The URL or an address is not allowed.
        """
        headers = {} if authorization is None else {"Authorization": authorization}
        return await self._send("POST", url, form, headers)

    async def _send(
        self,
        method: str,
        text: str,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> JsonResponse:
        url = self.rules.check_url(text)
        try:
            async with asyncio.timeout(self._timeout_s):
                addresses = await self._addresses(url)
                return await self._first_response(method, url, addresses, form, headers)
        except TimeoutError:
            raise ProviderUnavailable(
                message(
                    "{url} did not answer within {seconds} seconds",
                    url=text,
                    seconds=int(self._timeout_s),
                )
            ) from None
        except (httpx.HTTPError, OSError) as error:
            raise ProviderUnavailable(
                message(
                    "{url} cannot be read: {error}",
                    url=text,
                    error=messages.error_message(error) or type(error).__name__,
                )
            ) from error

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """The addresses of the host, all of them allowed."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = await self._resolve(host_of(url), port)
        except UnicodeError as error:
            raise OSError(str(error)) from error
        for address in addresses:
            self.rules.check_address(url, address)
        return addresses

    async def _first_response(
        self,
        method: str,
        url: httpx.URL,
        addresses: Sequence[str],
        form: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> JsonResponse:
        """The response of the first address that accepts a connection."""
        for last, address in enumerate(addresses, 1 - len(addresses)):
            try:
                return await self._exchange(method, url, address, form, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if last == 0:
                    raise
        raise OSError(message("{host} has no address", host=host_of(url)))

    async def _exchange(
        self,
        method: str,
        url: httpx.URL,
        address: str,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> JsonResponse:
        wait = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)  # _send limits the whole
        async with (
            httpx.AsyncClient(
                verify=self._trust,
                trust_env=False,
                follow_redirects=False,
                timeout=wait,
            ) as client,
            client.stream(
                method,
                url.copy_with(host=address),
                data=form,
                headers={
                    "Host": url.netloc.decode("ascii"),
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    **headers,
                },
                extensions={"sni_hostname": host_of(url)},
            ) as response,
        ):
            _check_head(url, response)
            return JsonResponse(
                response.status_code, await _body(url, response), _max_age_s(response)
            )


def _check_head(url: httpx.URL, response: httpx.Response) -> None:
    if 300 <= response.status_code < 400:
        raise ProviderUnavailable(
            message(
                "{url} redirects ({status}), which is not followed",
                url=str(url),
                status=response.status_code,
            )
        )
    media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_json = media == "application/json" or media.endswith("+json")
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if not is_json or encoding != "identity":
        raise ProviderUnavailable(
            message(
                "{url} responded with status {status} and {kind}, but must respond "
                "with JSON",
                url=str(url),
                status=response.status_code,
                kind=(media if encoding == "identity" else encoding) or "–",
            )
        )


async def _body(url: httpx.URL, response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > LONGEST:
            raise ProviderUnavailable(
                message(
                    "the document at {url} is longer than {most} bytes",
                    url=str(url),
                    most=LONGEST,
                )
            )
    return bytes(body)


def _max_age_s(response: httpx.Response) -> int | None:
    said = response.headers.get("Cache-Control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return 0
    found = _MAX_AGE.search(said)
    return None if found is None else int(found[1])
