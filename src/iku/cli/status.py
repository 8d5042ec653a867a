"""`iku status`: the database, its contents and its integrity."""

from zoneinfo import ZoneInfo

import click
from msgspec import structs

from iku.app import load_witnesses
from iku.cli import attachments, signer, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.verify import check_with_progress
from iku.exchange import formats
from iku.messages import message
from iku.postgres.schema_guard import Guard
from iku.queries import status as register
from iku.queries.status import IndicatorCounts, RegisterStatus
from iku.settings import Settings


@click.command(short_help="Tell what runs, what it holds, and if it is well.")
@click.option("--check", is_flag=True, help="Verify every record of the log, too.")
@terminal.as_json
def status(*, check: bool, json: bool) -> None:
    """Show the database in use and its contents; --check also verifies the log."""
    asked = terminal.settings()
    found = terminal.run(_look(asked, check=check))
    if json:
        terminal.emit(found)
    else:
        _show(found, asked)
    if found.findings:
        raise CommandFailed(
            message("the ledger does not verify; the first findings are above")
        )
    if found.guard.findings:
        raise CommandFailed(
            message("the guard of the ledger's schema has findings; they are above")
        )


async def _look(chosen: Settings, *, check: bool) -> RegisterStatus:
    async with terminal.owner(chosen) as connection:
        found = await register.status(connection, chosen, load_witnesses(chosen))
        if not check or found.pending:
            return found
        return structs.replace(found, findings=await check_with_progress(connection))


def _show(found: RegisterStatus, asked: Settings) -> None:
    out = tables.Printer()
    out.pairs(_lines(found, asked))
    for finding in (*found.guard.findings, *(found.findings or ())):
        out.say(finding)


def _lines(found: RegisterStatus, asked: Settings) -> list[tuple[str, str]]:
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
    lines += [(code, _definition_counts(of)) for code, of in found.indicators.items()]
    if found.assurance is not None:
        lines += signer.status_lines(found.assurance)
    return [
        *lines,
        ("Kunci teks", _keys(found.lost_keys)),
        ("Karantina lampiran", attachments.summary(found.quarantine, asked.timezone)),
        ("Penjaga skema", _guard_state(found.guard, asked.timezone)),
        ("Pemeriksaan", _verdict(found.findings)),
    ]


def _definition_counts(subject: IndicatorCounts) -> str:
    definitions = formats.number(subject.definitions)
    return f"{definitions} definisi, {formats.number(subject.targets)} target"


def _keys(lost: list[str]) -> str:
    return terminal.LOST.format(", ".join(lost)) if lost else "baik"


def _guard_state(guard: Guard, zone: ZoneInfo) -> str:
    if guard.since is None:
        return f"TIDAK ADA; {terminal.UNGUARDED}"
    since, announced = formats.instant(guard.since, zone), guard.announced
    lines_shown = f"sejak {since}, {formats.number(announced)} migrasi diumumkan"
    if guard.sealed > 1:
        lines_shown += f", {formats.number(guard.sealed)} kali disegel"
    return f"{lines_shown}, {_verdict(guard.findings)}"


def _verdict(findings: list[str] | None) -> str:
    if findings is None:
        return "tidak dilakukan (--check)"
    return "baik" if not findings else f"{formats.number(len(findings))} temuan"
