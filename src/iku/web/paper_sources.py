"""What papers are made from, and printed for, in this application."""

from iku.app import App
from iku.commands import papers as paper_commands
from iku.commands import proposals
from iku.commands.command import CommandResult
from iku.connection import PooledReader
from iku.exchange.papers import issuing
from iku.exchange.papers.issuing import PreparedIssue, Site
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.gateway import CommandGateway
from iku.queries.view import View

CATEGORY = "paper"


def sources(app: App, view: View) -> Sources:
    """The sources of papers for the viewer of *view*."""
    zone = app.settings.timezone
    return Sources(view, app.figures, app.agency, app.commands.today(), zone)


def site(app: App) -> Site:
    """The site that prints papers: its URL, its witnesses, and if it may record."""
    writes = not app.commands.is_read_only
    return Site(app.settings.public_url, app.witnesses, writes)


async def prepare(
    app: App, view: View, name: str, request: PaperRequest
) -> PreparedIssue:
    """The paper that can be issued; its bytes are stored (raises as `prepare` does)."""
    made = await issuing.prepare(sources(app, view), name, request, site(app))
    await paper_commands.keep(app.commands, view.reader, made.event, made.compiled)
    return made


async def record(
    gateway: CommandGateway, made: PreparedIssue, because: str | None
) -> CommandResult:
    """Record the issue, or propose it for the reason *because*.

    Raises:
        Forbidden: The actor may do neither, or may only propose it.
    """
    if because is None:
        return await gateway.handle(CATEGORY, made.subject, made.event)
    command = gateway.command(CATEGORY, made.subject, made.event)
    reader = PooledReader(gateway.app)
    return await proposals.propose(gateway.app.commands, reader, command, because)
