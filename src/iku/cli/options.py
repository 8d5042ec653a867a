"""Options of a command, derived from the Struct of its question or command."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any, TypeAlias

import click
from msgspec import Struct

from iku import labels, parsing
from iku.cli.terminal_language import translated
from iku.domain.indicator import Amendment
from iku.messages import Message, join_sentences, message
from iku.parsing import Field, ParseError

Command: TypeAlias = Callable[..., None]
Pairs: TypeAlias = Collection[tuple[str, str]]  # names, each with a text
MOST_LISTED = 60  # characters of a metavar that lists the values
MOST_VALUES = 15  # listed in a help text


def options(
    struct: type[Struct],
    name: str = "question",
    *,
    arguments: Mapping[str, str] = {},
    given: Mapping[str, Any] = {},
    **defaults: str,
) -> Callable[[Command], Command]:
    """A decorator that adds the options of *struct* to a command.

    The command gets the parsed Struct in the parameter *name*. Each field becomes an
    option; a field in *arguments* becomes a positional argument with that metavar. A
    field in *given* has that fixed value and is neither. *defaults* replace the
    defaults of the Struct.
    """
    known = {n: f for n, f in parsing.struct_fields(struct).items() if n not in given}
    flags = {n: arguments.get(n, flag(n)) for n in known}

    def decorate(command: Command) -> Command:
        @text_options(known, name, arguments, defaults)
        @wraps(command)
        def wrapper(**typed: Any) -> None:
            pairs: Pairs = typed.pop(name)
            command(**{name: parse(struct, pairs, flags, given)}, **typed)

        return wrapper

    return decorate


def text_options(
    known: Mapping[str, Field],
    name: str,
    arguments: Mapping[str, str] = {},
    defaults: Mapping[str, str] = {},
) -> Callable[[Command], Command]:
    """A decorator that adds an option for each of these fields to a command.

    The command gets the typed texts as pairs of name and text, in the parameter *name*.
    A field in *arguments* becomes a positional argument with that metavar.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def wrapper(**typed: Any) -> None:
            pairs = [
                (one.name, text)
                for one in known.values()
                for text in _typed_as_strings(typed.pop(_parameter_name(name, one)))
            ]
            command(**{name: pairs}, **typed)

        for one in reversed([*known.values()]):
            key, default = _parameter_name(name, one), defaults.get(one.attribute)
            if one.name in arguments:
                add = click.argument(key, metavar=arguments[one.name])
            else:
                add = _option(one, key, default)
            wrapper = add(wrapper)
        return wrapper

    return decorate


def parse(
    struct: Any,
    pairs: Pairs,
    flags: Mapping[str, str],
    given: Mapping[str, Any],
) -> Any:
    """The *struct* parsed from the texts.

    Raises:
        UsageError: A text is invalid; the message names each fault by its flag.
    """
    try:
        return parsing.parse_texts(struct, pairs, given)
    except ParseError as error:
        raise usage_error(error, flags) from error


def usage_error(error: ParseError, flags: Mapping[str, str]) -> click.UsageError:
    """A usage error that lists the faults, each by its flag."""
    said = []
    for path, rule in error.faults.items():
        name = path.partition("[")[0].partition(".")[0]
        shown = f"{flags.get(name, name)}{path.removeprefix(name)}"
        said.append(message("{path} {rule}", path=shown, rule=rule))
    return click.UsageError(join_sentences(said))


def trial_option(command: Command) -> Command:
    """Add the repeatable option --option NAME=VALUE, passed as *amendment*."""

    @wraps(command)
    def wrapper(**given: Any) -> None:
        amendment = parsing.parse_texts(Amendment, given.pop("named"))
        command(amendment=amendment, **given)

    return click.option(
        "--option",
        "named",
        type=NameValue(),
        multiple=True,
        help="An option of the definition that changes; repeatable.",
    )(wrapper)


class NameValue(click.ParamType[tuple[str, str]]):
    """An option and its value, written name=value."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """*value* as a name and a value, or a usage error."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals:
            fault = message(
                "{value!r} does not have the form name=value", value=str(value)
            )
            self.fail(translated(fault), param, ctx)
        return name.strip(), text.strip()


def flag(name: str) -> str:
    """The command-line flag of the field *name*: ``--known-on``."""
    return f"--{name.replace('_', '-')}"


def _parameter_name(name: str, field: Field) -> str:
    """The field's parameter name in click, unique among the Structs of a command."""
    return f"{name}_{field.attribute}"


def _typed_as_strings(typed: Any) -> tuple[str, ...]:
    """The texts of an option: none, one, several, or ``true`` for a flag."""
    match typed:
        case None | False:
            return ()
        case True:
            return ("true",)
        case str():
            return (typed,)
        case _:
            return tuple(typed)


def _option(field: Field, key: str, default: str | None) -> Any:
    # Click converts nothing: the Struct parses all texts and reports every fault.
    option, usual = flag(field.name), default or field.schema.get("default")
    said = _help(field)
    if usual is False:
        return click.option(option, key, is_flag=True, cls=TranslatedOption, said=said)
    if field.required and default is None:
        said = message("{description} [required]", description=said)
    elif usual is not None:
        said = message(
            "{description} [default: {value}]", description=said, value=usual
        )
    if field.is_repeatable:
        said = message("{description} Repeatable.", description=said)
    return click.option(
        option,
        key,
        default=default,
        metavar=_metavar(field),
        multiple=field.is_repeatable,
        cls=TranslatedOption,
        said=said,
    )


class TranslatedOption(click.Option):
    """An option whose help is a message."""

    def __init__(self, names: Sequence[str], said: Message, **given: Any) -> None:
        super().__init__(names, help=str(said).strip(), **given)
        self.said = said


WORDS = {
    "effective_on": "Effective day.",
    "reason": "Reason, stored with the event.",
}


def _help(field: Field) -> Message:
    """The help of an option, with its values if the metavar does not list them."""
    label = labels.FIELDS.get(field.name)
    called = WORDS.get(field.name) or (f"{label.capitalize()}." if label else "")
    said = Message((field.description or called).replace("*", ""))
    values = field.schema.get("items", field.schema).get("enum", ())
    if len(_choices_text(values)) > MOST_LISTED and len(values) <= MOST_VALUES:
        listed = [*map(str, values)]
        return message(
            "{description} One of {values}.", description=said, values=listed
        )
    return said


def _choices_text(values: Collection[str]) -> str:
    return f"[{'|'.join(values)}]"


def _metavar(field: Field) -> str:
    schema = field.schema.get("items", field.schema)
    match schema:
        case {"enum": values}:
            listed = _choices_text(values)
            return listed if len(listed) <= MOST_LISTED else field.name.upper()
        case {"format": "date"}:
            return "YYYY-MM-DD"
        case {"type": "boolean"}:
            return "[true|false]"
        case {"type": "integer"}:
            return "N"
        case _:
            return "TEXT"
