"""`iku status`: what runs, what it holds, and whether it is well."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click
from msgspec import Struct, structs

from iku.app import assurance, load_witnesses
from iku.cli import attaching, signing, tables, terminal
from iku.cli.edge import Failed
from iku.cli.verifying import checked
from iku.exchange import formats
from iku.ledger import log
from iku.ledger.checkpoints import Assurance
from iku.postgres import guarding, migrations
from iku.postgres.guarding import Guard
from iku.postgres.pool import Connection, only_reads
from iku.queries.figures import Figures
from iku.settings import Settings
from iku.vault import store
from iku.vault.files import Files, Quarantine


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
    out = tables.Printer()
    out.pairs(_lines(found, asked))
    for finding in (*found.guard.findings, *(found.findings or ())):
        out.say(finding)


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
        ("Terakhir dicatat", formats.instant(found.recorded_at, asked.timezone)),
    ]
    lines += [(f"  {name}", formats.number(n)) for name, n in found.events.items()]
    lines += [(code, _defined(of)) for code, of in found.indicators.items()]
    if found.assurance is not None:
        lines += signing.lines(found.assurance)
    return [
        *lines,
        ("Kunci teks", _keys(found.lost_keys)),
        ("Karantina lampiran", attaching.summary(found.quarantine, asked.timezone)),
        ("Penjaga skema", _guarded(found.guard, asked.timezone)),
        ("Pemeriksaan", _verdict(found.findings)),
    ]


def _defined(subject: Subject) -> str:
    definitions = formats.number(subject.definitions)
    return f"{definitions} definisi, {formats.number(subject.targets)} target"


def _keys(lost: list[str]) -> str:
    return terminal.LOST.format(", ".join(lost)) if lost else "baik"


def _guarded(guard: Guard, zone: ZoneInfo) -> str:
    if guard.since is None:
        return f"TIDAK ADA; {terminal.UNGUARDED}"
    since, announced = formats.instant(guard.since, zone), guard.announced
    told = f"sejak {since}, {formats.number(announced)} migrasi diumumkan"
    if guard.sealed > 1:
        told += f", {formats.number(guard.sealed)} kali disegel"
    return f"{told}, {_verdict(guard.findings)}"


def _verdict(findings: list[str] | None) -> str:
    if findings is None:
        return "tidak dilakukan (--check)"
    return "baik" if not findings else f"{formats.number(len(findings))} temuan"
