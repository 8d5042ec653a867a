"""The pages of accounts: sign-in, enrolment, one's own account, administration.

The pages work without JavaScript, except for passkeys, which browsers offer to scripts
only. Every change is a POST of a form with the session's form key, answered by a
redirect, unless the response shows a secret once.
"""

from typing import Any

from litestar import Router

from iku.web.account_pages import (
    administration,
    api_keys,
    enrolment,
    identity_provider,
    own_account,
    passkeys,
    sign_in,
    step_up,
)

MODULES = (
    *(sign_in, enrolment, passkeys, identity_provider),
    *(own_account, api_keys, step_up, administration),
)


def router() -> Router:
    """The routes of the pages."""
    handlers: list[Any] = [one for module in MODULES for one in module.HANDLERS]
    return Router(
        "/",
        route_handlers=handlers,
        include_in_schema=False,
    )
