"""A fork server for commands: a process that has imported the program forks for each.

Starting Python and importing the program takes half a second, and the suite runs a
thousand commands. The server does it once. Each child has its own arguments,
environment, folder, streams and exit code, as any command has.

``python -m tests.forked SOCKET DSN`` waits for commands on that socket, after it has
learnt the types of the database. Tests of variables that Python itself reads at startup
start a new process instead.
"""

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120.0
UNFLUSHED = 120  # the exit code of Python if it could not flush a stream at exit
# The executable `iku` for shells; isolated and without site, for a fast start.
SCRIPT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as to:
    to.connect({at!r})
    raw = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(to, [len(raw).to_bytes(8, "big")], [0, 1, 2])
    to.sendall(raw)
    answer = to.makefile("rb").read()
sys.exit(int(answer))
"""


class Done(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class Forker(NamedTuple):
    """A client of the fork server."""

    at: Path

    def run(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        typed: str = "",
        output: int | None = None,
    ) -> Done:
        """Run ``iku`` with *arguments* in *folder*, with *typed* as standard input.

        Standard output is the descriptor *output*, if there is one.
        """
        raw = json.dumps([arguments, dict(environ), str(folder)]).encode()
        with contextlib.ExitStack() as files:
            streams = [files.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            streams[0].write(typed.encode())
            for stream in streams:
                stream.seek(0)
            asking = files.enter_context(socket.socket(socket.AF_UNIX))
            asking.settimeout(TIMEOUT_S)
            asking.connect(str(self.at))
            numbers = [stream.fileno() for stream in streams]
            if output is not None:
                numbers[1] = output
            socket.send_fds(asking, [len(raw).to_bytes(8, "big")], numbers)
            asking.sendall(raw)
            code = int(asking.makefile("rb").read())
            said = []
            for stream in streams[1:]:
                stream.seek(0)
                # Bytes that are not text, as of a workbook, come back by encoding.
                said.append(stream.read().decode(errors="surrogateescape"))
        return Done(code, *said)

    def program(self, path: Path) -> None:
        """Write a script to *path* that runs its arguments through the fork server."""
        path.write_text(SCRIPT.format(python=sys.executable, at=str(self.at)))
        path.chmod(0o755)


@contextmanager
def forking(folder: Path, dsn: str) -> Iterator[Forker]:
    """A running fork server, for commands on the server of *dsn*."""
    at = folder / "forker"
    command = [sys.executable, "-m", "tests.forked", str(at), dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield Forker(at)
        finally:
            process.terminate()


def serve(at: str, main: Callable[[Sequence[str]], None]) -> None:
    """Wait for commands, and fork for each."""
    # Freezing keeps the collector from touching, and so copying, shared memory.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(at)
        listening.listen(16)
        os.write(1, b"ready\n")
        while True:
            asking, _ = listening.accept()
            with asking:
                if os.fork() == 0:
                    listening.close()
                    _attend(asking, main)


def _attend(asking: socket.socket, main: Callable[[Sequence[str]], None]) -> None:
    """Run the requested command in this child; never returns.

    The exit code is sent last. The client reads until the socket is closed, which is
    when this process has ended.
    """
    code: Any = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        length, streams, _, _ = socket.recv_fds(asking, 8, 3)
        raw = asking.makefile("rb").read(int.from_bytes(length, "big"))
        code = _become(main, streams, *json.loads(raw))
    finally:
        asking.sendall(str(code).encode())
        os._exit(0)


def _become(
    main: Callable[[Sequence[str]], None],
    streams: Sequence[int],
    arguments: list[str],
    environ: dict[str, str],
    folder: str,
) -> int:
    """Run the command as if this process had just been started; its exit code."""
    code: Any = 0
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)
    sys.argv = ["iku", *arguments]
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115 - as Python opens them
    sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115 - the same
    try:
        main(arguments)
    except SystemExit as error:
        code = error.code or 0
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return UNFLUSHED
    return int(code)


if __name__ == "__main__":
    from iku.cli import COMMANDS, main
    from tests import introspection

    for command in COMMANDS.values():
        assert command  # it is imported now, which takes longer than to run it
    introspection.share()
    asyncio.run(introspection.learn(sys.argv[2]))
    serve(sys.argv[1], main)
