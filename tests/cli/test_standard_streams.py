"""Standard output and error that are closed, full, slow, or a closed pipe."""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from iku.cli import standard_streams
from tests.forked import Forker

pytestmark = pytest.mark.usefixtures("reading")

# A new process, because Python inspects at its start which streams are closed.
COMMAND = (sys.executable, "-m", "iku.cli")
FULL = "/dev/full"
# Output by rich, by click, as bytes, and of click; the last two need no register.
PRINTING = (
    ("figure",),
    ("status",),
    ("figure", "--json"),
    ("explain", "IKU-1", "--as-of", "2021-12-31", "--csv"),
    ("serve", "--port", "0"),
    ("guard",),
    ("--help",),
)


def typed(
    environ: dict[str, str], line: str, program: str = " ".join(COMMAND)
) -> "subprocess.CompletedProcess[str]":
    """The result of *line* in a shell in which ``iku`` is the *program*."""
    return subprocess.run(
        ["sh", "-c", line.replace("iku", program)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SAYS = """
import sys
from iku.cli import standard_streams, tables, terminal
standard_streams.prepare()
print("\\ufeffnomor,surat\\u202efdp.exe \\x9b31m \\xe9 \\U0001f600")
terminal.emit({"judul": "surat\\u202efdp.exe"})
print("\\x1b[1mjudul\\x1b[0m \\x1b[2J\\x07")
sys.stdout.flush()
standard_streams.say("surat\\u202efdp.exe \\x1b[2J")
tables.Printer(stderr=True).pairs([("judul", "surat\\x1b[2J\\u202e")])
"""


def test_what_a_terminal_would_obey_or_not_show_is_written_out() -> None:
    # Older records may contain it; new ones with it are refused.
    said = subprocess.run(
        [sys.executable, "-c", SAYS],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    first, second, third = said.stdout.splitlines()
    # The byte order mark, by which spreadsheets recognise UTF-8, remains.
    assert first == "\ufeffnomor,surat<U+202E>fdp.exe <U+009B>31m \xe9 \U0001f600"
    assert second == '{"judul":"surat\\u202efdp.exe"}'
    # What is bold stays so, and nothing else that a terminal would obey.
    assert third == "\x1b[1mjudul\x1b[0m <U+001B>[2J<U+0007>"
    said_first, said_then = said.stderr.splitlines()
    assert said_first == "surat<U+202E>fdp.exe <U+001B>[2J"
    assert said_then.split() == ["judul", "surat\ufffd[2J\ufffd"]


def test_nothing_is_said_on_standard_error_past_the_escapes() -> None:
    folder = Path(standard_streams.__file__).parent
    for path in folder.glob("*.py"):
        echoed = re.findall(r"click\.echo\([^)]*err=True", path.read_text("utf-8"))
        assert echoed == [], path


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe whose reader has closed it."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_reader_that_goes_away_is_no_error_and_ends_the_command(
    forker: Forker,
    environ: dict[str, str],
    tmp_path: Path,
    unread: int,
    arguments: tuple[str, ...],
) -> None:
    done = forker.run(arguments, environ, tmp_path, output=unread)

    assert (done.code, done.err) == (141, "")


def test_python_reports_no_reader_that_went_away_when_it_exits(
    environ: dict[str, str], unread: int
) -> None:
    done = subprocess.run(
        [*COMMAND, "figure"],
        env=environ,
        stdout=unread,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_what_cannot_be_written_is_one_sentence(
    forker: Forker, environ: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with Path(FULL).open("w") as full:
        done = forker.run(arguments, environ, tmp_path, output=full.fileno())

    assert done.code == 1
    assert done.err == (
        "iku: the output could not be written: No space left on device; "
        "recorded events are kept\n"
    )


@pytest.mark.usefixtures("writing")
def test_what_was_recorded_stays_though_nobody_could_be_told(
    iku: Any,
    forker: Forker,
    environ: dict[str, str],
    tmp_path: Path,
    files: dict[str, Path],
) -> None:
    importing = ("import", str(files["target"]))
    with Path(FULL).open("w") as full:
        done = forker.run(importing, environ, tmp_path, output=full.fileno())

    assert done.code == 1
    assert iku("status", "--json").json["size"] == 8


def test_with_standard_output_closed_nothing_is_begun(
    iku: Any, environ: dict[str, str], files: dict[str, Path]
) -> None:
    done = typed(environ, f"iku import {files['target']} >&-")

    assert done.returncode == 1
    assert done.stderr == (
        "iku: standard output is closed; redirect it to /dev/null to discard the "
        "output\n"
    )
    assert iku("status", "--json").json["size"] == 4  # the seed definitions


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("iku figure >/dev/null 2>&- <&-", 0),
        ("iku figure >&- 2>&- <&-", 1),
        ("iku figure >/dev/full 2>/dev/full", 1),
    ],
)
def test_the_exit_code_of_a_new_python_is_the_same_where_nothing_can_be_said(
    environ: dict[str, str], line: str, code: int
) -> None:
    done = typed(environ, line)

    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("iku figure >/dev/null 2>&-", 0),
        ("iku figure >/dev/null 2>&- <&-", 0),
        ("iku figure >&- 2>&- <&-", 1),
        ("iku figure --nonsense 2>&-", 2),
        ("iku figure --nonsense 2>/dev/full", 2),
        ("iku 2>/dev/full", 2),
        ("iku figure IKU-9 2>/dev/full", 1),
        ("iku figure 1</dev/null 2>/dev/null", 1),
    ],
)
def test_the_exit_code_is_the_same_where_streams_are_closed_full_or_read_only(
    forker: Forker, environ: dict[str, str], tmp_path: Path, line: str, code: int
) -> None:
    forker.program(tmp_path / "program")
    done = typed(environ, line, str(tmp_path / "program"))

    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.usefixtures("register")
def test_a_slow_reader_gets_all_of_it(
    forker: Forker, environ: dict[str, str], tmp_path: Path
) -> None:
    asked = ("explain", "IKU-2", "--as-of", "2021-12-31", "--csv")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with ThreadPoolExecutor(1) as threads, os.fdopen(reader, "rb") as pipe:
        running = threads.submit(forker.run, asked, environ, tmp_path, output=writer)
        running.add_done_callback(lambda _: os.close(writer))
        received = pipe.read()

    assert running.result().code == 0
    assert len(received) > 4096
    assert received.count(b"\r\n") == 1 + 40


@pytest.mark.parametrize(
    "arguments",
    [
        "figure --as-of 2021-12-31 --breakdown district",
        "explain IKU-1 --as-of 2021-12-31",
        "series IKU-1 --from 2021-01-31 --to 2021-12-31",
        "difference IKU-1 --as-of 2021-12-31 --against-known-on 2022-01-15",
        "compare IKU-1 --as-of 2021-12-31 --definition 1",
        "replay IKU-1 --as-of 2021-12-31",
        "history K10",
        "status",
        "keys show",
    ],
)
def test_no_line_ends_in_blanks(register: Any, arguments: str) -> None:
    assert lines_with_blanks(register, arguments) == []


@pytest.mark.usefixtures("writing")
def test_no_line_of_the_example_ends_in_blanks(register: Any) -> None:
    assert lines_with_blanks(register, "example") == []


def lines_with_blanks(iku: Any, arguments: str) -> list[str]:
    """The lines of the output that end in blanks."""
    said = iku(*arguments.split())
    assert said.code == 0, said.err
    return [line for line in said.out.splitlines() if line != line.rstrip()]
