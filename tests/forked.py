"""A fork server for commands: a process that has imported the program forks for each.

Starting Python and importing the program takes half a second, with the web two, and the
suite runs a thousand commands and a hundred servers. The fork server does it once. Each
child has its own arguments, environment, folder, streams and exit code, as any command
has; programs that go on also have a process id, for signals.

``python -m tests.forked SOCKET`` waits for commands on that socket, after it has run
some itself on the database of its environment, because the first run of a command fills
caches and takes twice as long as the second. It learns from its children what they ask
about the types of the schema, so that the next ones do not ask. Tests of variables that
Python itself reads at startup start a new process instead.
"""

import contextlib
import gc
import gettext
import io
import json
import os
import pickle
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from iku.cli.terminal_language import DOMAIN
from iku.language import Language
from tests import introspection

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120.0
UNFLUSHED = 120  # the exit code of Python if it could not flush a stream at exit
IKU = "iku.cli"
REPORT = "report --category sara --dimension agama --title Uji --reporter Ani"
WARMING = (f"{REPORT} --effective-on 2021-02-01", "figure")
ALL = (0, 1, 2)  # no standard stream is closed
MESSAGE_BYTES = 1 << 17
# The executable `iku` for shells; isolated and without site, for a fast start. The
# modules json, os and socket would take longer to import than all else.
SCRIPT = """#!{python} -IS
import posix, sys
from _json import encode_basestring_ascii as quoted
from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, socket
streams = [n for n, one in enumerate((sys.stdin, sys.stdout, sys.stderr)) if one]
words = ",".join(map(quoted, sys.argv[1:]))
how = "utf-8", "surrogateescape"
environ = ",".join(
    quoted(name.decode(*how)) + ":" + quoted(value.decode(*how))
    for name, value in posix.environ.items()
)
asked = quoted({module!r}) + ",[" + words + "],{{" + environ + "}},"
asked += quoted(posix.getcwd()) + "," + str(streams) + ",false"
raw = ("[" + asked + "]").encode()
to = socket(AF_UNIX)
to.connect({at!r})
given = b"".join(number.to_bytes(4, sys.byteorder) for number in streams)
to.sendmsg([len(raw).to_bytes(8, "big")], [(SOL_SOCKET, SCM_RIGHTS, given)])
to.sendall(raw)
answer = b""
while part := to.recv(64):
    answer += part
sys.exit(int(answer))
"""


