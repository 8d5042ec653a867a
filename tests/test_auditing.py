"""The story that docs/auditing.md tells happens as it is told, command by command."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.cli.conftest import Type, environ, iku

__all__ = ["environ", "iku"]

DOCUMENT = (Path(__file__).parents[1] / "docs" / "auditing.md").read_text()
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
EXIT = re.compile(r"\s+# exit (\d)$")


class Typed(NamedTuple):
    """A command, the exit code it ends with, and lines that it prints."""

    words: list[str]
    code: int
    lines: list[str]


def story() -> list[Typed]:
    found: list[Typed] = []
    for line in "".join(BLOCK.findall(DOCUMENT)).splitlines():
        if line.startswith("$ iku "):
            code = EXIT.search(line)
            words = shlex.split(EXIT.sub("", line.removeprefix("$ iku ")))
            found.append(Typed(words, int(code[1]) if code else 0, []))
        else:
            found[-1].lines.append(line)
    return found


def tells(printed: str, line: str) -> bool:
    """Whether all words of *line* stand in one row of what is printed, in their order.

    A row may have more cells, and its sentences may go on in the lines below it.
    """
    rows = re.sub(r"\n {12,}(?=\S)", " ", printed).splitlines()
    words = r"\s.*?".join(map(re.escape, line.split()))
    return any(re.search(words, row) for row in rows)


def test_the_story_happens_as_it_is_told(iku: Type) -> None:
    told = story()
    assert len(told) > 20
    for words, code, lines in told:
        said = iku(*words)
        assert said.code == code, (words, said.err)
        for line in lines:
            assert tells(said.out, line), f"{words}: {line}\n{said.out}"


def test_a_row_that_is_not_there_is_not_told() -> None:
    table = (
        f"K01  Judul satu   7  9\nK02  Judul dua    8  9, sebab\n{' ' * 19}dibatalkan\n"
    )

    assert tells(table, "K02 8 9, sebab dibatalkan")
    assert not tells(table, "K01 8")
    assert not tells(table, "K01 9 7")
    assert not tells(table, "K03 8")
