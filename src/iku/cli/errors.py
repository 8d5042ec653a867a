"""Error handling: every error becomes one sentence and an exit code."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import asyncpg
import click

from iku import messages
from iku.access.api_keys import ApiKeyRefused
from iku.agency import AgencyError
from iku.cli import standard_streams, terminal_language
from iku.cli.standard_streams import OutputClosed
from iku.commands.command import ReadOnlyReplica, StaleVersion
from iku.domain.access import Forbidden
from iku.domain.decider import Refused, SubjectNotFound
from iku.domain.question import InvalidQuestion, UnknownReference
from iku.exchange.archive import UnreadableBackup
from iku.exchange.backup import NotRestorable
from iku.exchange.bundle import BundleWriteError
from iku.exchange.column_mapping import InvalidMapping
from iku.ledger import log
from iku.ledger.appender import Unavailable
from iku.ledger.durable_files import FolderInUse, InsecurePermissions
from iku.ledger.log import (
    KeyReused,
    KnownOnDecreased,
    KnownOnInFuture,
    LeafMismatch,
    VersionConflict,
)
from iku.ledger.note import Malformed
from iku.ledger.record import TooLarge
from iku.ledger.signer_folder import AlarmRaised, SignerNotReady
from iku.ledger.witness import CosignRefused
from iku.ledger.witness_client import WitnessUnavailable
from iku.messages import message
from iku.monitor.finding import MonitorNotReady
from iku.monitor.log_client import InvalidLogAddress
from iku.parsing import ParseError
from iku.postgres.migrations import MigrationError
from iku.postgres.programs import PostgresError
from iku.projections.rebuild import RebuildRunning
from iku.settings import SettingsError
from iku.vault.files import FilesError
from iku.vault.keys import KeysError

DEBUG = "IKU_DEBUG"  # if set: show tracebacks and log messages


class CommandFailed(Exception):
    """The command ends with exit code *code*; the message gives the reason."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


# Errors whose messages are written for the user.
_PLAIN = (
    CommandFailed,
    ParseError,
    InvalidMapping,
    click.ClickException,
    SettingsError,
    PostgresError,
    MigrationError,
    AgencyError,
    Refused,
    ApiKeyRefused,
    InvalidQuestion,
    UnknownReference,
    SubjectNotFound,
    StaleVersion,
    Unavailable,
    RebuildRunning,
    KnownOnInFuture,
    KnownOnDecreased,
    KeyReused,
    LeafMismatch,
    TooLarge,
    InsecurePermissions,
    FolderInUse,
    MonitorNotReady,
    InvalidLogAddress,
    Malformed,
    AlarmRaised,
    SignerNotReady,
    CosignRefused,
    WitnessUnavailable,
    BundleWriteError,
    UnreadableBackup,
    NotRestorable,
    KeysError,
    FilesError,
)


def run(commands: click.Command, arguments: Sequence[str] | None) -> NoReturn:
    """Run the command with these *arguments*, and exit with its exit code."""
    try:
        standard_streams.prepare()
        terminal_language.prepare(commands)
        code = _run(commands, arguments)
        sys.stdout.flush()
    except OutputClosed as error:
        if error.is_broken_pipe:
            sys.exit(standard_streams.READER_GONE)
        _print_error(messages.error_message(error))
        code = 1
    except SettingsError as error:
        _print_error(messages.error_message(error))
        code = 1
    sys.exit(code)


def _run(commands: click.Command, arguments: Sequence[str] | None) -> int:
    """The exit code of the command; errors are reported, except `OutputClosed`."""
    if not os.environ.get(DEBUG):
        # Keeps log messages off standard error.
        logging.getLogger().addHandler(logging.NullHandler())
    try:
        # Without standalone mode, the code of an `Exit` is returned.
        code = commands.main(arguments, prog_name="iku", standalone_mode=False)
    except OutputClosed:
        raise
    except click.exceptions.NoArgsIsHelpError as error:
        standard_streams.say(error.format_message())
        return 2
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "iku"
        fault = _one_line(terminal_language.translated(error.format_message()))
        _print_error(
            message('{fault} (see "{command} --help")', fault=fault, command=command)
        )
        return 2
    except (click.Abort, KeyboardInterrupt):
        _print_error(message("interrupted; the unfinished operation was not recorded"))
        return 130
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        _print_error(message_for(error))
        return error.code if isinstance(error, CommandFailed) else 1
    return code if isinstance(code, int) else 0


def message_for(error: Exception) -> str:
    """The message for *error*, as one sentence without a traceback."""
    match error:
        case Forbidden(proposable=True):
            return message(
                "{error}; you may propose it: --propose REASON",
                error=messages.error_message(error),
            )
        case _ if isinstance(error, _PLAIN):
            told = messages.error_message(error)
        case VersionConflict():
            told = message(
                "the same subject was changed concurrently ({error}); try again",
                error=messages.error_message(error),
            )
        case asyncpg.ReadOnlySQLTransactionError():
            told = messages.error_message(ReadOnlyReplica())
        case asyncpg.PostgresError() if not log.is_unavailable(error, None):
            told = message("the database rejected the statement: {error}", error=error)
        case OSError(filename=str() | bytes()):
            told = message(
                "{file}: {reason}", file=str(error.filename), reason=error.strerror
            )
        case OSError() | asyncpg.PostgresError() | asyncpg.InterfaceError():
            told = message("the database cannot be reached: {error}", error=error)
        case _:
            kind = type(error).__name__
            told = message(
                "internal error: {kind}: {error}; set {variable}=1 to see"
                " the traceback",
                kind=kind,
                error=error,
                variable=DEBUG,
            )
    return told


def _print_error(sentence: str) -> None:
    standard_streams.say(f"iku: {_one_line(terminal_language.translated(sentence))}")


def _one_line(message: str) -> str:
    """*message* on one line, without the full stop."""
    return " ".join(message.split()).removesuffix(".")
