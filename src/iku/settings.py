"""The settings, read once from the environment and then passed as a value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from iku.messages import Language, message

BODY_TIMEOUT_S = 15  # default


class SettingsError(Exception):
    """A variable has an invalid value; the message names the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the program.

    Attributes:
        database_url: Login of the application; None for the embedded server in `home`.
        owner_url: Login of the owner of the schemas, for migrations; None with the
            embedded server.
        superuser_url: Login that may read and create everything, for backup and
            restore; None for `owner_url`.
        home: Folder of the embedded server and the default parent of other folders.
        timezone: Time zone of the agency.
        host: Address on which the server listens.
        port: Port on which the server listens.
        pool_size: Maximum number of database connections.
        body_timeout_s: Seconds within which the head of a request, and then its body,
            must arrive.
        agency: Folder with the data files of another agency; None for the built-in
            ones.
        signer_url: Login of the signer; None with the embedded server, or if this
            process does not sign.
        signer_home: Folder of the signer.
        witness_home: Folder of the witness.
        monitor_home: Folder of the monitor.
        origin: Name of the log in checkpoints.
        witnesses: File that lists the witnesses asked to cosign; None for no witnesses.
        checkpoint_copies: Folder of another office, for a copy of each signed
            checkpoint; None for no copies.
        keys: Folder of the vault's keys; None for `home`/keys.
        attachments: Folder of sealed files; None for `home`/attachments.
        language: Language of the terminal.
        oidc_issuer: Issuer of the identity provider; None for no sign-in by one.
        oidc_client_id: The identifier of this server at the provider.
        oidc_client_secret_file: File with its secret; None for a public client.
        oidc_hosts: Hosts of the provider other than the issuer's, in lower case.
        oidc_allow_private: Whether the provider may have a private address.
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
    monitor_home: Path = Path("var/monitor")
    origin: str = "iku.mojokerto.local/log"
    witnesses: Path | None = None
    checkpoint_copies: Path | None = None
    keys: Path | None = None
    attachments: Path | None = None
    language: Language = Language.INDONESIAN
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret_file: Path | None = None
    oidc_hosts: tuple[str, ...] = ()
    oidc_allow_private: bool = False

    @property
    def keys_folder(self) -> Path:
        """Folder of the vault's keys."""
        return self.keys or self.home / "keys"

    @property
    def attachments_folder(self) -> Path:
        """Folder of the sealed files."""
        return self.attachments or self.home / "attachments"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings from the `IKU_…` variables.

        Raises:
            SettingsError: A variable is empty or has an invalid value.
        """
        given = _set_variables(
            environ, [f"IKU_{one.name.upper()}" for one in fields(cls)]
        )
        database_url = _url_setting(given, "IKU_DATABASE_URL")
        home = Path(given.get("IKU_HOME", "var"))
        return cls(
            database_url=database_url,
            owner_url=_login_url(given, "IKU_OWNER_URL", database_url) or database_url,
            superuser_url=_login_url(given, "IKU_SUPERUSER_URL", database_url),
            home=home,
            timezone=_timezone_setting(given),
            host=given.get("IKU_HOST", "127.0.0.1"),
            port=_integer_setting(given, "IKU_PORT", 8000, largest=65_535),
            pool_size=_integer_setting(given, "IKU_POOL_SIZE", 10, largest=1_000),
            body_timeout_s=_integer_setting(
                given, "IKU_BODY_TIMEOUT_S", BODY_TIMEOUT_S, largest=3_600
            ),
            agency=_folder_setting(given, "IKU_AGENCY"),
            signer_url=_login_url(given, "IKU_SIGNER_URL", database_url),
            signer_home=Path(given.get("IKU_SIGNER_HOME", home / "signer")),
            witness_home=Path(given.get("IKU_WITNESS_HOME", home / "witness")),
            monitor_home=Path(given.get("IKU_MONITOR_HOME", home / "monitor")),
            origin=_origin_setting(given),
            witnesses=_file_setting(given, "IKU_WITNESSES"),
            checkpoint_copies=_path_setting(given, "IKU_CHECKPOINT_COPIES"),
            keys=_path_setting(given, "IKU_KEYS"),
            attachments=_path_setting(given, "IKU_ATTACHMENTS"),
            language=language(environ),
            oidc_issuer=_issuer_setting(given),
            oidc_client_id=given.get("IKU_OIDC_CLIENT_ID"),
            oidc_client_secret_file=_file_setting(given, "IKU_OIDC_CLIENT_SECRET_FILE"),
            oidc_hosts=tuple(given.get("IKU_OIDC_HOSTS", "").lower().split()),
            oidc_allow_private=_boolean_setting(given, "IKU_OIDC_ALLOW_PRIVATE"),
        )


def language(environ: Mapping[str, str]) -> Language:
    """The language of the terminal, from `IKU_LANGUAGE`; Indonesian if it is not set.

    Raises:
        SettingsError: It names an unknown language.
    """
    given = _set_variables(environ, ["IKU_LANGUAGE"])
    text = given.get("IKU_LANGUAGE", Language.INDONESIAN)
    if text not in set(Language):
        raise SettingsError(
            message('IKU_LANGUAGE is "{text}", but must be id or en', text=text)
        )
    return Language(text)


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` is reachable only from this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _set_variables(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The variables among *names* that are set.

    An empty value is refused. In a script whose own variable is unset, an empty
    IKU_DATABASE_URL would otherwise silently select another database.
    """
    given = {name: environ[name] for name in names if name in environ}
    for name, value in given.items():
        if not value.strip():
            instead = (
                message("unset it to use the embedded server")
                if name == "IKU_DATABASE_URL"
                else message("unset it to use the default")
            )
            raise SettingsError(
                message(
                    "{name} is set to an empty value; set a value, or {instead}",
                    name=name,
                    instead=instead,
                )
            )
    return given


