"""Commands without their start: a process that has read the program forks for each.

To start Python and read the program takes half a second, and the suite types a
thousand commands. Here that is done once: a child has its own arguments, environment,
folder, streams and exit code, as any command has.

``python tests/forked.py SOCKET`` waits for commands on that socket. Where Python
itself has to start anew, because of what the environment tells it, a test starts it.
"""

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

TIMEOUT_S = 120.0
# For shells, which look for `iku` on the path; it starts as fast as Python can.
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
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class Forker(NamedTuple):
    """Where the process that forks is spoken to."""

    at: Path

    def run(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        typed: str = "",
    ) -> Done:
        """Type ``iku`` with *arguments* in *folder*, and then what is *typed*."""
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
            socket.send_fds(asking, [len(raw).to_bytes(8, "big")], numbers)
            asking.sendall(raw)
            code = int(asking.makefile("rb").read())
            said = []
            for stream in streams[1:]:
                stream.seek(0)
                said.append(stream.read().decode())
        return Done(code, *said)

    def program(self, path: Path) -> None:
        """Write a script to *path* that has what it is asked for carried out."""
        path.write_text(SCRIPT.format(python=sys.executable, at=str(self.at)))
        path.chmod(0o755)


@contextmanager
def forking(folder: Path) -> Iterator[Forker]:
    """A process that forks for commands, until the end."""
    at = folder / "forker"
    command = [sys.executable, str(Path(__file__)), str(at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield Forker(at)
        finally:
            process.terminate()


def serve(at: str, main: Callable[[Sequence[str]], None]) -> None:
    """Wait for commands, and fork for each."""
    # What was read stays as it is: children share the memory.
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
    """Fork for what is asked, wait for its end and tell its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(asking, 8, 3)
    raw = asking.makefile("rb").read(int.from_bytes(length, "big"))
    child = os.fork()
    if child == 0:
        asking.close()
        arguments, environ, folder = json.loads(raw)
        _become(streams, arguments, environ, folder, main)
    _, status = os.waitpid(child, 0)
    asking.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(
    streams: Sequence[int],
    arguments: list[str],
    environ: dict[str, str],
    folder: str,
    main: Callable[[Sequence[str]], None],
) -> None:
    """Be the command, as if it had just been started; never returns."""
    code: Any = 1
    try:
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
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    from iku.cli import main

    serve(sys.argv[1], main)
