"""The sign-in page."""

from collections.abc import Mapping

from litestar import Response

from iku.connection import acquire_connection
from iku.queries import account_holders
from iku.web.page_failures import Failure
from iku.web.page_rendering import render
from iku.web.visitor import Visitor

LOST = 401  # the status of a page that carries a form of an ended session


async def sign_in_page(
    visitor: Visitor,
    values: Mapping[str, str],
    failure: Failure | None = None,
    status: int = 200,
) -> Response[bytes]:
    """The sign-in page, with the failure of an earlier attempt if there was one."""
    people = []
    if visitor.in_demonstration:
        async with acquire_connection(visitor.app) as connection:
            names = await account_holders.names(
                visitor.app.view(connection), visitor.register.accounts
            )
        today = visitor.app.commands.today()
        people = [
            (account, names[account], found.roles_on(today))
            for account, found in visitor.register.accounts.items()
        ]
    return render(
        visitor,
        "sign_in.html",
        status=status if failure is None else failure.status,
        headers={} if failure is None else failure.headers,
        faults={} if failure is None else failure.faults,
        values=values,
        people=people,
    )
