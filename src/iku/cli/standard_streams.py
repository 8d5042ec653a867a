"""Standard output and standard error with well-defined write errors.

An `OSError` can come from the database as well as from a closed pipe. Therefore a
failed write to standard output raises its own exception, and one to standard error
raises none.
"""

import errno
import io
import os
import re
import select
import sys
from typing import Any, TextIO

from iku.domain import hidden_characters
from iku.messages import message

# The exit code that a shell reports for a process ended by SIGPIPE: 128 + 13.
READER_GONE = 141


class OutputClosed(Exception):
    """Standard output cannot be written.

    `fault` is the error of the write; None if standard output is closed. This is not an
    `OSError`, because click and rich handle that themselves.
    """

    def __init__(self, fault: OSError | None) -> None:
        super().__init__(
            message(
                "standard output is closed; redirect it to /dev/null to discard the "
                "output"
            )
            if fault is None
            else message(
                "the output could not be written: {reason}; recorded events are kept",
                reason=fault.strerror,
            )
        )
        self.fault = fault

    @property
    def is_broken_pipe(self) -> bool:
        """Whether the reader closed the pipe (``iku explain … | head``)."""
        return self.fault is not None and self.fault.errno == errno.EPIPE


class _RawOutput(io.FileIO):
    """The raw standard output, until a write fails."""

    _over = False

    def write(self, content: Any, /) -> int:
        """The number of bytes of *content* that were written.

        Raises:
            OutputClosed: The first write failed. Later writes are discarded, because
                flushing the buffers at exit would report the error again.
        """
        if self._over:
            return len(content)
        try:
            while (taken := super().write(content)) is None:
                # The pipe is full, and another process made it non-blocking.
                select.select([], [self], [])
        except OSError as error:
            self._over = True
            raise OutputClosed(error) from error
        return taken


def prepare() -> None:
    """Prepare the output streams; characters outside their encoding are replaced.

    Raises:
        OutputClosed: Standard output is closed. It must be raised before anything is
            opened: a file or connection would get descriptor 1, and the output.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end
    if sys.stdout is None:
        raise OutputClosed(None)
    sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stdout = _with_write_errors(sys.stdout)


class _EscapingStream(io.TextIOWrapper):
    """A text stream that escapes control characters and invisible characters."""

    def write(self, text: str, /) -> int:
        """The number of characters of *text*, all of which are written."""
        foreign, *own = _OWN.split(text)
        spelt = [hidden_characters.escaped_text(foreign)]
        for mark, after in zip(own[::2], own[1::2], strict=True):
            spelt += [mark, hidden_characters.escaped_text(after)]
        super().write("".join(spelt))
        return len(text)


# The byte order mark of CSV files (`exchange/csv_output.py`), bold and its end.
_OWN = re.compile("(\ufeff|\x1b\\[[01]m)")


def _with_write_errors(given: TextIO) -> TextIO:
    """The stream *given*, whose write errors are raised as `OutputClosed`."""
    output = _RawOutput(given.fileno(), "w", closefd=False)
    return _EscapingStream(
        io.BufferedWriter(output),
        encoding=given.encoding,
        errors="replace",
        line_buffering=bool(given.line_buffering),
    )


def say(sentence: str) -> None:
    """Print *sentence* on standard error; a failure is ignored."""
    try:
        print(hidden_characters.escaped_text(sentence), file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        # Flushing its buffer at exit would fail again, and change the exit code.
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end
