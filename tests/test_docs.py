"""Every event, option, indicator, setting, command and route is documented."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args

import click
import pytest
from msgspec import Struct

from iku import agency
from iku.cli import commands
from iku.domain import (
    conflict,
    continuation,
    indicator,
    organisation,
    paper,
    paper_data,
    period,
    publication,
)
from iku.domain.counting import Rule
from iku.domain.fact import Fact
from iku.settings import Settings

ROOT = Path(__file__).parents[1]
REGISTER = (ROOT / "docs" / "register.md").read_text()
README = (ROOT / "README.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()
CLI = (ROOT / "docs" / "cli.md").read_text()


def codes(text: str) -> set[str]:
    """The texts between backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def facts() -> list[type[Fact]]:
    return [
        *get_args(conflict.Event),
        *get_args(organisation.Event),
        *get_args(indicator.Event),
        *get_args(publication.Event),
        *get_args(paper.Event),
        *get_args(paper_data.Event),
    ]


@pytest.mark.parametrize("event", facts())
def test_every_event_type_and_its_fields_are_documented(event: type[Fact]) -> None:
    documented = codes(REGISTER)
    tag = str(event.__struct_config__.tag)

    assert tag in documented
    if tag != "corrected":  # its further fields are those of the corrected event
        assert set(event.__struct_fields__) <= documented


def test_what_a_closing_keeps_of_a_figure_is_documented() -> None:
    assert set(publication.FrozenValue.__struct_fields__) <= codes(REGISTER)


def test_what_a_continued_log_says_is_documented() -> None:
    documented = codes((ROOT / "docs" / "ledger-format.md").read_text())
    fields = set(continuation.Continued.__struct_fields__) - {"effective_on"}

    assert "continued" in documented & codes(REGISTER)
    assert fields <= documented


@pytest.mark.parametrize(
    "options", [indicator.ConflictOptions, indicator.OrganisationOptions]
)
def test_every_option_of_a_definition_is_documented(options: type[Struct]) -> None:
    documented = codes(REGISTER) | {"category", "kinds"}

    assert set(options.__struct_fields__) <= documented


@pytest.mark.parametrize(
    "values",
    [
        *(conflict.Category, conflict.Dimension, conflict.Level, conflict.Manner),
        *(conflict.Phase, conflict.Source, organisation.OrganisationKind),
        *(organisation.LegalBasis, organisation.Activity, indicator.DateBasis),
        *(indicator.CarryOver, indicator.Reopening, indicator.ExpiredRegistration),
        *(indicator.Population, indicator.EmptyRatio, period.Kind),
    ],
)
def test_every_value_is_documented(values: type[conflict.Category]) -> None:
    assert {str(value) for value in values} <= codes(REGISTER)


def test_every_rule_of_an_explanation_is_documented() -> None:
    assert {rule.value for rule in Rule} <= codes(REGISTER)


def test_every_indicator_is_documented() -> None:
    for code in agency.load_seed_definitions(None).indicators:
        assert code in README


def test_every_setting_is_documented() -> None:
    variables = re.findall(
        r"\"(IKU_[A-Z_]+)\"", (ROOT / "src/iku/settings.py").read_text()
    )

    assert len(set(variables)) >= len(fields(Settings))
    assert set(variables) <= codes(CLI)


def walk(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its full name, including those of nested groups."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from walk(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def test_commands_in_groups_are_found_by_their_whole_name() -> None:
    assert {"figure", "verify figure", "verify log"} <= dict(walk(commands)).keys()


def test_every_command_and_its_options_are_documented() -> None:
    for name, command in walk(commands):
        assert f"iku {name}" in CLI
        for option in command.params:
            for flag in option.opts if isinstance(option, click.Option) else ():
                assert flag in CLI or len(flag) == 2, (name, flag)


def test_every_link_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
        if "://" not in link and not (page.parent / link).exists()
    ]

    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub derives them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    words = [re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in words}


def test_every_link_to_a_heading_finds_it() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{page.relative_to(ROOT)}: {link}#{anchor}"
        for page in pages
        for link, anchor in re.findall(r"\]\(([^):#]*)#([^)]+)\)", page.read_text())
        if anchor not in anchors(page.parent / link if link else page)
    ]

    assert dead == []


def test_every_file_that_a_document_names_exists() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    places = (ROOT, ROOT / "src", ROOT / "src" / "iku")
    missing = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        for name in re.findall(r"`([\w./-]+\.(?:py|sql))`", page.read_text())
        if "/x/" not in name and "NNNN" not in name  # forms, not names
        if not any((place / name).exists() for place in places)
    ]

    assert missing == []


def test_the_keys_of_a_record_are_documented() -> None:
    page = (ROOT / "docs" / "ledger-format.md").read_text()
    shown = re.findall(r"^(\{\"actor\".+\})$", page, re.MULTILINE)
    table = page.partition("| key | value |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [*json.loads(shown[0])]


def test_the_requests_of_the_api_page_are_well_formed() -> None:
    bodies = re.findall(r"-d '(\{.*?\})'", API, re.DOTALL)

    assert len(bodies) == 3
    for body in bodies:
        assert json.loads(body)
