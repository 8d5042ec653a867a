"""The commands in docs/auditing.md have the output that the document shows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import iku_verify
from tests.cli.conftest import Said, Type, environ, files, iku, indonesian

__all__ = ["environ", "files", "iku", "indonesian"]

DOCUMENT = (Path(__file__).parents[1] / "docs" / "auditing.md").read_text()
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
EXIT = re.compile(r"\s+# exit (\d)$")
COMMAND = re.compile(r"\$ (iku(?:-verify)?) (.*?)(?: > (\S+))?$")
POLICY = re.compile(r"```policy\n(.*?)```", re.DOTALL)
KEY = re.compile(r"\S+\+[0-9a-f]{8}\+[\w+/=]+")


class Typed(NamedTuple):
    """A command, its exit code, and lines of its output."""

    program: str
    words: list[str]
    file: str | None  # to which the output is redirected
    code: int
    lines: list[str]


def story() -> list[Typed]:
    found: list[Typed] = []
    for line in "".join(BLOCK.findall(DOCUMENT)).splitlines():
        code = EXIT.search(line)
        if typed := COMMAND.match(EXIT.sub("", line)):
            words = shlex.split(typed[2])
            ends = int(code[1]) if code else 0
            found.append(Typed(typed[1], words, typed[3], ends, []))
        else:
            found[-1].lines.append(line)
    return found


def tells(printed: str, line: str) -> bool:
    """Whether a printed row contains all words of *line*, in order.

    A row may have more cells, and may continue on the lines below.
    """
    rows = re.sub(r"\n {12,}(?=\S)", " ", printed).splitlines()
    words = r"\s.*?".join(map(re.escape, line.split()))
    return any(re.search(words, row) for row in rows)


def verify(words: list[str], folder: Path) -> Said:
    """`iku-verify`, run without the program's environment variables."""
    typed = [sys.executable, "-I", iku_verify.__file__, *words]
    done = subprocess.run(
        typed, cwd=folder, env={}, capture_output=True, text=True, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.usefixtures("indonesian", "files")
def test_the_story_happens_as_it_is_told(iku: Type, tmp_path: Path) -> None:
    told, printed, policy = story(), "", tmp_path / "kebijakan"
    assert len(told) > 30
    assert len([one for one in told if one.program == "iku-verify"]) >= 5
    for program, words, file, code, lines in told:
        watched = {"IKU_WITNESSES": str(policy)} if policy.exists() else {}
        by = iku(*words, **watched) if program == "iku" else verify(words, tmp_path)
        assert by.code == code, (words, by.out, by.err)
        for line in lines:
            assert tells(by.out, line), f"{words}: {line}\n{by.out}"
        if file:
            (tmp_path / file).write_text(by.out)
        printed += by.out
        hand_over(printed, policy)


def hand_over(printed: str, policy: Path) -> None:
    """Write the policy once all keys are known, as through a separate channel."""
    keys = list(dict.fromkeys(KEY.findall(printed)))
    [template] = POLICY.findall(DOCUMENT)
    if len(keys) == 3 and not policy.exists():
        policy.write_text(template.replace("VKEY", "{}").format(*keys))


def test_each_threat_says_what_finds_it_and_when() -> None:
    table = DOCUMENT.partition("| attack | refused by | found by | when | not found |")[
        2
    ]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.partition("\n\n")[0].splitlines()[2:]
    ]
    assert len(rows) > 25
    for attack, refused, found, when, _ in rows:
        assert attack != "–"
        assert (refused, found) != ("–", "–"), attack
        assert when != "–", attack
    assert len({attack for attack, *_ in rows}) == len(rows)


def test_a_row_that_is_not_there_is_not_told() -> None:
    table = (
        f"K01  Judul satu   7  9\nK02  Judul dua    8  9, sebab\n{' ' * 19}dibatalkan\n"
    )

    assert tells(table, "K02 8 9, sebab dibatalkan")
    assert not tells(table, "K01 8")
    assert not tells(table, "K01 9 7")
    assert not tells(table, "K03 8")
