"""Liveness, readiness and metrics."""

from typing import Any

from litestar import Response
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from iku import messages
from iku.app import App
from iku.connection import PooledReader, open_view
from iku.domain.access import Action, Mode
from iku.ledger.appender import Unavailable
from iku.messages import message
from iku.postgres.migrations import MigrationError
from iku.queries import health
from iku.vault.files import QuarantineSummary
from iku.web.metrics import Metrics
from iku.web.routes import LOCAL_PROGRAMS, get

TAGS = ["Health"]


class Liveness(Struct, frozen=True):
    """The process is running."""

    status: str = "alive"


class Readiness(Struct, frozen=True):
    """The server can answer requests.

    Attributes:
        mode: How the register is used: ``local``, ``demonstration`` or ``accounts``.
        size: Number of events in the log; on a replica, of those replicated so far.
        replica: Whether the database is a read-only replica.
        status: ``ready``; ``degraded`` where requests are answered, but the signer
            raised an alarm or keys are lost.
        alarm: Why the signer refuses to sign; null where there is no alarm.
        signed: Size of the last signed checkpoint; null where there is none.
        witnessed: Size of the last checkpoint that a quorum of witnesses cosigned;
            null where there is none.
        witnesses: Number of configured witnesses; with 0, no third party vouches for
            the log.
        lost_keys: Epochs whose key is missing from the key folder, or differs: texts
            encrypted under it cannot be read. Figures need no key.
        quarantine: Attached files that no event refers to; null where the folder of
            attachments cannot be read.
    """

    mode: Mode
    size: int
    replica: bool
    status: str
    alarm: str | None
    signed: int | None
    witnessed: int | None
    witnesses: int
    lost_keys: list[str]
    quarantine: QuarantineSummary | None


@get("/health/live", None, operation_id="isAlive", summary="Liveness", tags=TAGS)
async def live() -> Liveness:
    """Responds while the process runs, with or without a database."""
    return Liveness()


@get("/health/ready", None, operation_id="isReady", summary="Readiness", tags=TAGS)
async def ready(app: App) -> Readiness:
    """Responds with 200 if the database is available and fully migrated.

    While the signer's alarm is raised or keys are lost, the response is still 200, and
    the status is `degraded`.
    """
    async with open_view(app) as view:
        try:
            missing = await health.pending_migrations(view)
        except MigrationError as error:
            raise Unavailable(messages.error_message(error)) from error
        if missing:
            raise Unavailable(
                message("not migrated yet: {missing}", missing=[*missing])
            )
        found = await app.health(view)
        register = await app.commands.access_register(view.reader, None)
        quarantine = await health.quarantine(view)
    vouched = found.assurance
    return Readiness(
        register.mode,
        found.size,
        # A replica that was promoted stays read-only until the server restarts.
        app.commands.is_read_only or found.replica,
        "degraded" if found.lost_keys or vouched.alarm is not None else "ready",
        vouched.alarm,
        vouched.signed,
        vouched.witnessed,
        vouched.witnesses,
        found.lost_keys,
        quarantine,
    )


@get(
    "/metrics",
    Action.ADMINISTER,
    opt={LOCAL_PROGRAMS: True},
    operation_id="getMetrics",
    summary="Metrics",
    tags=TAGS,
    media_type="text/plain",
)
async def metrics(
    app: App,
    metrics: Metrics,
) -> Response[str]:
    """Requests, durations, the log's size and waiting appends, in Prometheus format."""
    quarantine = await health.quarantine(app.view(PooledReader(app)))
    try:
        async with open_view(app) as view:
            metrics.set_gauges(await app.health(view), quarantine)
    except Unavailable:
        metrics.set_gauges(None, quarantine)
    text = generate_latest(metrics.registry).decode()
    # The framework adds the charset itself.
    media_type = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")
    return Response(text, media_type=media_type)


HANDLERS: list[Any] = [live, ready, metrics]
