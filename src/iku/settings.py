"""What the surroundings decide: read once from the environment, then passed along."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

BODY_TIMEOUT_S = 15  # unless the environment says otherwise


class SettingsError(Exception):
    """A variable holds what it cannot mean; the sentence names the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the register runs and how it is reached.

    `database_url` None means the embedded server in `home`; `owner_url` None then, too.
    `agency` is a folder with another agency's data files; None means our own.
    `superuser_url` is a login that may read and make everything, with which backups are
    made and restored; None means `owner_url`.
    `signer_url` is the signer's login, None with the embedded server or where this
    process does not sign; `origin` the log's name in what is signed; `witnesses` a file
    that lists who is asked to cosign.
    `body_timeout_s` is how long the head of a request, and then its body, may take to
    arrive.
    `keys` is the folder of the vault's keys, `attachments` that of sealed files; None
    means `home`/keys and `home`/attachments.
    """

    database_url: str | None = field(default=None, repr=False)
    owner_url: str | None = field(default=None, repr=False)
    superuser_url: str | None = field(default=None, repr=False)
    home: Path = Path("var")
    timezone: ZoneInfo = ZoneInfo("Asia/Jakarta")
    host: str = "127.0.0.1"
    port: int = 8000
    pool_size: int = 10
    body_timeout_s: int = BODY_TIMEOUT_S
    agency: Path | None = None
    signer_url: str | None = field(default=None, repr=False)
    signer_home: Path = Path("var/signer")
    witness_home: Path = Path("var/witness")
    origin: str = "iku.mojokerto.local/log"
    witnesses: Path | None = None
    keys: Path | None = None
    attachments: Path | None = None

    @property
    def keys_folder(self) -> Path:
        """Where the vault's keys are."""
        return self.keys or self.home / "keys"

    @property
    def attachments_folder(self) -> Path:
        """Where the sealed files are."""
        return self.attachments or self.home / "attachments"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that `IKU_…` variables ask for.

        Raises:
            SettingsError: One of them is empty, or holds what it cannot mean.
        """
        given = _given(environ, [f"IKU_{one.name.upper()}" for one in fields(cls)])
        database_url = _url(given, "IKU_DATABASE_URL")
        home = Path(given.get("IKU_HOME", "var"))
        return cls(
            database_url=database_url,
            owner_url=_login_url(given, "IKU_OWNER_URL", database_url) or database_url,
            superuser_url=_login_url(given, "IKU_SUPERUSER_URL", database_url),
            home=home,
            timezone=_timezone(given),
            host=given.get("IKU_HOST", "127.0.0.1"),
            port=_whole(given, "IKU_PORT", 8000, largest=65_535),
            pool_size=_whole(given, "IKU_POOL_SIZE", 10, largest=1_000),
            body_timeout_s=_whole(
                given, "IKU_BODY_TIMEOUT_S", BODY_TIMEOUT_S, largest=3_600
            ),
            agency=_folder(given, "IKU_AGENCY"),
            signer_url=_login_url(given, "IKU_SIGNER_URL", database_url),
            signer_home=Path(given.get("IKU_SIGNER_HOME", home / "signer")),
            witness_home=Path(given.get("IKU_WITNESS_HOME", home / "witness")),
            origin=_origin(given),
            witnesses=_file(given, "IKU_WITNESSES"),
            keys=_path(given, "IKU_KEYS"),
            attachments=_path(given, "IKU_ATTACHMENTS"),
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _given(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """What is set of *names*.

    An empty value means nothing: that of IKU_DATABASE_URL, in a script whose variable
    was not set, would have another database used without a word.
    """
    given = {name: environ[name] for name in names if name in environ}
    for name, value in given.items():
        if not value.strip():
            instead = (
                "unset it for the embedded server"
                if name == "IKU_DATABASE_URL"
                else "unset it for its default"
            )
            raise SettingsError(f"{name} is set, but empty; give a value, or {instead}")
    return given


def _url(given: Mapping[str, str], name: str) -> str | None:
    url = given.get(name)
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        # Not quoted: it may hold a password.
        raise SettingsError(f"{name} must be an address that begins with postgresql://")
    return url


def _login_url(
    given: Mapping[str, str], name: str, database_url: str | None
) -> str | None:
    url = _url(given, name)
    if url is not None and database_url is None:
        raise SettingsError(
            f"{name} is set, but IKU_DATABASE_URL is not; "
            "set both, or neither for the embedded server"
        )
    return url


def _timezone(given: Mapping[str, str]) -> ZoneInfo:
    name = given.get("IKU_TIMEZONE", "Asia/Jakarta")
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise SettingsError(
            f'IKU_TIMEZONE is "{name}", which is no time zone; '
            'write one as "Asia/Jakarta"'
        ) from None


def _whole(given: Mapping[str, str], name: str, default: int, *, largest: int) -> int:
    text = given.get(name, str(default)).strip()
    plain = text.isascii() and text.isdecimal() and len(text) <= 9
    if plain and 1 <= int(text) <= largest:
        return int(text)
    raise SettingsError(
        f'{name} is "{text}", but must be a whole number from 1 to {largest}'
    )


def _path(given: Mapping[str, str], name: str) -> Path | None:
    return Path(given[name]) if name in given else None


def _folder(given: Mapping[str, str], name: str) -> Path | None:
    if name not in given:
        return None
    folder = Path(given[name])
    if not folder.is_dir():
        raise SettingsError(f'{name} is "{folder}", which is no folder')
    return folder


def _file(given: Mapping[str, str], name: str) -> Path | None:
    if name not in given:
        return None
    file = Path(given[name])
    if not file.is_file():
        raise SettingsError(f'{name} is "{file}", which is no file')
    return file


def _origin(given: Mapping[str, str]) -> str:
    origin = given.get("IKU_ORIGIN", "iku.mojokerto.local/log")
    # C2SP signed-note: it is a key's name, too.
    if "+" in origin or any(char.isspace() or char < " " for char in origin):
        raise SettingsError(
            f'IKU_ORIGIN is "{origin}", but must have no space and no "+"; '
            'write it as an address without scheme, such as "iku.example.go.id/log"'
        )
    return origin
