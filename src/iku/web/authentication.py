"""Authentication of requests by a session or an API key.

A browser sends the cookie of a session, a program an API key as a bearer token. While
the register has no accounts, neither is accepted, and the actor is the one that the
request names. The rights of the caller are checked by `commands/` and `queries/`.
"""

from typing import Any, NamedTuple, cast

from iku.access.api_keys import ApiKey
from iku.access.audit import CallSite, call_site
from iku.access.sessions import Session
from iku.connection import acquire_connection
from iku.domain.access import Action, Credentials, Unauthenticated
from iku.domain.account import Role
from iku.messages import message
from iku.queries.figure_cache import CacheValidator
from iku.queries.view import Viewer
from iku.web.admission import Application
from iku.web.headers import AnyRequest

COOKIE = "__Host-iku"
CALLER = "iku.caller"  # the key of the `Caller` in the scope of a request
BEARER = "bearer "


class Caller(NamedTuple):
    """The caller of a request.

    Attributes:
        credentials: The account; None if the caller has not signed in.
        session: The session of a browser; None for a program.
        validator: The state of the log, if it was read with the session or API key.
    """

    viewer: Viewer
    credentials: Credentials | None = None
    session: Session | None = None
    validator: CacheValidator | None = None


async def admit(request: AnyRequest, action: Action | None) -> Caller:
    """The caller, after a check of the right to *action*; None means public.

    The right to the action on the subject of the request is checked by `queries/`.

    Raises:
        Unauthenticated: The caller has not signed in, or the API key is not valid.
        Forbidden: The caller may not take the action.
    """
    scope = request.scope
    set_call_site(request, scope["path"])
    found = await caller(cast(Application, request.app), scope)
    scope[CALLER] = found  # type: ignore[literal-required] # an extension
    if action is not None:
        found.viewer.require_somewhere(action)
    return found


def set_call_site(request: AnyRequest, path: str) -> None:
    """Set the call site of the audit trail; *path* must contain no secret."""
    client = request.scope.get("client")
    how = f"{request.scope['method']} {path}"
    call_site.set(CallSite(client[0] if client else "", how))


async def caller(asgi: Application, scope: Any) -> Caller:
    """The caller of a request (raises as `admit`)."""
    session: Session | None = None
    credentials: Credentials | None = None
    validator: CacheValidator | None = None
    if (key := _bearer(scope)) is not None:
        found, validator = await asgi.credentials.api_key(key)
        if found is None:
            raise Unauthenticated(message("the API key is not valid, or has expired"))
        credentials = _credentials_of_key(found)
    elif (token := cookie(scope)) is not None:
        session, validator = await asgi.credentials.session(token)
        credentials = None if session is None else credentials_of_session(session)
    viewer = asgi.app.cached_viewer(credentials)
    if viewer is None:
        async with acquire_connection(asgi.app) as connection:
            viewer = await asgi.app.viewer(connection, credentials)
    return Caller(viewer, credentials, session, validator)


def _credentials_of_key(key: ApiKey) -> Credentials:
    return Credentials(
        account=key.account,
        version=key.account_version,
        roles=frozenset(Role(role) for role in key.roles),
        rights=key.rights,
    )


def credentials_of_session(session: Session) -> Credentials:
    """The credentials of the holder of a session."""
    return Credentials(
        account=session.account,
        version=session.account_version,
        fresh=session.fresh,
        approves=session.approve_after is None,
    )


def _bearer(scope: Any) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            text: str = value.decode("latin-1")
            if text.lower().startswith(BEARER):
                return text[len(BEARER) :].strip()
            raise Unauthenticated(
                message("Authorization must be: Bearer, a space, and an API key")
            )
    return None


def cookie(scope: Any, wanted: str = COOKIE) -> str | None:
    """The value of a cookie of the request, by default the token of a session."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, held = part.strip().partition("=")
                if key == wanted:
                    return str(held)
    return None
