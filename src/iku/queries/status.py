"""What a register is kept in, what it holds, and how far that is protected.

It answers for a database that is not migrated as well, and opens no text.
"""

from datetime import datetime

from msgspec import Struct, structs

from iku.ledger import log
from iku.ledger.checkpoints import Assurance
from iku.ledger.log import Reader
from iku.ledger.policy import Policy
from iku.postgres import guarding, migrations, pool
from iku.postgres.guarding import Guard
from iku.queries.figures import Figures
from iku.queries.health import assurance
from iku.settings import Settings
from iku.vault import store
from iku.vault.files import Files, Quarantine


class IndicatorCounts(Struct, frozen=True):
    """How often an indicator was defined and given a target."""

    definitions: int
    targets: int


class RegisterStatus(Struct, frozen=True):
    """The state of the register.

    Attributes:
        database: ``embedded``, or ``own`` for a server that IKU_DATABASE_URL names.
        server: PostgreSQL's version.
        replica: Whether it follows another server and only reads.
        migrations: Those applied.
        pending: Those still to be applied; then nothing else is known.
        events: How many there are, by category.
        assurance: How far the log is signed and witnessed, and the signer's alarm.
        guard: How the ledger's schema is kept from being changed.
        lost_keys: Epochs whose key is not in the folder of keys, or is another.
        quarantine: What lies in the quarantine of attached files.
        findings: What checking the ledger found; None: it was not checked.
    """

    database: str
    server: str
    replica: bool
    migrations: list[str]
    pending: list[str]
    size: int = 0
    recorded_at: datetime | None = None
    events: dict[str, int] = {}
    indicators: dict[str, IndicatorCounts] = {}
    guard: Guard = Guard()
    lost_keys: list[str] = []
    quarantine: Quarantine = Quarantine()
    assurance: Assurance | None = None
    findings: list[str] | None = None


async def status(
    reader: Reader, settings: Settings, witnesses: Policy
) -> RegisterStatus:
    """The state of the register in that database, with the owner's rights."""
    missing = await migrations.pending(reader)
    version = int(await reader.fetchval("show server_version_num"))
    fresh = RegisterStatus(
        database="own" if settings.database_url else "embedded",
        server=f"{version // 10_000}.{version % 10_000}",
        replica=await pool.only_reads(reader),
        migrations=[str(one) for one in migrations.load() if one not in missing],
        pending=[str(one) for one in missing],
    )
    return fresh if missing else await _full(reader, fresh, settings, witnesses)


async def _full(
    reader: Reader, fresh: RegisterStatus, settings: Settings, witnesses: Policy
) -> RegisterStatus:
    head = await log.head(reader)
    indicators = await Figures().indicators(reader)
    return structs.replace(
        fresh,
        size=head.size,
        recorded_at=head.recorded_at,
        events=await _events(reader),
        indicators={
            code: IndicatorCounts(len(state.definitions), len(state.targets))
            for code, state in indicators.items()
        },
        guard=await guarding.look(reader),
        lost_keys=await store.lost(reader, settings.keys_folder),
        quarantine=Files(settings.attachments_folder).look(),
        assurance=await assurance(reader, witnesses, settings.signer_home),
    )


async def _events(reader: Reader) -> dict[str, int]:
    """How many events there are, by category."""
    rows = await reader.fetch(
        """
        select split_part(stream, '-', 1) as category, sum(version)::bigint as events
          from ledger.stream
         group by 1
         order by 1
        """
    )
    return {row["category"]: row["events"] for row in rows}
