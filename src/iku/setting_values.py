"""Values of the `IKU_…` variables, each parsed by its kind.

Each function takes the variables that are set, and the name of one of them. It raises
`SettingsError` if the value is invalid.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeAlias

from iku.messages import message

Network: TypeAlias = IPv4Network | IPv6Network


class SettingsError(Exception):
    """A variable has an invalid value; the message names the variable."""


def url_setting(given: Mapping[str, str], name: str) -> str | None:
    """The connection URI in a variable; None if it is not set."""
    url = given.get(name)
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        # The value is not quoted, because it may hold a password.
        raise SettingsError(
            message(
                "{name} must be a connection URI that begins with postgresql://",
                name=name,
            )
        )
    return url


def login_url(
    given: Mapping[str, str], name: str, database_url: str | None
) -> str | None:
    """The connection URI in a variable; None if it is not set.

    Raises:
        SettingsError: The variable is set, but the application's URI is not.
    """
    url = url_setting(given, name)
    if url is not None and database_url is None:
        raise SettingsError(
            message(
                "{name} is set, but IKU_DATABASE_URL is not; set both, or set neither "
                "to use the embedded server",
                name=name,
            )
        )
    return url


def integer_setting(
    given: Mapping[str, str], name: str, default: int, *, largest: int
) -> int:
    """The whole number in a variable, from 1 to *largest*."""
    text = given.get(name, str(default)).strip()
    plain = text.isascii() and text.isdecimal() and len(text) <= 9
    if plain and 1 <= int(text) <= largest:
        return int(text)
    raise SettingsError(
        message(
            '{name} is "{text}", but must be a whole number from 1 to {largest}',
            name=name,
            text=text,
            largest=largest,
        )
    )


def boolean_setting(given: Mapping[str, str], name: str) -> bool:
    """Whether the value of a variable is true; false if it is not set."""
    text = given.get(name, "false")
    if text not in {"true", "false"}:
        raise SettingsError(
            message(
                '{name} is "{text}", but must be true or false', name=name, text=text
            )
        )
    return text == "true"


def path_setting(given: Mapping[str, str], name: str) -> Path | None:
    """The path in a variable; None if it is not set."""
    return Path(given[name]) if name in given else None


def folder_setting(given: Mapping[str, str], name: str) -> Path | None:
    """The folder that a variable names; None if it is not set.

    Raises:
        SettingsError: The folder does not exist.
    """
    if name not in given:
        return None
    folder = Path(given[name])
    if not folder.is_dir():
        raise SettingsError(
            message(
                '{name} is "{folder}", which is not a folder', name=name, folder=folder
            )
        )
    return folder


def file_setting(given: Mapping[str, str], name: str) -> Path | None:
    """The file that a variable names; None if it is not set.

    Raises:
        SettingsError: The file does not exist.
    """
    if name not in given:
        return None
    file = Path(given[name])
    if not file.is_file():
        raise SettingsError(
            message('{name} is "{file}", which is not a file', name=name, file=file)
        )
    return file


def networks_setting(given: Mapping[str, str], name: str) -> tuple[Network, ...]:
    """The IP addresses and networks in a variable.

    Raises:
        SettingsError: A network is invalid, or includes all addresses.
    """
    texts = given.get(name, "").replace(",", " ").split()
    try:
        networks = tuple(ip_network(text) for text in texts)
    except ValueError:
        networks = ()
    if (name in given and not networks) or not all(n.prefixlen for n in networks):
        raise SettingsError(
            message(
                '{name} is "{text}", but must be a list of IP addresses or networks, '
                'such as "127.0.0.1" or "10.1.2.0/24"; a network of all addresses is '
                "not allowed",
                name=name,
                text=given[name],
            )
        )
    return networks
