"""The means of sign-in that this server offers."""

from dataclasses import dataclass

from iku.access import oidc_client
from iku.access.oidc import RelyingParty
from iku.access.passkeys import Passkeys, PasskeysUnavailable
from iku.access.secrets import Secrets
from iku.app import App
from iku.web.listening import Transport


@dataclass(frozen=True, slots=True)
class SignInMeans:
    """The means of sign-in that this server offers, for the life of the process.

    Attributes:
        secrets: The keys for credentials.
        origin: The origin at which passkeys are valid.
        passkeys: None if browsers offer none at that origin.
        provider: The identity provider; None without one.
    """

    secrets: Secrets
    origin: str
    passkeys: Passkeys | None = None
    provider: RelyingParty | None = None


def sign_in_means(app: App, transport: Transport) -> SignInMeans:
    """The means of sign-in that the settings configure.

    Raises:
        SettingsError: The registration at the identity provider cannot be used.
    """
    settings = app.settings
    public = transport.public_url or settings.public_url
    origin = public or f"http://localhost:{settings.port}"
    client = oidc_client.read_client(settings)
    return SignInMeans(
        Secrets(settings.keys_folder, app.commands.today),
        origin,
        _passkeys(origin, app.agency.name),
        None if client is None else RelyingParty(client),
    )


def _passkeys(origin: str, agency: str) -> Passkeys | None:
    try:
        return Passkeys(origin, agency)
    except PasskeysUnavailable:
        return None
