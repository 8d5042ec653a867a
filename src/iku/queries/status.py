"""Status of a register: database, content and protection.

Also available for a database that is not migrated. Opens no text.
"""

from contextlib import suppress
from datetime import datetime

from msgspec import Struct, structs

from iku.domain.access import Mode
from iku.ledger import accepted_schema_shape, log
from iku.ledger.checkpoint_store import Assurance
from iku.ledger.durable_files import InsecurePermissions
from iku.ledger.log import Reader
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder, SignerNotReady
from iku.postgres import migrations, pool, schema_guard, schema_shape
from iku.postgres.pool import Plain
from iku.postgres.schema_guard import Guard
from iku.queries.figures import Figures
from iku.queries.health import assurance
from iku.settings import Settings
from iku.vault import store
from iku.vault.files import Files, QuarantineSummary


class IndicatorCounts(Struct, frozen=True):
    """Numbers of definitions and targets of an indicator."""

    definitions: int
    targets: int


class ShapeStatus(Struct, frozen=True):
    """The shape of the schema, as SHA-256 digests in hexadecimal.

    Attributes:
        found: The shape of the database.
        expected: The shape that this release expects.
        accepted: The shape that the signer accepts; None if its folder has none, or
            cannot be read.
        differences: The lines in which the database differs from the release.
    """

    found: str
    expected: str
    accepted: str | None
    differences: list[str]

    @property
    def has_acceptable_shape(self) -> bool:
        """Whether the shape is that of the release, or one that the signer accepts."""
        return self.found in {self.expected, self.accepted}


class RegisterStatus(Struct, frozen=True):
    """The state of the register.

    Attributes:
        database: ``embedded``, or ``own`` for the server of IKU_DATABASE_URL.
        server: PostgreSQL's version.
        replica: Whether the server is a replica.
        migrations: Applied migrations.
        pending: Pending migrations; if there are any, the fields below are empty.
        mode: Mode of use: ``local``, ``demonstration`` or ``accounts``.
        events: Number of events by category.
        assurance: Signed and witnessed sizes of the log, and the signer's alarm.
        guard: State of the guard of the ledger's schema.
        shape: The shape of the schema; None if it is not migrated.
        lost_keys: Epochs whose key is missing from the key folder, or differs.
        quarantine: Attached files in quarantine.
        findings: Findings of the check of the ledger; None means not checked.
    """

    database: str
    server: str
    replica: bool
    migrations: list[str]
    pending: list[str]
    mode: Mode = Mode.LOCAL
    size: int = 0
    recorded_at: datetime | None = None
    events: dict[str, int] = {}
    indicators: dict[str, IndicatorCounts] = {}
    guard: Guard = Guard()
    shape: ShapeStatus | None = None
    lost_keys: list[str] = []
    quarantine: QuarantineSummary = QuarantineSummary()
    assurance: Assurance | None = None
    findings: list[str] | None = None


async def status(
    reader: Plain, settings: Settings, witnesses: Policy
) -> RegisterStatus:
    """The state of the register, read with the rights of the owner."""
    missing = await migrations.pending_migrations(reader)
    version = int(await reader.fetchval("show server_version_num"))
    fresh = RegisterStatus(
        database="own" if settings.database_url else "embedded",
        server=f"{version // 10_000}.{version % 10_000}",
        replica=await pool.is_read_only(reader),
        migrations=[str(one) for one in migrations.load() if one not in missing],
        pending=[str(one) for one in missing],
    )
    return (
        fresh
        if missing
        else await _with_register_contents(reader, fresh, settings, witnesses)
    )


async def _with_register_contents(
    reader: Plain, fresh: RegisterStatus, settings: Settings, witnesses: Policy
) -> RegisterStatus:
    head = await log.head(reader)
    indicators = await Figures().indicators(reader)
    return structs.replace(
        fresh,
        size=head.size,
        recorded_at=head.recorded_at,
        mode=await _mode(reader),
        events=await _events(reader),
        indicators={
            code: IndicatorCounts(len(state.definitions), len(state.targets))
            for code, state in indicators.items()
        },
        guard=await schema_guard.inspect(reader),
        shape=await _shape(reader, settings),
        lost_keys=await store.lost_epochs(reader, settings.keys_folder),
        quarantine=Files(settings.attachments_folder).summary(),
        assurance=await assurance(reader, witnesses, settings.signer_home),
    )


async def _mode(reader: Reader) -> Mode:
    """The mode of use, from the events of the log."""
    demonstrated, accounts = await reader.fetchrow(
        """
        select exists (select
                         from ledger.event
                        where stream = 'access-rights' and type = 'demonstrated'),
               exists (select
                         from ledger.stream
                        where split_part(stream, '-', 1) = 'account')
        """
    ) or (False, False)
    if demonstrated:
        return Mode.DEMONSTRATION
    return Mode.ACCOUNTS if accounts else Mode.LOCAL


async def _shape(reader: Plain, settings: Settings) -> ShapeStatus:
    found, expected = await schema_shape.read(reader), schema_shape.expected()
    accepted = None
    # The folder may be another user's; a damaged file is the signer's to report.
    with suppress(OSError, SignerNotReady, InsecurePermissions):
        accepted = accepted_schema_shape.read_digest(SignerFolder(settings.signer_home))
    return ShapeStatus(
        found.digest, expected.digest, accepted, found.difference(expected)
    )


async def _events(reader: Reader) -> dict[str, int]:
    """Number of events by category."""
    rows = await reader.fetch(
        """
        select split_part(stream, '-', 1) as category, sum(version)::bigint as events
          from ledger.stream
         group by 1
         order by 1
        """
    )
    return {row["category"]: row["events"] for row in rows}