class Done(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class Process:
    """A program that goes on, used as `subprocess.Popen` is; its streams are text."""

    def __init__(self, asking: socket.socket, pipes: Sequence[int], name: str) -> None:
        self._asking = asking
        self._name = name
        self._heard = b""
        self.stdin = os.fdopen(pipes[0], "w")
        self.stdout, self.stderr = (os.fdopen(number) for number in pipes[1:])
        self.returncode: int | None = None
        self._hear(TIMEOUT_S, 1)
        self.pid = int(self._heard.split()[0])

    def _hear(self, timeout_s: float, lines: int) -> None:
        """Wait for lines from the fork server: the process id, then the exit code."""
        self._asking.settimeout(timeout_s)
        while self._heard.count(b"\n") < lines:
            heard = self._asking.recv(64)
            assert heard, "the fork server has ended"
            self._heard += heard

    def poll(self) -> int | None:
        """The exit code, negative after a signal, or None while the program runs."""
        with contextlib.suppress(BlockingIOError, subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float = TIMEOUT_S) -> int:
        """The exit code, once the program has ended."""
        if self.returncode is None:
            try:
                self._hear(timeout, 2)
            except TimeoutError as error:
                raise subprocess.TimeoutExpired(self._name, timeout) from error
            self.returncode = int(self._heard.split()[1])
        return self.returncode

    def communicate(self, timeout: float = TIMEOUT_S) -> tuple[str, str]:
        """The rest of the output, once the program has ended; killed if it does not."""
        self.stdin.close()
        with ThreadPoolExecutor(2) as threads:
            open_ = [one for one in (self.stdout, self.stderr) if not one.closed]
            reading = [threads.submit(one.read) for one in open_]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            rest = [one.result() for one in reading]
        self.close()
        return (rest[0], rest[1]) if rest else ("", "")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Close the streams."""
        for one in (self.stdin, self.stdout, self.stderr, self._asking):
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the program if it still runs."""
        self.kill()
        self.wait()
        self.close()


class Forker(NamedTuple):
    """A client of the fork server."""

    at: Path

    def _ask(
        self, request: Sequence[Any], streams: Sequence[int], timeout_s: float
    ) -> socket.socket:
        raw = json.dumps(request).encode()
        asking = socket.socket(socket.AF_UNIX)
        asking.settimeout(timeout_s)
        asking.connect(str(self.at))
        socket.send_fds(asking, [len(raw).to_bytes(8, "big")], streams)
        asking.sendall(raw)
        return asking

    def run(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        typed: str = "",
        *,
        output: int | None = None,
        terminal: int | None = None,
    ) -> Done:
        """Run ``iku`` with *arguments* in *folder*, with *typed* as standard input.

        The descriptor *terminal* takes the place of standard input, and *output* that
        of standard output.
        """
        request = [IKU, arguments, dict(environ), str(folder), ALL, False]
        with contextlib.ExitStack() as files:
            streams = [files.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            streams[0].write(typed.encode())
            for stream in streams:
                stream.seek(0)
            numbers = [stream.fileno() for stream in streams]
            numbers[0] = numbers[0] if terminal is None else terminal
            numbers[1] = numbers[1] if output is None else output
            asking = files.enter_context(self._ask(request, numbers, TIMEOUT_S))
            code = int(asking.makefile("rb").read())
            said = []
            for stream in streams[1:]:
                stream.seek(0)
                # Bytes that are not text, as of a workbook, come back by encoding.
                said.append(stream.read().decode(errors="surrogateescape"))
        return Done(code, *said)

    def start(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        folder: Path = ROOT,
        module: str = IKU,
    ) -> Process:
        """Start ``iku``, or ``python -m`` with another *module*, and leave it running.

        It gets the environment *environ*, and no other variables.
        """
        request = [module, arguments, dict(environ), str(folder), ALL, True]
        (read_by_it, typed), (out, output), (err, errors) = (
            os.pipe() for _ in range(3)
        )
        theirs = (read_by_it, output, errors)
        try:
            asking = self._ask(request, theirs, TIMEOUT_S)
        finally:
            for number in theirs:
                os.close(number)
        return Process(asking, (typed, out, err), " ".join([module, *arguments]))

    def program(self, path: Path, module: str = IKU) -> None:
        """Write a script to *path* that runs its arguments through the fork server."""
        script = SCRIPT.format(python=sys.executable, at=str(self.at), module=module)
        path.write_text(script)
        path.chmod(0o755)


@contextmanager
def forking(folder: Path, environ: Mapping[str, str]) -> Iterator[Forker]:
    """A running fork server; it first writes to the database of that environment."""
    at = folder / "forker"
    command = [sys.executable, "-m", "tests.forked", str(at)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, **environ}
    ) as process:
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
    learning, learnt = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(at)
        listening.listen(16)
        os.write(1, b"ready\n")
        while True:
            asking, _ = listening.accept()
            with asking:
                _learn(learning)
                if os.fork() == 0:
                    listening.close()
                    learning.close()
                    _attend(asking, main, learnt)


def _learn(learning: socket.socket) -> None:
    """Take over the answers about types that children have received."""
    with contextlib.suppress(BlockingIOError):
        while True:
            heard = learning.recv(MESSAGE_BYTES, socket.MSG_DONTWAIT)
            introspection._answers.update(pickle.loads(heard))  # noqa: S301 - of a child


def _teach(learnt: socket.socket, known: int) -> None:
    """Send the answers after the first *known* ones to the fork server."""
    new = {
        key: [dict(row) for row in rows]
        for key, rows in [*introspection._answers.items()][known:]
    }
    with contextlib.suppress(OSError):  # several children may send at once
        if new:
            learnt.send(pickle.dumps(new), socket.MSG_DONTWAIT)


def _attend(
    asking: socket.socket,
    main: Callable[[Sequence[str]], None],
    learnt: socket.socket,
) -> None:
    """Run the requested program in this child; never returns.

    The exit code is sent last. The client reads until the socket is closed, which is
    when this process has ended. A program that goes on runs in a child of this process,
    so that an end by a signal is noticed.
    """
    code: Any = 1
    known = len(introspection._answers)
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # A shell starts background processes with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        length, received, _, _ = socket.recv_fds(asking, 8, len(ALL))
        raw = asking.makefile("rb").read(int.from_bytes(length, "big"))
        *request, open_, goes_on = json.loads(raw)
        streams = dict(zip(open_, received, strict=True))
        if goes_on:
            code = f"{_watch(asking, streams, main, request)}\n"
        else:
            code = _become(main, streams, *request)
            _teach(learnt, known)
    finally:
        with contextlib.suppress(BrokenPipeError):  # the test has failed meanwhile
            asking.sendall(str(code).encode())
        os._exit(0)


def _watch(
    asking: socket.socket,
    streams: Mapping[int, int],
    main: Callable[[Sequence[str]], None],
    request: list[Any],
) -> int:
    """Run the program in a child, whose process id is sent; its exit code."""
    child = os.fork()
    if child == 0:
        asking.close()
        code = UNFLUSHED
        try:
            code = _become(main, streams, *request)
            gc.collect()  # warns of what was left open
            sys.stderr.flush()  # standard error of a program that goes on is open
        finally:
            os._exit(code)
    asking.sendall(f"{child}\n".encode())
    for stream in streams.values():
        os.close(stream)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _become(  # noqa: PLR0917 - what a process has
    main: Callable[[Sequence[str]], None],
    streams: Mapping[int, int],
    module: str,
    arguments: list[str],
    environ: dict[str, str],
    folder: str,
) -> int:
    """Run the module as if this process had just been started; its exit code."""
    code: Any = 0
    for number in ALL:
        if number in streams:
            os.dup2(streams[number], number)
            os.close(streams[number])
        else:
            os.close(number)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)
    sys.argv = ["iku", *arguments]
    _open_streams(streams, environ)
    try:
        if module == IKU:
            main(arguments)
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = error.code or 0
    except BaseException:  # noqa: BLE001 - as Python ends
        traceback.print_exc()
        code = 1
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        return UNFLUSHED
    return int(code)


