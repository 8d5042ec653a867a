"""The client of a request: its address, and its browser and operating system."""

from typing import Any

from litestar import Request

# Browsers name the ones that they resemble, so the order matters.
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet")),
    *(("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome")),
    *(("Chrome/", "Chrome"), ("Safari/", "Safari")),
)
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad")),
    *(("Windows", "Windows"), ("Macintosh", "macOS"), ("CrOS", "ChromeOS")),
    ("Linux", "Linux"),
)


def address_of(request: Request[Any, Any, Any]) -> str:
    """The address of the client, as the connection or the named proxy states it."""
    client = request.scope["client"]
    return client[0] if client else ""


def device_of(request: Request[Any, Any, Any]) -> str:
    """The browser and the system, such as ``Firefox, Windows``; empty if unknown."""
    agent = request.headers.get("User-Agent", "")
    named = [
        next((name for mark, name in known if mark in agent), "")
        for known in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, named))
