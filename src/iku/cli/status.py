"""`iku status`: what runs, what it holds, and whether it is well."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click
from msgspec import Struct, structs

from iku.cli import attaching, signing, terminal
from iku.cli.edge import Failed
from iku.cli.verifying import checked
from iku.exchange import formats
from iku.ledger import log
from iku.ledger.checkpoints import Assurance
from iku.postgres import guarding, migrations
from iku.postgres.guarding import Guard
from iku.postgres.pool import Connection, only_reads
from iku.projections.figures import Figures
from iku.settings import Settings
from iku.vault import store
from iku.vault.files import Files, Quarantine
from iku.wiring import assurance, load_witnesses


class Subject(Struct, frozen=True):
    """An indicator, and how often it was defined and given a target."""

    definitions: int
    targets: int


class Status(Struct, frozen=True):
    """The state of the register.

    Attributes:
        database: ``embedded``, or ``own`` for a server that IKU_DATABASE_URL names.
        server: PostgreSQL's version.
        replica: Whether it follows another server and only reads.
        migrations: Those applied.
        pending: Those still to be applied; then nothing else is told.
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
    indicators: dict[str, Subject] = {}
    guard: Guard = Guard()
    lost_keys: list[str] = []
    quarantine: Quarantine = Quarantine()
    assurance: Assurance | None = None
    findings: list[str] | None = None


@click.command(short_help="Tell what runs, what it holds, and if it is well.")
@click.option("--check", is_flag=True, help="Verify every record of the log, too.")
@terminal.as_json
def status(*, check: bool, json: bool) -> None:
    """Tell which database is used, what it holds and, with --check, if it is well."""
    asked = terminal.settings()
    found = terminal.run(_look(asked, check=check))
    if json:
        terminal.emit(found)
    else:
        _show(found, asked)
    if found.findings:
        raise Failed("the ledger does not verify; the first findings are above")
    if found.guard.findings:
        raise Failed("the ledger's schema is not guarded as it should be; see above")


async def _look(chosen: Settings, *, check: bool) -> Status:
    async with terminal.owner(chosen) as connection:
        return await _read(connection, chosen, check=check)


async def _read(connection: Connection, chosen: Settings, *, check: bool) -> Status:
    missing = await migrations.pending(connection)
    version = connection.get_server_version()
    fresh = Status(
        database="own" if chosen.database_url else "embedded",
        server=f"{version.major}.{version.micro}",
        replica=await only_reads(connection),
        migrations=[str(m) for m in migrations.load() if m not in missing],
        pending=[str(m) for m in missing],
    )
    if missing:
        return fresh
    found = await assurance(chosen, load_witnesses(chosen), connection)
    full = await _full(connection, fresh, check=check)
    lost = await store.lost(connection, chosen.keys_folder)
    aside = Files(chosen.attachments_folder).look()
    return structs.replace(full, assurance=found, lost_keys=lost, quarantine=aside)


async def _full(connection: Connection, fresh: Status, *, check: bool) -> Status:
    head = await log.head(connection)
    rows = await connection.fetch(
        """
        select split_part(stream, '-', 1) as category, sum(version)::bigint as events
          from ledger.stream
         group by 1
         order by 1
        """
    )
    indicators = await Figures().indicators(connection)
    return Status(
        fresh.database,
        fresh.server,
        fresh.replica,
        fresh.migrations,
        fresh.pending,
        size=head.size,
        recorded_at=head.recorded_at,
        events={row["category"]: row["events"] for row in rows},
        indicators={
            code: Subject(len(state.definitions), len(state.targets))
            for code, state in indicators.items()
        },
        guard=await guarding.look(connection),
        findings=await checked(connection) if check else None,
    )


def _show(found: Status, asked: Settings) -> None:
    out = terminal.console()
    out.print(terminal.pairs(_lines(found, asked)))
    for finding in (*found.guard.findings, *(found.findings or ())):
        out.print(finding)


def _lines(found: Status, asked: Settings) -> list[tuple[str, str]]:
    kind = "server sendiri" if asked.database_url else f"tertanam di {asked.home}"
    only = ", replika: hanya untuk dibaca" if found.replica else ""
    lines = [
        ("Basis data", f"{kind}, PostgreSQL {found.server}{only}"),
        ("Migrasi", ", ".join(found.migrations) or formats.NOTHING),
    ]
    if found.pending:
        return [*lines, ("Belum diterapkan", ", ".join(found.pending))]
    lines += [
        ("Ukuran log", f"{formats.number(found.size)} peristiwa"),
        ("Terakhir dicatat", _instant(found.recorded_at, asked.timezone)),
    ]
    lines += [(f"  {name}", formats.number(n)) for name, n in found.events.items()]
    lines += [
        (code, f"{subject.definitions} definisi, {subject.targets} target")
        for code, subject in found.indicators.items()
    ]
    if found.assurance is not None:
        lines += signing.lines(found.assurance)
    return [
        *lines,
        ("Kunci teks", _keys(found.lost_keys)),
        ("Karantina lampiran", attaching.summary(found.quarantine, asked.timezone)),
        ("Penjaga skema", _guarded(found.guard, asked.timezone)),
        ("Pemeriksaan", _verdict(found.findings)),
    ]


def _instant(instant: datetime | None, zone: ZoneInfo) -> str:
    if instant is None:
        return formats.NOTHING
    local = instant.astimezone(zone)
    return f"{formats.day(local.date())} {local:%H.%M.%S %Z}"


def _keys(lost: list[str]) -> str:
    return terminal.LOST.format(", ".join(lost)) if lost else "baik"


def _guarded(guard: Guard, zone: ZoneInfo) -> str:
    if guard.since is None:
        return f"TIDAK ADA; {terminal.UNGUARDED}"
    told = f"sejak {_instant(guard.since, zone)}, {guard.announced} migrasi diumumkan"
    if guard.sealed > 1:
        told += f", {guard.sealed} kali disegel"
    return f"{told}, {_verdict(guard.findings)}"


def _verdict(findings: list[str] | None) -> str:
    if findings is None:
        return "tidak dilakukan (--check)"
    return "baik" if not findings else f"{len(findings)} temuan"
