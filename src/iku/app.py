"""The composition root: it opens the parts of the application and connects them.

Only this module chooses the database, the agency and the projections.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

from msgspec import structs

from iku import agency, messages
from iku.access import drafts, text_access_log
from iku.access.audit import AuditTrail, Outcome
from iku.access.secrets import Secrets
from iku.access.task_inbox import TaskInboxes
from iku.access.uploads import Uploads
from iku.agency import AgencyProfile
from iku.commands import accounts, log_continuation, text_erasure
from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.commands.log_continuation import Approval
from iku.commands.text_erasure import ReconciliationResult
from iku.domain.access import AccessRegister, Credentials, Mode, Unauthenticated
from iku.domain.continuation import SUBJECT, Continued
from iku.domain.question import SCALE
from iku.ledger import checkpoint_store, policy
from iku.ledger.appender import AcceptedRequest, Appender
from iku.ledger.checkpoint_store import Assurance
from iku.ledger.log import Reader
from iku.ledger.note import Malformed
from iku.ledger.policy import Policy
from iku.messages import message
from iku.postgres import pool as pools
from iku.postgres.database import (
    Database,
    migrate_database,
    open_database,
    open_migrated_pool,
)
from iku.postgres.pool import Connection, Pool
from iku.projections import backfill, number_index
from iku.queries import health
from iku.queries.figures import Figures
from iku.queries.health import Health
from iku.queries.public_figures import Recounts
from iku.queries.published_editions import PublicationCache
from iku.queries.unverified_participations import UnverifiedParticipations
from iku.queries.view import LOCAL, NOBODY, PUBLIC, View, Viewer
from iku.settings import Settings, SettingsError
from iku.single_statement_append import SingleStatementAppend
from iku.vault.files import Files
from iku.vault.keys import Keys
from iku.vault.store import Vault

ACTOR = "iku"  # actor of the seed definitions


@dataclass(frozen=True, slots=True)
class App:
    """The resources that the application holds while it runs.

    Attributes:
        append: Appends batches of commands with their projections and texts.
        credentials: The account that the command line acts for. None without an API
            key, and in the server, where each request has its own credentials.
        usual: The viewer at the terminal while the register has no accounts.
    """

    settings: Settings
    database: Database
    agency: AgencyProfile
    pool: Pool
    commands: CommandHandler
    append: SingleStatementAppend
    reconciled: ReconciliationResult
    figures: Figures
    audit: AuditTrail
    recounts: Recounts = field(default_factory=Recounts)
    inboxes: TaskInboxes = field(default_factory=TaskInboxes)
    participations: UnverifiedParticipations = field(
        default_factory=UnverifiedParticipations
    )
    witnesses: Policy = field(default_factory=Policy)
    publications: PublicationCache = field(default_factory=PublicationCache)
    uploads: Uploads = field(default_factory=Uploads)
    credentials: Credentials | None = None
    usual: Viewer = LOCAL

    @property
    def vault(self) -> Vault:
        """The vault of the texts."""
        return self.commands.vault

    def view(self, reader: Reader, viewer: Viewer = LOCAL) -> View:
        """The view of *viewer* on the register, read through *reader*.

        The texts that an account opens are recorded. A replica cannot record them, so
        it shows accounts no personal texts.
        """
        if viewer.actor is None or viewer.actor == NOBODY:
            return View(viewer, reader, self.vault, self.commands.today())
        masked = viewer.masked or self.commands.is_read_only
        of = structs.replace(viewer, masked=masked)
        return View(
            of, reader, self.vault, self.commands.today(), text_access_log.record
        )

    async def viewer(
        self, reader: Reader, credentials: Credentials | None, usual: Viewer = LOCAL
    ) -> Viewer:
        """The account of the credentials as a viewer; *usual* if there are no accounts.

        Raises:
            Unauthenticated: The account does not exist.
        """
        register = await self.commands.access_register(reader, credentials)
        return self._viewer(register, credentials, usual)

    def cached_viewer(
        self, credentials: Credentials | None, usual: Viewer = LOCAL
    ) -> Viewer | None:
        """The `viewer` by the cached accounts; None if they must be read first."""
        register = self.commands.cached_access_register(credentials)
        if register is None:
            return None
        return self._viewer(register, credentials, usual)

    def _viewer(
        self, register: AccessRegister, credentials: Credentials | None, usual: Viewer
    ) -> Viewer:
        if credentials is None:
            if register.mode is Mode.ACCOUNTS:
                return structs.replace(PUBLIC, language=usual.language)
            return usual
        actor = register.actor(credentials, self.commands.today())
        if actor is None:
            raise Unauthenticated
        divisions = register.policy.divisions
        return Viewer(actor.account, usual.language, actor, divisions)

    async def terminal_viewer(
        self, reader: Reader, credentials: Credentials | None
    ) -> Viewer:
        """The viewer at the terminal of the server, as `viewer`.

        Without an API key the user reads everything except the texts, once there are
        accounts.
        """
        found = await self.viewer(reader, credentials)
        if found.actor == NOBODY:
            return structs.replace(LOCAL, masked=True)
        return found

    async def health(self, view: View) -> Health:
        """The state of the register."""
        return await health.health(view, self.witnesses, self.settings.signer_home)

    async def assurance(self, reader: Reader) -> Assurance:
        """The signatures and cosignatures that cover the log."""
        home = self.settings.signer_home
        return await health.assurance(reader, self.witnesses, home)


@asynccontextmanager
async def migrate_and_open(settings: Settings) -> AsyncIterator[App]:
    """The application after migration and seeding, open while the context lasts."""
    async with (
        open_database(settings) as database,
        await open_migrated_pool(database, settings.pool_size) as pool,
        _assembled(settings, database, pool) as app,
    ):
        yield app


@asynccontextmanager
async def open_app(settings: Settings, database: Database) -> AsyncIterator[App]:
    """The application on a migrated database, open while the context lasts."""
    async with (
        await pools.create_pool(database.application_dsn, settings.pool_size) as pool,
        _assembled(settings, database, pool) as app,
    ):
        yield app


@asynccontextmanager
async def _assembled(
    settings: Settings, database: Database, pool: Pool
) -> AsyncIterator[App]:
    ours = agency.load_agency(settings.agency)
    witnesses = load_witnesses(settings)
    vault = _vault(settings)
    connect = partial(pools.connect, database.application_dsn)
    zone = settings.timezone
    once = SingleStatementAppend(vault, zone, drafts.erase)
    async with Appender(
        connect,
        zone=zone.key,
        project=once.project,
        admit=number_index.assign_numbers,
        at_once=once.append,
    ) as appender:
        replica = await pools.is_read_only(pool)
        figures = Figures()
        trail = AuditTrail(Secrets(settings.keys_folder, partial(_today, settings)))
        commands = CommandHandler(
            appender,
            zone,
            ours.area_codes,
            vault,
            figures=figures.answer,
            is_read_only=replica,
            prepare=partial(backfill.backfill_definition, connect),
            changed=partial(_record_change, trail),
        )
        reconciled = ReconciliationResult(0, 0)
        # The primary maintains what a replica holds. A replica must not sweep files:
        # the events of new files may not have been replicated yet.
        if not replica:
            async with pool.acquire() as connection:
                await vault.replace_lost_epoch(connection)
                # Before the first read, because the database may be an old backup.
                reconciled = await text_erasure.reconcile(commands, connection)
            await seed_definitions(
                commands, pool, agency.load_seed_definitions(settings.agency)
            )
            async with pool.acquire() as connection:
                await accounts.renew_rights(
                    commands, connection, ours.division_ownership
                )
        yield App(
            settings,
            database,
            ours,
            pool,
            commands,
            once,
            reconciled,
            figures,
            trail,
            witnesses=witnesses,
        )


async def continue_log(
    settings: Settings, raw: bytes, approval: Approval, actor: str
) -> Continued:
    """Continue the log without events that a restore lost; return the recorded event.

    *raw* is the last checkpoint of the old log. No other event is recorded before this
    one, not even new seed definitions. In the mode `accounts`, the actor of the event
    is the program itself.

    Raises:
        Refused: No event is lost, or the checkpoint or the kept events do not verify.
    """
    vault = _vault(settings)
    steps = SingleStatementAppend(vault, settings.timezone, drafts.erase)

    async def project(
        connection: Connection, accepted: Sequence[AcceptedRequest]
    ) -> None:
        log_continuation.refuse_if_log_grew(accepted)
        await steps.project(connection, accepted)

    async with open_database(settings) as database:
        await migrate_database(database)
        connect = partial(pools.connect, database.application_dsn)
        zone = settings.timezone
        async with (
            await pools.create_pool(database.application_dsn, 1) as pool,
            Appender(connect, zone=zone.key, project=project) as appender,
        ):
            commands = CommandHandler(appender, zone, frozenset(), vault)
            await vault.replace_lost_epoch(pool)
            known = [party.key for party in load_witnesses(settings).logs]
            known += [key.key for key in await checkpoint_store.log_keys(pool)]
            signed = log_continuation.verify_checkpoint(raw, known)
            proposed = await log_continuation.build_continuation(
                pool, signed, raw, approval, commands.today()
            )
            register = (await commands.access.cached(pool)).value
            by = actor if register.mode is Mode.LOCAL else ACTOR
            await commands.handle(pool, Command("ledger", SUBJECT, proposed, by))
            return proposed


def load_witnesses(settings: Settings) -> Policy:
    """The witnesses that are asked to cosign, and the quorum; empty if none are set.

    Raises:
        SettingsError: The file is malformed.
    """
    if settings.witnesses is None:
        return Policy()
    try:
        return policy.parse(settings.witnesses.read_bytes(), complete=False)
    except Malformed as error:
        raise SettingsError(
            message("IKU_WITNESSES: {error}", error=messages.error_message(error))
        ) from error


def _record_change(trail: AuditTrail, command: Command, result: CommandResult) -> None:
    """Record a change of rights, or a step of a proposal, in the audit trail."""
    named = command.proposed.__struct_config__.tag
    what = str(named or type(command.proposed).__name__).lower()
    account = command.credentials.account if command.credentials else command.actor
    trail.record(Outcome.CHANGED, what, account=account, about=result.receipt.stream)


def _vault(settings: Settings) -> Vault:
    files = Files(settings.attachments_folder)
    return Vault(Keys(settings.keys_folder), files, lambda: _today(settings))


def _today(settings: Settings) -> date:
    return datetime.now(settings.timezone).date()


async def seed_definitions(
    commands: CommandHandler, pool: Pool, brought: agency.SeedDefinitions
) -> None:
    """Record the program's definitions and scale, unless they are already recorded."""
    subjects = [
        *(("indicator", code, new) for code, new in brought.indicators.items()),
        ("scale", SCALE, brought.scale),
    ]
    seeds = [
        Command(category, subject, proposed, ACTOR, known_on=brought.known_on)
        for category, subject, proposed in subjects
    ]
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "select stream from ledger.stream where stream = any($1::text[])",
            [command.stream for command in seeds],
        )
        there = {row["stream"] for row in rows}
        for command in seeds:
            if command.stream not in there:
                await commands.handle(connection, command)
