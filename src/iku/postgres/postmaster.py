"""The server's number in its files: whether it lives, and what a dead one leaves."""

import os
from pathlib import Path

NO_SUCH_PID = 1 << 22 | 1  # above the largest number Linux gives to a process


def living(data: Path) -> int | None:
    """The living server of `data`; None also if its number went to another program."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # no such file system outside Linux
        return pid
    # A killed server stays a zombie until somebody reaps it, which may be never.
    return pid if "(postgres) " in stat and "(postgres) Z" not in stat else None


def disown(pid_file: Path, socket_lock: Path) -> None:
    """Take a dead server's number out of its files, or PostgreSQL may refuse to start.

    The rest of `postmaster.pid` stays: by the shared memory it names PostgreSQL sees
    whether children of the dead server still run.
    """
    socket_lock.unlink(missing_ok=True)
    if not pid_file.exists():
        return
    _, *rest = pid_file.read_text().splitlines() or [""]
    if rest:
        pid_file.write_text("\n".join([str(NO_SUCH_PID), *rest]) + "\n")
    else:
        pid_file.unlink()
