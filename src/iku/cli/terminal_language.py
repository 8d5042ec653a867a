"""The language of the terminal: Indonesian, or English if IKU_LANGUAGE selects it.

Messages are translated where they are printed. Help texts are translated when a command
line is run, because the commands are defined before the language is known.
"""

import gettext
import os
from importlib import resources
from inspect import cleandoc
from typing import Any

import click

from iku import settings
from iku.cli.lazy_commands import LazyCommands
from iku.exchange.formats import Bilingual, Formats
from iku.language import Language, translate
from iku.messages import Message

DOMAIN = "iku"  # the gettext domain of the catalog


def language() -> Language:
    """The language in `IKU_LANGUAGE`; Indonesian if it is invalid."""
    try:
        return settings.language(os.environ)
    except settings.SettingsError:
        return Language.INDONESIAN


formats = Formats(language)


def translated(said: str | Bilingual) -> str:
    """A message, or a sentence in both languages, in the terminal's language."""
    if isinstance(said, str):
        return translate(said, language())
    return formats.sentence(said)


def prepare(commands: click.Command) -> None:
    """Set the language of the terminal for click and for the help of *commands*.

    Raises:
        SettingsError: `IKU_LANGUAGE` names an unknown language.
    """
    chosen = settings.language(os.environ)
    # Click translates through gettext, in which this variable has precedence.
    os.environ["LANGUAGE"] = chosen
    with resources.as_file(resources.files("iku") / "locale") as folder:
        gettext.bindtextdomain(DOMAIN, str(folder))
    gettext.textdomain(DOMAIN)
    if chosen is not Language.ENGLISH:
        _translate(commands)


def _translate(command: click.Command) -> None:
    for sentence in ("help", "short_help"):
        _translate_one(command, sentence)
    for parameter in command.params:
        _translate_one(parameter, "help")
    if isinstance(command, click.Group):
        below = command.commands
        if isinstance(below, LazyCommands):
            below.prepare(_translate)
        else:
            for one in below.values():
                _translate(one)


def _translate_one(of: Any, name: str) -> None:
    if said := help_of(of, name):
        setattr(of, name, translated(said))


def help_of(of: Any, name: str = "help") -> str:
    """The help of a command or option as a message; empty if it has none.

    The help of a command is its docstring, with its line breaks removed.
    """
    said: str | None = getattr(of, "said", None) or getattr(of, name, None)
    if not said or isinstance(said, Message):
        return said or ""
    paragraphs = cleandoc(said).split("\n\n")
    plain = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    return Message(plain.replace("{", "{{").replace("}", "}}"))


# Messages of click, which gettext looks up in the catalog; two are a plural.
CLICK: tuple[str | tuple[str, str], ...] = (
    "Usage:",
    "Options",
    "Commands",
    "Show this message and exit.",
    "Show the version and exit.",
    "default: {default}",
    "required",
    "Error: {message}",
    "Missing command.",
    "Missing argument",
    "Missing option",
    "Missing parameter",
    "No such option {name!r}.",
    "No such command {name!r}.",
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    "Option {name!r} does not take a value.",
    (
        "Option {name!r} requires an argument.",
        "Option {name!r} requires {nargs} arguments.",
    ),
    "Argument {name!r} takes {nargs} values.",
    (
        "Got unexpected extra argument ({args})",
        "Got unexpected extra arguments ({args})",
    ),
    "Missing parameter: {param_name}",
    "Missing {param_type}",
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "Could not open file {filename!r}: {message}",
    "{value} is not in the range {range}.",
    "{value!r} is not a valid {number_type}.",
    "{value!r} is not a valid UUID.",
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    (
        "{value!r} does not match the format {format}.",
        "{value!r} does not match the formats {formats}.",
    ),
    "{name} {filename!r} is a file.",
    "{name} {filename!r} is not writable.",
    "unknown error",
    "{name} {filename!r} does not exist.",
    "{name} {filename!r} is a directory.",
    "{name} {filename!r} is not readable.",
    "Choose from:\n\t{choices}",
    "file",
    "directory",
    "path",
    "Aborted!",
)
