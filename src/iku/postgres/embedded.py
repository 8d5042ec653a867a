"""The embedded server: started by the first process that needs it, stopped by the last.

A process that uses the server holds a *lease*, which is a shared `flock` on
`users.lock`. The kernel releases it however the process ends, so a killed process
leaves nothing behind. Starting, joining, restarting and leaving take an exclusive lock
on `gate.lock` first, so that no process sees a server that is not ready.

All files are in `<home>/postgres`: `data`, the socket in `run`, two locks and three
passwords. There is no TCP port.
"""

import errno
import fcntl
import hashlib
import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO
from urllib.parse import quote

from iku.messages import message
from iku.postgres import postmaster, programs
from iku.postgres.programs import PostgresError, Programs

OWNER = "postgres"
APPLICATION = "iku"
SIGNER = "iku_sign"
DATABASE = "iku"
PORT = "5432"  # only part of the socket's file name
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": PORT,
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "synchronous_commit": "on",
}
START_TIMEOUT_S = 120
LONGEST_SOCKET_PATH = 100  # sun_path: 108 bytes on Linux, 104 on macOS
LEAST_FREE_BYTES = 16 << 20  # one segment of the write-ahead log
# pg_ctl puts paths between double quotes for a shell, socket folders are a
# comma-separated list, and postmaster.pid has one value on each line.
UNUSABLE = frozenset('"$`,\n\r')


@dataclass(frozen=True, slots=True)
class Lease:
    """The logins of the server, valid while the lease is held.

    `restart` restarts the server after a crash, and returns whether it did. It may take
    seconds, raises `PostgresError`, and must have returned before the lease ends.
    """

    owner_dsn: str = field(repr=False)
    application_dsn: str = field(repr=False)
    signer_dsn: str = field(repr=False)
    restart: Callable[[], bool] = field(repr=False, default=lambda: False)


@contextmanager
def lease(
    home: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Lease]:
    """The server in `home`: started if it is not running, stopped with the last lease.

    `settings` are PostgreSQL's, and take effect only if this call starts the server.
    The call may take a second, and several seconds the first time.

    Raises:
        PostgresError: The server cannot be started.
    """
    folder = home.absolute() / "postgres"
    _refuse_unusable(folder)
    with ExitStack() as files:
        with _as_postgres_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            gate = files.enter_context((folder / "gate.lock").open("a"))
            users = files.enter_context((folder / "users.lock").open("a"))
            with _exclusive_lock(gate):
                _refuse_other_data_folder(folder / "data")
                cluster = _Cluster(folder, programs.find(folder, folder / "data"))
                # Before opening: a server that starts but cannot admit the application,
                # such as on a full disk, is stopped again.
                files.callback(_release, cluster, gate, users)
                fcntl.flock(users, fcntl.LOCK_SH)
                held = cluster.open(settings)
        yield replace(held, restart=partial(_restart, cluster, gate, settings))


def _refuse_unusable(folder: Path) -> None:
    if found := UNUSABLE.intersection(str(folder)):
        raise PostgresError(
            message(
                "PostgreSQL cannot run in {folder!r}, because the name contains "
                "{characters}; set IKU_HOME to another folder",
                folder=str(folder),
                characters=" ".join(map(repr, sorted(found))),
            )
        )


def _refuse_other_data_folder(data: Path) -> None:
    if data.exists() and not (data / "PG_VERSION").is_file():
        raise PostgresError(
            message(
                "{data} is not a PostgreSQL data folder: PG_VERSION is "
                "missing; restore the missing files, or move the folder "
                "away to start with an empty database",
                data=data,
            )
        )


def _restart(cluster: "_Cluster", gate: IO[str], settings: Mapping[str, str]) -> bool:
    if postmaster.live_process_id(cluster.data) is not None:
        return False
    with _as_postgres_error(cluster.folder), _exclusive_lock(gate):
        # Other holders of a lease notice it, too; the first restarts it for all.
        cluster.start(settings)
    return True