def _open_streams(streams: Mapping[int, int], environ: Mapping[str, str]) -> None:
    """Open the standard streams as Python does; one that is closed is None."""
    opened: dict[int, Any] = dict.fromkeys(ALL)
    for number in streams:
        opened[number] = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115 - they stay open
    sys.stdin, sys.stdout, sys.stderr = opened.values()
    if 1 in streams:
        opened[1].reconfigure(write_through=bool(environ.get("PYTHONUNBUFFERED")))
    if 2 in streams:
        opened[2].reconfigure(errors="backslashreplace", line_buffering=True)


def warm_up(commands: click.Group) -> None:
    """Run some commands in this process, without what `main` changes in a process."""
    for os.environ["IKU_LANGUAGE"] in Language:
        for line in WARMING:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                commands.main(shlex.split(line), "iku", standalone_mode=False)
            assert printed.getvalue()
    gettext.translation(DOMAIN, str(resources.files("iku") / "locale"), ["id"])


if __name__ == "__main__":
    from iku.cli import COMMANDS, commands, main
    from iku.web import app, server

    for command in COMMANDS.values():
        assert command  # it is imported now, which takes longer than to run it
    assert server.__name__  # `iku serve` imports it late
    introspection.share()
    warm_up(commands)
    assembled = app.assemble()  # a server assembles it once, and then connects it
    app.assemble = lambda: assembled
    COMMANDS._loaded.clear()  # a command translates the help of those it loads
    serve(sys.argv[1], main)
