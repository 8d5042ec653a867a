"""The server's process id file: liveness, and cleanup after a killed server."""

import os
from pathlib import Path

NO_SUCH_PID = 1 << 22 | 1  # above the largest process id of Linux


def live_process_id(data: Path) -> int | None:
    """Process id of the server of `data`; None if it is dead or the id was reused."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # /proc exists only on Linux
        return pid
    # A killed server remains a zombie until its parent reaps it, which may be never.
    return pid if "(postgres) " in stat and "(postgres) Z" not in stat else None


def remove_stale_process_id(pid_file: Path, socket_lock: Path) -> None:
    """Remove the process id and the socket lock of a dead server.

    PostgreSQL may refuse to start while they exist. The rest of `postmaster.pid` is
    kept: it names the shared memory by which PostgreSQL detects that children of the
    dead server still run.
    """
    socket_lock.unlink(missing_ok=True)
    if not pid_file.exists():
        return
    _, *rest = pid_file.read_text().splitlines() or [""]
    if rest:
        pid_file.write_text("\n".join([str(NO_SUCH_PID), *rest]) + "\n")
    else:
        pid_file.unlink()
