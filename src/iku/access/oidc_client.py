"""The registration of this server at its identity provider."""

from dataclasses import dataclass, field
from pathlib import Path

import httpx

from iku.access.addresses import AddressRules
from iku.ledger.durable_files import read_secret
from iku.messages import message
from iku.settings import Settings, SettingsError

RETURN_PATH = "/masuk/oidc"  # where the provider sends the browser back to


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcClient:
    """The registration of this server at its identity provider.

    Attributes:
        issuer: The provider's issuer identifier.
        client_id: This server's identifier at the provider.
        client_secret: The secret of this server at the provider; None for a public
            client.
        redirect_uri: Where the provider sends the browser back to.
        rules: The hosts and addresses to which requests may go.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    redirect_uri: str
    rules: AddressRules


def read_client(settings: Settings) -> OidcClient | None:
    """The registration that the settings describe; None if they name no provider.

    Raises:
        InsecurePermissions: Other users can read the file of the client secret.
        SettingsError: The file is empty, or the server has no public URL.
        OSError: The file cannot be read.
    """
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    if settings.public_url is None:
        raise SettingsError(
            message(
                "IKU_OIDC_ISSUER is set, but IKU_PUBLIC_URL is not; the identity "
                "provider needs a URL to send the browser back to"
            )
        )
    host = httpx.URL(settings.oidc_issuer).raw_host.decode("ascii")
    return OidcClient(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=_read_client_secret(settings.oidc_client_secret_file),
        redirect_uri=settings.public_url + RETURN_PATH,
        rules=AddressRules(
            frozenset({host, *settings.oidc_hosts}), settings.oidc_allow_private
        ),
    )


def _read_client_secret(file: Path | None) -> str | None:
    if file is None:
        return None
    secret = read_secret(file)
    if not secret.strip():
        raise SettingsError(
            message(
                'IKU_OIDC_CLIENT_SECRET_FILE is "{file}", which is empty', file=file
            )
        )
    return secret
