"""The visitor of a page: who opened it, by which session, and in which language."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from secrets import token_urlsafe
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar import Request

from iku.access import sessions
from iku.access.attempts import DelayedAttempt
from iku.access.audit import Outcome
from iku.access.sessions import Session
from iku.access.sign_in import FailedStep
from iku.app import App
from iku.connection import acquire_connection
from iku.domain.access import AccessRegister, Credentials, Mode
from iku.exchange.table_output import FileFormat
from iku.language import Language
from iku.postgres.pool import Connection
from iku.queries import account_holders
from iku.queries.view import Viewer
from iku.web import authentication
from iku.web.admission import Application
from iku.web.authentication import Caller
from iku.web.origin_check import SAFE
from iku.web.page_language import PageLanguage, preferred
from iku.web.page_workbook import FORM
from iku.web.sign_in_means import SignInMeans

LANGUAGE = "bahasa"  # the parameter that selects the language of a page
SHORTCUTS = "__Host-iku-pintasan"  # the cookie that switches keyboard shortcuts off
TOUR = "__Host-iku-tur"  # the cookie that dismisses the tour of the demonstration


class SignInRequired(Exception):
    """The page is for people who have signed in."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opened a page.

    Attributes:
        request: The request for the page.
        page: The language of the page.
        chosen: The language that the address states; None if it states none.
        path: The path of the page; empty if it answers a form.
        query: The parameters of the page.
        token: The token in the cookie, which may be invalid; None without one.
        session: The full session; None if the visitor has not signed in.
        name: The name of the account's holder; None without session.
        origin: The origin at which the page was opened.
        shortcuts: Whether the keyboard shortcuts are on.
        tour: Whether the tour of a demonstration is shown, if this is one.
    """

    request: Request[Any, Any, Any]
    app: App
    means: SignInMeans
    page: PageLanguage
    chosen: Language | None
    path: str
    query: dict[str, str]
    token: str | None
    session: Session | None
    register: AccessRegister
    viewer: Viewer
    name: str | None
    origin: str
    shortcuts: bool = True
    tour: bool = True

    @property
    def has_accounts(self) -> bool:
        """Whether the register has accounts."""
        return self.register.mode is not Mode.LOCAL

    @property
    def in_demonstration(self) -> bool:
        """Whether the register is a demonstration."""
        return self.register.mode is Mode.DEMONSTRATION

    @property
    def asks_workbook(self) -> bool:
        """Whether the address asks for the tables of the page as a workbook."""
        return self.query.get(FORM) == FileFormat.XLSX

    @property
    def form_key(self) -> str:
        """A new key for a form: it proves the session, and names what the form sends.

        Sent twice, a form is carried out once.
        """
        return form_key(self.token, token_urlsafe(12))

    def signed_in(self) -> tuple[str, Session]:
        """The token and the session.

        Raises:
            SignInRequired: The visitor has not signed in.
        """
        if self.token is None or self.session is None:
            raise SignInRequired
        return self.token, self.session

    def credentials(self) -> Credentials:
        """The credentials of the session.

        Raises:
            SignInRequired: The visitor has not signed in.
        """
        _, session = self.signed_in()
        return authentication.credentials_of_session(session)

    def record(self, what: str, done: Any) -> None:
        """Write the outcome of a step of a sign-in or a factor to the audit trail."""
        match done:
            case FailedStep(reason=reason, account=account):
                outcome, why = Outcome.FAILURE, reason.id
            case DelayedAttempt():
                outcome, why, account = Outcome.REFUSED, "delayed", None
            case _:
                outcome, why = Outcome.SUCCESS, ""
                account = getattr(done, "account", None)
        if account is None and self.session is not None:
            account = self.session.account
        self.app.audit.record(outcome, what, account=account, reason=why)

    def in_language(self, language: Language) -> str:
        """The address of this page in another language."""
        return f"{self.path}?{urlencode({**self.query, LANGUAGE: language.value})}"

    def address(self, path: str, **query: str | Sequence[str]) -> str:
        """The address of another page, in the language of this one if it is chosen.

        Parameters with an empty value are left out; one with several values is
        repeated.
        """
        parts = urlsplit(path)
        given: dict[str, str | tuple[str, ...]] = {}
        if parts.query:
            given |= parse_qsl(parts.query, keep_blank_values=True)
        if self.chosen is not None:
            given[LANGUAGE] = self.chosen.value
        for name, value in query.items():
            if value:
                given[name] = value if isinstance(value, str) else tuple(value)
        if not given:
            return parts.path
        return f"{parts.path}?{encoded(tuple(given.items()))}"


@lru_cache(512)  # the links of a page have the same parameters, above all its day
def encoded(parameters: tuple[tuple[str, str | tuple[str, ...]], ...]) -> str:
    """The query string of *parameters*; one with several values is repeated."""
    return urlencode(parameters, doseq=True)


def form_key(token: str | None, nonce: str) -> str:
    """The form key of a session: another site cannot know it, nor learn the token."""
    secret, named = (
        one.encode("utf-8", "surrogatepass") for one in (token or "", nonce)
    )
    proof = hmac.digest(secret, b"iku form " + named, "sha256")
    return f"{nonce}.{urlsafe_b64encode(proof).rstrip(b'=').decode()}"


async def authenticate_visitor(request: Request[Any, Any, Any]) -> Visitor:
    """Authenticate the request of a page by its session cookie; return the visitor."""
    application = cast(Application, request.app)
    app = application.app
    token = authentication.cookie(request.scope)
    # The template, because the path of an invitation holds its token.
    authentication.set_call_site(request, str(request.scope.get("path_template")))
    async with acquire_connection(app) as connection:
        session = await _session(connection, token)
        credentials = (
            None if session is None else authentication.credentials_of_session(session)
        )
        register = await app.commands.access_register(connection, credentials)
        viewer = await app.viewer(connection, credentials)
        name = await _name(app, connection, register, session)
    caller = Caller(viewer, credentials, session)
    request.scope[authentication.CALLER] = caller  # type: ignore[literal-required] # an extension
    asked = request.query_params.get(LANGUAGE)
    return Visitor(
        request=request,
        app=app,
        means=application.means,
        page=preferred(request, None if session is None else session.language),
        chosen=Language(asked) if asked in set(Language) else None,
        path=request.url.path if request.method in SAFE else "",
        query=dict(request.query_params),
        token=token,
        session=session,
        register=register,
        viewer=viewer,
        name=name,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        shortcuts=authentication.cookie(request.scope, SHORTCUTS) is None,
        tour=authentication.cookie(request.scope, TOUR) is None,
    )


async def _session(connection: Connection, token: str | None) -> Session | None:
    return None if token is None else await sessions.find(connection, token)


async def _name(
    app: App, connection: Connection, register: AccessRegister, session: Session | None
) -> str | None:
    """The name of the session's holder, which any role may read."""
    if session is None:
        return None
    own = {session.account: register.accounts[session.account]}
    names = await account_holders.names(app.view(connection), own)
    return names[session.account]