def _release(cluster: "_Cluster", gate: IO[str], users: IO[str]) -> None:
    # BlockingIOError: another process still holds a lease.
    with _exclusive_lock(gate), suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        cluster.stop()


@contextmanager
def _exclusive_lock(gate: IO[str]) -> Iterator[None]:
    fcntl.flock(gate, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(gate, fcntl.LOCK_UN)


@dataclass(frozen=True, slots=True)
class _Cluster:
    folder: Path
    programs: Programs

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def socket_folder(self) -> Path:
        run = self.folder / "run"
        if len(os.fsencode(run / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
            return run
        place = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"iku-{os.geteuid()}-{place}"

    def open(self, settings: Mapping[str, str]) -> Lease:
        """Create the cluster, start the server and create the logins, if missing."""
        owner_password = _load_password(self.folder / f"{OWNER}.password")
        if not self.data.exists():
            self._initialise()
        self._refuse_other_major()
        self.start(settings)
        passwords = {
            login: _load_password(self.folder / f"{login}.password")
            for login in (APPLICATION, SIGNER)
        }
        self._create_logins(owner_password, passwords)
        return Lease(
            owner_dsn=self._dsn(OWNER, owner_password),
            application_dsn=self._dsn(APPLICATION, passwords[APPLICATION]),
            signer_dsn=self._dsn(SIGNER, passwords[SIGNER]),
        )

    def stop(self) -> None:
        """Stop the server; connections are closed, no committed transaction is lost."""
        if postmaster.live_process_id(self.data) is not None:
            self.programs.succeeds(
                "pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "stop"
            )
        if self.socket_folder.parent != self.folder:
            with suppress(OSError):  # absent, or not yet empty
                self.socket_folder.rmdir()

    def _initialise(self) -> None:
        for part in self.folder.glob("data.part-*"):
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)  # a copy of the owner's password
        # A new name each time, since an initdb whose parent was killed may still write
        # to the last one. The rename is atomic, so a crash leaves no partial cluster.
        part = Path(tempfile.mkdtemp(prefix="data.part-", dir=self.folder))
        self.programs.account.chown(part)
        try:
            self._initdb(part)
            part.rename(self.data)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _initdb(self, part: Path) -> None:
        # A file owned by the account, which cannot read this process's files or stdin.
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix="data.part-") as copy:
            copy.write((self.folder / f"{OWNER}.password").read_bytes())
            copy.flush()
            self.programs.account.chown(Path(copy.name))
            self.programs.run(
                "initdb",
                f"--pgdata={part}",
                f"--username={OWNER}",
                f"--pwfile={copy.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--data-checksums",
                "--no-instructions",
            )

    def _refuse_other_major(self) -> None:
        data_major = (self.data / "PG_VERSION").read_text().strip()
        program_major = self.programs.major()
        if data_major != program_major:
            raise PostgresError(
                message(
                    "{data} was created by PostgreSQL {data_major}, but this program "
                    "uses PostgreSQL {program_major}; dump it with version "
                    "{data_major} and restore it here",
                    data=self.data,
                    data_major=data_major,
                    program_major=program_major,
                )
            )

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server if it does not accept connections, and wait for it."""
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self._is_answering():
            if time.monotonic() > give_up:
                raise PostgresError(
                    message(
                        "the embedded server does not answer; see {log} for the reason",
                        log=self.log,
                    )
                )
            if postmaster.live_process_id(self.data) is None and self._launch(settings):
                return
            time.sleep(0.02)

    def _is_answering(self) -> bool:
        # The socket decides, because a killed server's pid file may remain.
        return (self.data / "postmaster.pid").exists() and self.programs.succeeds(
            "pg_isready", "-q", "-t", "3", "-h", str(self.socket_folder), "-p", PORT
        )

    def _launch(self, settings: Mapping[str, str]) -> bool:
        """Whether the server was started and accepts connections."""
        run = self.socket_folder
        _create_private_folder(run, self.programs)
        postmaster.remove_stale_process_id(
            self.data / "postmaster.pid", run / f".s.PGSQL.{PORT}.lock"
        )
        wanted = SETTINGS | {"unix_socket_directories": str(run)} | dict(settings)
        options = " ".join(f"-c {k}={shlex.quote(v)}" for k, v in wanted.items())
        began = self.log.stat().st_size if self.log.exists() else 0
        command = ("-D", str(self.data), "-l", str(self.log), "-o", options)
        wait = ("-w", "-t", str(START_TIMEOUT_S))
        started = self.programs.succeeds("pg_ctl", *command, *wait, "start")
        if not started:
            self._raise_start_error(began)
        return started

    def _raise_start_error(self, began: int) -> None:
        said = self.log.read_text(errors="replace")[began:] if self.log.exists() else ""
        # A killed server's children take a moment to exit; the next attempt succeeds.
        if "pre-existing shared memory block" not in said:
            raise PostgresError(
                message(
                    "the embedded server did not start: {reason}",
                    reason=said.strip()[-2000:],
                )
            )

    def _create_logins(self, owner_password: str, passwords: Mapping[str, str]) -> None:
        # The password is set at each start, so that a lost file can be generated again.
        logins = "".join(
            f"""
            select 'create role {login} login'
             where to_regrole('{login}') is null \\gexec
            alter role {login} login password '{password}';
            """
            for login, password in passwords.items()
        )
        self.programs.run_script(
            f"""
            {logins}
            select 'create database {DATABASE} owner {OWNER}'
             where not exists
                   (select from pg_database where datname = '{DATABASE}') \\gexec
            """,
            PGHOST=str(self.socket_folder),
            PGPORT=PORT,
            PGUSER=OWNER,
            PGPASSWORD=owner_password,
            PGDATABASE="postgres",
        )

    def _dsn(self, user: str, password: str) -> str:
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql://{user}:{password}@/{DATABASE}?host={host}&port={PORT}"


def _load_password(path: Path) -> str:
    """The password stored at `path`, generated at first use; mode 0600."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    return path.read_text()


def _create_private_folder(path: Path, ran_by: Programs) -> None:
    if not path.exists():
        path.mkdir(mode=0o700)
        ran_by.account.chown(path)
    uid = os.geteuid() if ran_by.account.uid is None else ran_by.account.uid
    # Another user may have created the path in the temporary folder first.
    if path.is_symlink() or path.stat().st_uid != uid:
        raise PostgresError(
            message(
                "{path} is a link, or belongs to another user than {user}; set "
                "IKU_HOME to another folder",
                path=path,
                user=uid,
            )
        )


@contextmanager
def _as_postgres_error(folder: Path) -> Iterator[None]:
    """Turn an `OSError` about the folder into a `PostgresError` with a remedy."""
    try:
        yield
    except PostgresError as error:
        if "No space left on device" in str(error) or _is_disk_full(folder):
            raise PostgresError(_disk_full_message(folder)) from error
        raise
    except subprocess.TimeoutExpired as error:
        raise PostgresError(
            message(
                "{program} did not finish within {seconds} seconds",
                program=Path(error.cmd[0]).name,
                seconds=round(error.timeout),
            )
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise PostgresError(_disk_full_message(folder)) from error
        raise PostgresError(
            message(
                "user {user} cannot write to {folder} ({reason}: {file}); make it "
                "writable, or set IKU_HOME to another folder",
                folder=folder,
                user=os.geteuid(),
                reason=error.strerror,
                file=error.filename,
            )
        ) from error


def _is_disk_full(folder: Path) -> bool:
    return folder.exists() and shutil.disk_usage(folder).free < LEAST_FREE_BYTES


def _disk_full_message(folder: Path) -> str:
    return message(
        "the disk of {folder} is full; free some space, or set IKU_HOME to another "
        "folder",
        folder=folder,
    )
