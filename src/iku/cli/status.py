"""`iku status`: the database, its contents and its integrity."""

from zoneinfo import ZoneInfo

import click
from msgspec import structs

from iku import labels
from iku.access import accounts
from iku.access.accounts import AccessCounts
from iku.app import load_witnesses
from iku.cli import attachments, signer, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.terminal_language import formats, translated
from iku.cli.verify import check_with_progress
from iku.domain.access import Mode
from iku.messages import message
from iku.postgres.schema_guard import Guard
from iku.queries import status as register
from iku.queries.status import IndicatorCounts, RegisterStatus, ShapeStatus
from iku.rights_check import RightsCheckResult, check_rights
from iku.settings import Settings

DIFFERENCES = 20  # lines of the schema's shape that are printed


class CheckedStatus(RegisterStatus, frozen=True):
    """The state of the register, with the check of rights and the counts of sign-ins.

    Attributes:
        rights: The result of the check of rights; None means not checked.
        access: Counts of accounts and sign-ins; None if the database is not migrated.
    """

    rights: RightsCheckResult | None = None
    access: AccessCounts | None = None


@click.command(short_help="Show the database, its contents and its health.")
@click.option("--check", is_flag=True, help="Verify every record of the log, too.")
@terminal.as_json
def status(*, check: bool, json: bool) -> None:
    """Show the database in use and its contents; --check also verifies the log.

    --check also verifies that each actor was allowed to record its events. The exit
    code is 1 if the guard of the schema is missing or has findings, if the log does not
    verify, or if an actor was not allowed to record an event.
    """
    asked = terminal.settings()
    found = terminal.run(_read_status(asked, check=check))
    if json:
        terminal.emit(found)
    else:
        _show(found, asked)
    if found.findings:
        raise CommandFailed(
            message(
                "the verification of the ledger failed; the first findings are listed "
                "above"
            )
        )
    if found.rights is not None and found.rights.findings:
        raise CommandFailed(
            message(
                "some actors were not allowed to record their events; the first of "
                "these events are listed above"
            )
        )
    if found.guard.findings:
        raise CommandFailed(
            message(
                "the guard of the ledger's schema has findings, which are listed above"
            )
        )
    if found.guard.since is None and not found.pending:
        raise CommandFailed(
            message(
                "the ledger's schema is not guarded; {remedy}",
                remedy=terminal.UNGUARDED,
            )
        )
    if found.shape is not None and not found.shape.has_acceptable_shape:
        raise CommandFailed(
            message(
                "the schema does not have the shape that this release expects; the "
                "differences are listed above"
            )
        )


async def _read_status(chosen: Settings, *, check: bool) -> CheckedStatus:
    async with terminal.owner_connection(chosen) as connection:
        read = await register.status(connection, chosen, load_witnesses(chosen))
        found = CheckedStatus(**structs.asdict(read))
        if found.pending:
            return found
        counted = await accounts.access_counts(connection)
        found = structs.replace(found, access=counted)
        if not check:
            return found
        return structs.replace(
            found,
            findings=await check_with_progress(connection),
            rights=await check_rights(connection),
        )


def _show(found: CheckedStatus, asked: Settings) -> None:
    out = tables.Printer()
    out.pairs(_lines(found, asked))
    refused = found.rights.findings if found.rights else ()
    for finding in (*found.guard.findings, *(found.findings or ()), *refused):
        out.say(finding)
    for line in found.shape.differences[:DIFFERENCES] if found.shape else ():
        out.say(line)


def _shape_text(shape: ShapeStatus | None) -> str:
    if shape is None:
        return formats.NOTHING
    if shape.found == shape.expected:
        return message("{digest}, as expected", digest=shape.found)
    count = formats.number(len(shape.differences))
    if shape.has_acceptable_shape:
        return message(
            "{digest}, accepted by the signer; {count} lines differ from this release",
            digest=shape.found,
            count=count,
        )
    return message(
        "{digest}; expected: {expected}; {count} lines differ",
        digest=shape.found,
        expected=shape.accepted or shape.expected,
        count=count,
    )


