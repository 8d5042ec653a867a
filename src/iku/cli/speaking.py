"""The language of the terminal: Indonesian, or English where IKU_LANGUAGE asks for it.

Sentences are translated where they are printed; help texts when a command line is run,
since the commands are made before it is known in which language.
"""

import gettext
import os
from importlib import resources
from inspect import cleandoc
from typing import Any

import click

from iku import settings
from iku.language import Language, translate
from iku.messages import Message

DOMAIN = "iku"  # of the catalog


def language() -> Language:
    """What `IKU_LANGUAGE` asks for; what it cannot mean is refused by `prepare`."""
    try:
        return settings.language(os.environ)
    except settings.SettingsError:
        return Language.INDONESIAN


def spoken(sentence: str) -> str:
    """*sentence* in the language of the terminal."""
    return translate(sentence, language())


def prepare(commands: click.Command) -> None:
    """Let click and the help of *commands* speak that language.

    Raises:
        SettingsError: `IKU_LANGUAGE` names no language there is.
    """
    chosen = settings.language(os.environ)
    # Click asks gettext, which asks this variable before all others.
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
        for below in command.commands.values():
            _translate(below)


def _translate_one(of: Any, name: str) -> None:
    if said := help_of(of, name):
        setattr(of, name, spoken(said))


def help_of(of: Any, name: str = "help") -> str:
    """What the help says of a command or option, as a message; empty: nothing.

    Help texts of commands are their docstrings, whose lines end where the English does.
    """
    said: str | None = getattr(of, "said", None) or getattr(of, name, None)
    if not said or isinstance(said, Message):
        return said or ""
    paragraphs = cleandoc(said).split("\n\n")
    plain = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    return Message(plain.replace("{", "{{").replace("}", "}}"))


# What click says by itself, looked up in the catalog by gettext.
CLICK = (
    "Usage:",
    "Options",
    "Commands",
    "Show this message and exit.",
    "Show the version and exit.",
    "default: {default}",
    "Missing command.",
    "Missing argument",
    "Missing option",
    "Missing parameter",
    "No such option {name!r}.",
    "No such command {name!r}.",
    "Option {name!r} does not take a value.",
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "Could not open file {filename!r}: {message}",
    "{value} is not in the range {range}.",
    "{value!r} is not a valid {number_type}.",
    "{name} {filename!r} does not exist.",
    "{name} {filename!r} is a directory.",
    "{name} {filename!r} is not readable.",
    "Choose from:\n\t{choices}",
    "file",
    "directory",
    "path",
    "Aborted!",
)
