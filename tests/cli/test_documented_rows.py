"""The documented rows of two cases agree with the example register."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from asyncpg import Range

from tests.cli.conftest import Type

pytestmark = pytest.mark.usefixtures("reading")

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
PICTURE = (ROOT / "docs" / "data-model.svg").read_text("utf-8")
STATES = """
select status || case when verified then ', verified' else ', not verified' end,
       valid, daterange(known_from, known_to), int8range(position, superseded)
  from projection.state
 where category = 'conflict' and subject = $1
 order by position, valid
"""
CONTRIBUTIONS = """
select valid, daterange(known_from, known_to), int8range(position, superseded),
       coalesce(since::text, '–'), numerator || '/' || denominator
  from projection.contribution
 where subject = $1 and definition = 1
 order by position, valid
"""
ENDLESS = {None, date.max, 2**63 - 1}


def written(value: Any) -> str:
    """The name of a column in the notation of the documents."""
    if not isinstance(value, Range):
        return str(value)
    upper = "∞" if value.upper in ENDLESS else value.upper
    return f"[{value.lower}, {upper})"


async def rows(owner: Any, statement: str, subject: str) -> list[list[str]]:
    found = await owner.fetch(statement, subject)
    return [[written(value) for value in row] for row in found]


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is *heading*."""
    [lines] = re.findall(
        rf"^\| {heading} \|.+\n\|[-|]+\n((?:\| .+\n)+)", ARCHITECTURE, re.MULTILINE
    )
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines.splitlines()
    ]


async def test_the_tables_of_k03_are_its_rows(register: Type, owner: Any) -> None:
    assert table("status") == await rows(owner, STATES, "K03")
    assert table("valid") == await rows(owner, CONTRIBUTIONS, "K03")


async def test_the_picture_of_k10_shows_its_rows(register: Type, owner: Any) -> None:
    shown = re.findall(r'data-row="(.+?)"', PICTURE)

    assert [row.split(" | ") for row in shown] == await rows(owner, STATES, "K10")
    begun = [
        row[3].strip("[").split(",")[0] for row in await rows(owner, STATES, "K10")
    ]
    assert re.findall(r">(\d+) \w+", PICTURE) == [*dict.fromkeys(begun)]
