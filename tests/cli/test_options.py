"""The options of a command are the fields of its Struct."""

from typing import Annotated, Literal

import click
import pytest
from click.testing import CliRunner
from msgspec import Meta, Struct

from iku.cli.options import options
from iku.domain.period import Kind

pytestmark = pytest.mark.usefixtures("reading")


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    size: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="So many.")] = (
        None
    )
    step: Kind = Kind.YEAR
    kinds: tuple[Literal["ormas", "lsm"], ...] | None = None
    exact: bool = False
    shown_as: str | None = None


@click.command()
@options(Question, arguments={"code": "CODE"}, given={"shown_as": "x"}, step="month")
def ask(question: Question) -> None:
    click.echo(repr(question))


def typed(*words: str) -> str:
    done = CliRunner().invoke(ask, words)
    return done.output if done.exit_code == 0 else f"{done.exit_code}: {done.output}"


def test_what_is_typed_is_the_question() -> None:
    words = ("IKU-1", "--size", "7", "--kinds", "ormas", "--kinds", "lsm", "--exact")
    asked = Question(
        code="IKU-1",
        size=7,
        step=Kind.MONTH,
        kinds=("ormas", "lsm"),
        exact=True,
        shown_as="x",
    )
    assert typed(*words) == f"{asked!r}\n"
    assert "kinds=None, exact=False" in typed("IKU-1")


def test_all_that_does_not_fit_is_named_by_its_option() -> None:
    said = typed("IKU-1", "--size", "-1", "--step", "week", "--kinds", "partai")
    assert said.startswith("2: ")
    for fault in (
        "--size must be a whole number of at least 0, not -1; ",
        "--step must be one of year, half, quadrimester, quarter, month, not ",
        '--kinds must be one of ormas, lsm, not "partai"',
    ):
        assert fault in " ".join(said.split())


def test_the_help_says_what_a_field_is_takes_and_defaults_to() -> None:
    said = " ".join(typed("--help").split())
    assert "CODE" in said
    assert "--size N So many." in said
    assert "--step [year|half|quadrimester|quarter|month] [default: month]" in said
    assert "--kinds [ormas|lsm]" in said
    assert "Repeatable." in said


@pytest.mark.parametrize("word", ["--shown-as", "--code"])
def test_what_is_given_or_an_argument_is_no_option(word: str) -> None:
    assert "No such option" in typed("IKU-1", word, "x")
