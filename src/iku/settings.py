"""The settings, read once from the environment and then passed as a value."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from iku.messages import Language, message
from iku.setting_values import (
    Network,
    boolean_setting,
    file_setting,
    folder_setting,
    integer_setting,
    login_url,
    networks_setting,
    path_setting,
    url_setting,
)
from iku.setting_values import SettingsError as SettingsError

BODY_TIMEOUT_S = 15  # default


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the program.

    Attributes:
        database_url: URI of the application's login; None for the embedded server in
            `home`.
        owner_url: URI of the login that owns the schemas, for migrations; None with the
            embedded server.
        superuser_url: URI of a superuser's login, for backup and restore; None for
            `owner_url`.
        home: Folder of the embedded server and the default parent of other folders.
        timezone: Time zone of the agency.
        host: Address on which the server listens.
        port: Port on which the server listens.
        pool_size: Maximum number of database connections.
        body_timeout_s: Seconds within which the head of a request, and then its body,
            must arrive.
        agency: Folder with the data files of another agency; None for the built-in
            ones.
        signer_url: URI of the signer's login; None with the embedded server, or if
            this process does not sign.
        signer_home: Folder of the signer.
        witness_home: Folder of the witness.
        monitor_home: Folder of the monitor.
        origin: Name of the log in checkpoints.
        witnesses: File that lists the witnesses asked to cosign; None for no witnesses.
        checkpoint_copies: Folder of another office, for a copy of each signed
            checkpoint; None for no copies.
        keys: Folder of the vault's keys; None for `home`/keys.
        attachments: Folder of sealed files; None for `home`/attachments.
        public_url: Origin under which users reach the server, such as
            ``https://iku.example.go.id``; None if it serves this machine only.
        tls_cert: File of the certificate chain; None if the server has no TLS.
        tls_key: File of the certificate's private key; set together with `tls_cert`.
        trusted_proxy: Networks of the proxies whose forwarded headers are trusted.
        language: Language of the terminal.
        api_key: The API key of the user at the terminal; None without one.
        oidc_issuer: Issuer of the identity provider; None if sign-in uses none.
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
    public_url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_proxy: tuple[Network, ...] = ()
    language: Language = Language.INDONESIAN
    api_key: str | None = field(default=None, repr=False)
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret_file: Path | None = None
    oidc_hosts: tuple[str, ...] = ()
    oidc_allow_private: bool = False

    @property
    def address(self) -> str:
        """The URL under which users reach the server, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

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
        database_url = url_setting(given, "IKU_DATABASE_URL")
        tls_cert, tls_key = _tls_settings(given)
        home = Path(given.get("IKU_HOME", "var"))
        return cls(
            database_url=database_url,
            owner_url=login_url(given, "IKU_OWNER_URL", database_url) or database_url,
            superuser_url=login_url(given, "IKU_SUPERUSER_URL", database_url),
            home=home,
            timezone=_timezone_setting(given),
            host=given.get("IKU_HOST", "127.0.0.1"),
            port=integer_setting(given, "IKU_PORT", 8000, largest=65_535),
            pool_size=integer_setting(given, "IKU_POOL_SIZE", 10, largest=1_000),
            body_timeout_s=integer_setting(
                given, "IKU_BODY_TIMEOUT_S", BODY_TIMEOUT_S, largest=3_600
            ),
            agency=folder_setting(given, "IKU_AGENCY"),
            signer_url=login_url(given, "IKU_SIGNER_URL", database_url),
            signer_home=Path(given.get("IKU_SIGNER_HOME", home / "signer")),
            witness_home=Path(given.get("IKU_WITNESS_HOME", home / "witness")),
            monitor_home=Path(given.get("IKU_MONITOR_HOME", home / "monitor")),
            origin=_origin_setting(given),
            witnesses=file_setting(given, "IKU_WITNESSES"),
            checkpoint_copies=path_setting(given, "IKU_CHECKPOINT_COPIES"),
            keys=path_setting(given, "IKU_KEYS"),
            attachments=path_setting(given, "IKU_ATTACHMENTS"),
            public_url=_public_url_setting(given),
            tls_cert=tls_cert,
            tls_key=tls_key,
            trusted_proxy=networks_setting(given, "IKU_TRUSTED_PROXY"),
            language=language(environ),
            api_key=given.get("IKU_API_KEY"),
            oidc_issuer=_issuer_setting(given),
            oidc_client_id=given.get("IKU_OIDC_CLIENT_ID"),
            oidc_client_secret_file=file_setting(given, "IKU_OIDC_CLIENT_SECRET_FILE"),
            oidc_hosts=tuple(given.get("IKU_OIDC_HOSTS", "").lower().split()),
            oidc_allow_private=boolean_setting(given, "IKU_OIDC_ALLOW_PRIVATE"),
        )


def language(environ: Mapping[str, str]) -> Language:
    """The language of the terminal, from `IKU_LANGUAGE`; Indonesian if it is not set.

    Raises:
        SettingsError: The variable names an unknown language.
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
                'IKU_OIDC_ISSUER is "{issuer}", but must be an https URL without a '
                'query, such as "https://sso.example.go.id/realms/kota"',
                issuer=issuer,
            )
        )
    return issuer


def _is_issuer(text: str, given: Mapping[str, str]) -> bool:
    """Whether *text* is an issuer (OpenID Connect Core 1.0, section 2).

    Its scheme is https; http is accepted for a provider on this machine.
    """
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        return False
    private = boolean_setting(given, "IKU_OIDC_ALLOW_PRIVATE")
    local = url.scheme == "http" and private and is_loopback(host or "")
    plain = text.isascii() and text.isprintable() and not set(" ?#@\\") & set(text)
    return bool(host) and port != 0 and plain and (url.scheme == "https" or local)


_PUBLIC_URL = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::([1-9][0-9]{0,4}))?/?"
)
USUAL_PORTS = {"http": "80", "https": "443"}


def _public_url_setting(given: Mapping[str, str]) -> str | None:
    """The public origin in the form of the header `Origin`."""
    if "IKU_PUBLIC_URL" not in given:
        return None
    url = given["IKU_PUBLIC_URL"]
    found = _PUBLIC_URL.fullmatch(url.strip().lower())
    if found is None or (found[1] == "http" and found[2] != "localhost"):
        raise SettingsError(
            message(
                'IKU_PUBLIC_URL is "{url}", but must be a URL without a path, such as '
                '"https://iku.example.go.id"; http is accepted for localhost only',
                url=url,
            )
        )
    scheme, host, port = found.groups()
    usual = port in {None, USUAL_PORTS[scheme]}
    return f"{scheme}://{host}" if usual else f"{scheme}://{host}:{port}"


def _tls_settings(given: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    cert = path_setting(given, "IKU_TLS_CERT")
    key = path_setting(given, "IKU_TLS_KEY")
    if (cert is None) != (key is None):
        present, missing = "IKU_TLS_CERT", "IKU_TLS_KEY"
        if cert is None:
            present, missing = missing, present
        raise SettingsError(
            message(
                "{present} is set, but {missing} is not; set both, or neither",
                present=present,
                missing=missing,
            )
        )
    return cert, key
