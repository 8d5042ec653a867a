"""Commands are imported when they are named."""

import subprocess
import sys

import click
import pytest

from iku.cli import COMMANDS, PLACES, commands
from iku.cli.lazy_commands import LazyCommands


def test_every_command_is_at_its_place() -> None:
    assert list(commands.commands) == list(PLACES)
    for name, command in commands.commands.items():
        assert command.name == name


def test_a_start_of_the_server_imports_no_other_command() -> None:
    code = (
        "import sys\n"
        "from iku.cli import commands\n"
        "commands.commands['serve']\n"
        "print([one for one in sys.modules if one.startswith('iku.cli.')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "iku.cli.serve" in done.stdout
    assert "iku.cli.monitor" not in done.stdout
    assert "iku.cli.account" not in done.stdout


def test_a_change_reaches_commands_that_are_loaded_later() -> None:
    lazy = LazyCommands("iku.cli", {"status": "status:status", "show": "show:show"})
    assert lazy["status"].name == "status"
    changed: list[str | None] = []
    lazy.prepare(lambda command: changed.append(command.name))
    assert changed == ["status"]
    assert lazy["show"].name == "show"
    assert changed == ["status", "show"]


def test_it_is_a_mapping_of_commands() -> None:
    lazy = LazyCommands("iku.cli", {"status": "status:status"})
    lazy["own"] = click.Command("own")
    assert len(lazy) == 2
    assert "own" in lazy
    assert lazy["own"].name == "own"
    del lazy["own"]
    assert list(lazy) == ["status"]
    with pytest.raises(KeyError):
        lazy["own"]
    assert "figure" in COMMANDS