def _lines(found: CheckedStatus, asked: Settings) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = [
        (message("Database"), _database_text(found, asked)),
        (message("Migrations"), ", ".join(found.migrations) or formats.NOTHING),
    ]
    if found.pending:
        return [*lines, (message("Pending"), ", ".join(found.pending))]
    lines.append((message("Mode"), MODES[found.mode]))
    size, last = formats.number(found.size), found.recorded_at
    lines += [
        (message("Size of the log"), message("{count} events", count=size)),
        (message("Last recorded"), formats.instant(last, asked.timezone)),
    ]
    lines += [
        (f"  {translated(labels.SUBJECTS[name])}", formats.number(count))
        for name, count in found.events.items()
    ]
    lines += [
        (code, _definition_counts_text(of)) for code, of in found.indicators.items()
    ]
    if found.access is not None and found.mode is not Mode.LOCAL:
        lines += _access_lines(found.access)
    if found.assurance is not None:
        lines += signer.status_lines(found.assurance)
    return [
        *lines,
        (message("Encryption keys of texts"), _keys_text(found.lost_keys)),
        (
            message("Quarantine of attachments"),
            attachments.summary(found.quarantine, asked.timezone),
        ),
        (message("Guard of the schema"), _guard_text(found.guard, asked.timezone)),
        (message("Shape of the schema"), _shape_text(found.shape)),
        (message("Verification"), _verdict_text(found.findings)),
        (message("Rights"), _rights_text(found.rights)),
    ]


def _access_lines(found: AccessCounts) -> list[tuple[str, str]]:
    """The lines on accounts, sign-in attempts and decrypted texts."""
    number = formats.number
    return [
        (
            message("Accounts that can sign in"),
            message(
                "{enrolled} of {accounts}; active sessions: {sessions}; open "
                "invitations: {invitations}; valid API keys: {api_keys}",
                enrolled=number(found.enrolled),
                accounts=number(found.accounts),
                sessions=number(found.sessions),
                invitations=number(found.invitations),
                api_keys=number(found.api_keys),
            ),
        ),
        (
            message("Passwords and codes entered in the last 24 hours"),
            message(
                "attempts: {attempts}, of which failed: {failures}; names and "
                "addresses that must wait before the next attempt: {delayed}",
                attempts=number(found.attempts),
                failures=number(found.failures),
                delayed=number(found.delayed),
            ),
        ),
        (
            message("Texts decrypted in 24 hours"),
            message(
                "{openings} (an event is counted once per account and hour)",
                openings=number(found.openings),
            ),
        ),
    ]


MODES = {
    Mode.LOCAL: message("local: without accounts, for this machine only"),
    Mode.DEMONSTRATION: message("demonstration: fictional data, never real cases"),
    Mode.ACCOUNTS: message("accounts"),
}


def _database_text(found: RegisterStatus, asked: Settings) -> str:
    kind = (
        message("external server, PostgreSQL {server}", server=found.server)
        if asked.database_url
        else message(
            "embedded in {folder}, PostgreSQL {server}",
            folder=asked.home,
            server=found.server,
        )
    )
    return message("{kind}, replica: read only", kind=kind) if found.replica else kind


def _definition_counts_text(subject: IndicatorCounts) -> str:
    return message(
        "{definitions} definitions, {targets} targets",
        definitions=formats.number(subject.definitions),
        targets=formats.number(subject.targets),
    )


def _keys_text(lost: list[str]) -> str:
    return terminal.lost_keys_message(lost) if lost else message("complete")


def _guard_text(guard: Guard, zone: ZoneInfo) -> str:
    if guard.since is None:
        return message("NONE; {remedy}", remedy=terminal.UNGUARDED)
    told = [
        message(
            "since {instant}, {count} migrations announced",
            instant=formats.instant(guard.since, zone),
            count=formats.number(guard.announced),
        )
    ]
    if guard.sealed > 1:
        told.append(
            message(
                "times that a superuser accepted a changed schema: {count}",
                count=formats.number(guard.sealed),
            )
        )
    return ", ".join(map(translated, [*told, _verdict_text(guard.findings)]))


def _rights_text(found: RightsCheckResult | None) -> str:
    if found is None:
        return message("not done (--check)")
    if found.mode is Mode.LOCAL:
        return message("local: no accounts")
    told = [
        message(
            "{events} events by {accounts} accounts",
            events=formats.number(found.events),
            accounts=formats.number(found.accounts),
        )
    ]
    if found.refused:
        told.append(message("{count} not allowed", count=formats.number(found.refused)))
    else:
        told.append(message("all allowed"))
    if found.unjudged is not None:
        told.append(
            message(
                "not checked from position {position} on, where a newer table of "
                "rights is in force",
                position=found.unjudged,
            )
        )
    return ", ".join(map(translated, told))


def _verdict_text(findings: list[str] | None) -> str:
    if findings is None:
        return message("not done (--check)")
    if not findings:
        return message("no findings")
    return message("{count} findings", count=formats.number(len(findings)))
