"""Each requirement of OWASP ASVS 5.0 that accounts must meet has a test.

A test names its requirements in its docstring, or in that of its module: "ASVS 6.2.1"
or "ASVS 3.4.1-8". `python -m tests.access.test_requirements` lists the tests of each.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
_NAMED = re.compile(
    r"(?<![\d.])(\d{1,2})\.(\d{1,2})\.(\d{1,2})(?:-(\d{1,2}))?(?!\.?\d)"
)


class Requirement(NamedTuple):
    """A rule of accounts and access, and the requirements of ASVS that it meets."""

    rule: str
    asvs: tuple[str, ...]


REQUIREMENTS = (
    Requirement(
        "15 to 128 characters of any kind; a password does not expire",
        ("6.2.1", "6.2.5", "6.2.7", "6.2.8", "6.2.9", "6.2.10"),
    ),
    Requirement(
        "common passwords and words of the agency are refused", ("6.2.4", "6.2.11")
    ),
    Requirement(
        "changing a password needs the old one, and ends other sessions",
        ("6.2.3", "7.4.3"),
    ),
    Requirement("a second factor for all, resistant to phishing", ("6.3.3",)),
    Requirement(
        "a code works once, one step early or late", ("6.5.1", "6.5.5", "6.5.8")
    ),
    Requirement("guessing is delayed, and locks nobody out", ("6.1.1", "6.3.1")),
    Requirement("unknown and known users are answered alike", ("6.3.8",)),
    Requirement("no default account", ("6.3.2",)),
    Requirement(
        "an invitation works once, for 24 hours; nobody sets a password for others",
        ("6.4.1", "6.4.6"),
    ),
    Requirement("a lost factor is recovered by another person", ("6.4.4",)),
    Requirement("tokens are random, and stored as hashes", ("7.2.3",)),
    Requirement("a new token at sign-in and step-up", ("7.2.4",)),
    Requirement(
        "sessions end after 30 minutes without use, and after 12 hours",
        ("7.1.1", "7.3.1", "7.3.2"),
    ),
    Requirement(
        "sign-out, suspension and a change of roles act at once, on streams too",
        ("7.4.1", "7.4.2", "8.3.2"),
    ),
    Requirement("sessions are seen and ended", ("7.5.2", "7.4.5")),
    Requirement("weighty acts need a fresh factor", ("7.5.1", "7.5.3")),
    Requirement(
        "each route by role and division, from one table",
        ("8.2.1", "8.2.2", "8.2.3", "8.3.1"),
    ),
    Requirement("two persons", ("2.3.1", "2.3.5")),
    Requirement("cookies", ("3.3.1", "3.3.2", "3.3.3", "3.3.4")),
    Requirement(
        "security headers of every answer",
        (*(f"3.4.{number}" for number in range(1, 9)), "14.3.2"),
    ),
    Requirement("requests of other sites are refused", ("3.5.1", "3.5.3")),
    Requirement(
        "attacks on sign-in by an identity provider",
        ("10.1.2", "10.2.1", "10.5.1", "10.5.2", "10.5.3", "10.5.4"),
    ),
    Requirement(
        "success, failure and refusal are logged, and no secret is",
        ("16.2.1", "16.2.5", "16.3.1", "16.3.2"),
    ),
    Requirement(
        "files: their size, their names and how they are offered",
        ("5.2.1", "5.4.1", "5.4.2"),
    ),
    Requirement("no formulas in CSV", ("1.2.10",)),
    Requirement("only allowed addresses are asked", ("1.3.6",)),
)
# What concerns workbooks: the register reads and writes none. Attachments are neither
# opened nor unpacked, so that their contents are not compared with their type.
LATER = ("5.2.2", "5.2.3")


@cache
def named_requirements() -> dict[str, list[str]]:
    """The tests, by each requirement that their docstrings name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        for name, text in _docstrings(path):
            for requirement in _requirements(text):
                found[requirement].append(f"{path.relative_to(TESTS)}::{name}")
    return found


def _docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """The name of each test of a file, with its docstring and that of the file."""
    text = path.read_text()
    if "ASVS" not in text:
        return
    tree = ast.parse(text)
    shared = ast.get_docstring(tree) or ""
    functions = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    for node in functions:
        if node.name.startswith("test_"):
            own = ast.get_docstring(node) or ""
            yield node.name, "\n".join(one for one in (shared, own) if "ASVS" in one)


def _requirements(text: str) -> Iterator[str]:
    for chapter, section, first, last in _NAMED.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{chapter}.{section}.{number}"


@pytest.mark.parametrize("one", REQUIREMENTS, ids=lambda one: one.rule)
def test_a_requirement_of_accounts_has_a_test(one: Requirement) -> None:
    found = named_requirements()
    assert [name for name in one.asvs if name not in found] == []


def test_what_is_to_come_has_no_test_yet() -> None:
    found = named_requirements()
    assert [name for name in LATER if name in found] == []


def test_a_docstring_names_single_requirements_and_ranges() -> None:
    named = [*_requirements("ASVS 3.4.1-3, 14.3.2; not 169.254.169.254 or 5.0.")]
    assert named == ["3.4.1", "3.4.2", "3.4.3", "14.3.2"]


if __name__ == "__main__":
    by_requirement = named_requirements()
    for number, one in enumerate(REQUIREMENTS, 1):
        print(f"{number}. {one.rule}")  # noqa: T201 - a list for people
        for name in one.asvs:
            print(f"   {name}: {', '.join(by_requirement[name])}")  # noqa: T201
