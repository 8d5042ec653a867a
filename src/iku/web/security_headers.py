"""Security headers of every response (OWASP ASVS 5.0, section 3.4).

They are added where the response leaves the application, so that every route, error and
refusal has them. A handler that sets one of them keeps its own value.
"""

from collections.abc import Iterable
from typing import TypeAlias

Headers: TypeAlias = list[tuple[bytes, bytes]]

_POLICY = (
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)


def content_policy(*directives: str) -> str:
    """The strict Content-Security-Policy with further *directives*."""
    return "; ".join((*_POLICY, *directives))


# Under `no-referrer` browsers would send `Origin: null` with our own forms.
_ALWAYS: Headers = [
    (b"content-security-policy", content_policy().encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_TLS_ONLY: Headers = [
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
]


def complete(headers: Iterable[tuple[bytes, bytes]], scheme: str) -> Headers:
    """*headers* with the security headers that they lack; HSTS for https only."""
    found = list(headers)
    given = {name.lower() for name, _ in found}
    wanted = _ALWAYS + _TLS_ONLY if scheme == "https" else _ALWAYS
    found += [header for header in wanted if header[0] not in given]
    return found