def _url_setting(given: Mapping[str, str], name: str) -> str | None:
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


def _login_url(
    given: Mapping[str, str], name: str, database_url: str | None
) -> str | None:
    url = _url_setting(given, name)
    if url is not None and database_url is None:
        raise SettingsError(
            message(
                "{name} is set, but IKU_DATABASE_URL is not; set both, or set neither "
                "to use the embedded server",
                name=name,
            )
        )
    return url


def _timezone_setting(given: Mapping[str, str]) -> ZoneInfo:
    name = given.get("IKU_TIMEZONE", "Asia/Jakarta")
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise SettingsError(
            message(
                'IKU_TIMEZONE is "{name}", which is not an IANA time zone such as '
                '"Asia/Jakarta"',
                name=name,
            )
        ) from None


def _integer_setting(
    given: Mapping[str, str], name: str, default: int, *, largest: int
) -> int:
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


def _boolean_setting(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false")
    if text not in {"true", "false"}:
        raise SettingsError(
            message(
                '{name} is "{text}", but must be true or false', name=name, text=text
            )
        )
    return text == "true"


def _path_setting(given: Mapping[str, str], name: str) -> Path | None:
    return Path(given[name]) if name in given else None


def _folder_setting(given: Mapping[str, str], name: str) -> Path | None:
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


def _file_setting(given: Mapping[str, str], name: str) -> Path | None:
    if name not in given:
        return None
    file = Path(given[name])
    if not file.is_file():
        raise SettingsError(
            message('{name} is "{file}", which is not a file', name=name, file=file)
        )
    return file


def _origin_setting(given: Mapping[str, str]) -> str:
    origin = given.get("IKU_ORIGIN", "iku.mojokerto.local/log")
    # C2SP signed-note: the origin is also the name of a key.
    if "+" in origin or any(char.isspace() or char < " " for char in origin):
        raise SettingsError(
            message(
                'IKU_ORIGIN is "{origin}", but must not contain a space or "+"; write '
                'a URL without its scheme, such as "iku.example.go.id/log"',
                origin=origin,
            )
        )
    return origin


def _issuer_setting(given: Mapping[str, str]) -> str | None:
    issuer = given.get("IKU_OIDC_ISSUER")
    if (issuer is None) != ("IKU_OIDC_CLIENT_ID" not in given):
        raise SettingsError(
            message("set both IKU_OIDC_ISSUER and IKU_OIDC_CLIENT_ID, or neither")
        )
    if issuer is not None and not _is_issuer(issuer, given):
        raise SettingsError(
            message(
                'IKU_OIDC_ISSUER is "{issuer}", which is not a URL of https without '
                'query, such as "https://sso.example.go.id/realms/kota"',
                issuer=issuer,
            )
        )
    return issuer


def _is_issuer(text: str, given: Mapping[str, str]) -> bool:
    """OpenID Connect Core 1.0, section 2; http is for providers on this machine."""
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        return False
    private = _boolean_setting(given, "IKU_OIDC_ALLOW_PRIVATE")
    local = url.scheme == "http" and private and is_loopback(host or "")
    plain = text.isascii() and text.isprintable() and not set(" ?#@\\") & set(text)
    return bool(host) and port != 0 and plain and (url.scheme == "https" or local)
