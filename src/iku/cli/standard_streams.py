"""Standard output and error, as the commands may rely on them.

An `OSError` may come from the database as well as from where it is printed to. So
standard output is given a type of error of its own, and standard error has none.
"""

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from iku.domain import hidden_characters

# What a shell tells of a program that SIGPIPE ended: 128 and the signal's number.
READER_GONE = 141


class OutputClosed(Exception):
    """Standard output takes no more: `fault` says why, None that it is closed.

    Never an `OSError`: click and rich would each take it for theirs.
    """

    def __init__(self, fault: OSError | None) -> None:
        super().__init__(
            "standard output is closed; send it to /dev/null to see nothing"
            if fault is None
            else "the output could not be written, but what was recorded stays: "
            f"{fault.strerror}"
        )
        self.fault = fault

    @property
    def reader_is_gone(self) -> bool:
        """Whether whoever read it has seen enough (``iku explain … | head``)."""
        return self.fault is not None and self.fault.errno == errno.EPIPE


class _Output(io.FileIO):
    """Where standard output goes, until it takes no more."""

    _over = False

    def write(self, content: Any, /) -> int:
        """How many bytes of *content* were taken.

        Raises:
            OutputClosed: None, and this is the first time. Afterwards all are taken and
                dropped, or what is left in buffers would be told of again at exit.
        """
        if self._over:
            return len(content)
        try:
            while (taken := super().write(content)) is None:
                select.select([], [self], [])  # full, and shared with who never waits
        except OSError as error:
            self._over = True
            raise OutputClosed(error) from error
        return taken


def prepare() -> None:
    """Prepare the output streams; characters that a terminal lacks are replaced.

    Raises:
        OutputClosed: Standard output is closed. Raised first, because a file or
            connection opened later would get its number and thus the output.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end
    if sys.stdout is None:
        raise OutputClosed(None)
    sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stdout = _reporting(sys.stdout)


class _Marking(io.TextIOWrapper):
    """A text stream that writes out what a terminal would obey or not show."""

    def write(self, text: str, /) -> int:
        """How many characters of *text* were taken: all."""
        super().write(_MARK.join(map(hidden_characters.marked, text.split(_MARK))))
        return len(text)


_MARK = "\ufeff"  # begins CSV files (`exchange/csv_output.py`)


def _reporting(given: TextIO) -> TextIO:
    """*given*, but its errors are told as `OutputClosed`."""
    output = _Output(given.fileno(), "w", closefd=False)
    return _Marking(
        io.BufferedWriter(output),
        encoding=given.encoding,
        errors="replace",
        line_buffering=bool(given.line_buffering),
    )


def say(sentence: str) -> None:
    """Print it on standard error; where that cannot be, the exit code says enough."""
    try:
        print(hidden_characters.marked(sentence), file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        # What it has kept would be tried again at exit, and change the exit code.
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end
