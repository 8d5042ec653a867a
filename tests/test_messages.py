"""Every sentence for users is a message, and the catalog is complete."""

import ast
import io
import pickle
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from babel.messages.catalog import Message as Entry
from babel.messages.pofile import read_po

from iku import messages
from iku.domain.conflict import Category
from iku.domain.decider import Invalid, Refused
from iku.language import translate
from iku.messages import Language, Message, Term, message, plural
from tests import catalog, sources

SOURCE = catalog.SOURCE
# Packages whose refusals are messages.
SPEAKING = (
    *("domain", "ledger", "vault", "postgres", "settings", "strict_json", "parsing"),
    *("agency", "projections", "commands", "queries", "exchange", "app"),
    *("connection", "gateway", "cli", "web", "monitor", "access"),
)
# Errors for programmers, and errors that are always caught.
HEADING = {"exact", "number", "text"}  # constructors of a table's columns
PRINTING = {"say", "echo", "confirm", "progress", "check_equal"}
INTERNAL = {"ValueError", "TypeError", "AssertionError", "LookupError", "KeyError"}


@pytest.fixture(scope="module", autouse=True)
def kept_sources() -> Iterator[None]:
    with sources.kept():
        yield


@cache
def entries() -> list[Entry]:
    po = read_po(io.BytesIO(catalog.PO.read_bytes()), locale="id")
    return [entry for entry in po if entry.id]


def fields(pattern: str) -> set[tuple[str | None, str | None, str | None]]:
    """The parameters of a message, each with its format specification."""
    return {part[1:] for part in Formatter().parse(pattern) if part[1] is not None}


def test_a_message_is_the_english_sentence() -> None:
    said = message("{case} was resolved on {day}", case="K10", day=date(2021, 2, 15))

    assert said == "K10 was resolved on 2021-02-15"
    assert str(said) == f"{said}" == "K10 was resolved on 2021-02-15"
    assert type(str(said)) is str


def test_a_message_keeps_its_id_and_parameters() -> None:
    said = message("{case} was resolved on {day}", case="K10", day=date(2021, 2, 15))

    assert said.id == "{case} was resolved on {day}"
    assert said.values == {"case": "K10", "day": date(2021, 2, 15)}


def test_the_parameter_count_chooses_the_plural_form() -> None:
    one, two = (plural("{count} event", "{count} events", count=n) for n in (1, 2))

    assert (one, two) == ("1 event", "2 events")
    assert one.id == two.id == "{count} event"


def test_equal_words_of_different_contexts_are_different_messages() -> None:
    (status,), (event,) = (
        messages.vocabulary(context, {"x": "resolved"}).values()
        for context in ("status", "event")
    )

    assert status == event == "resolved"
    assert translate(status, Language.INDONESIAN) == "selesai"
    assert translate(event, Language.INDONESIAN) == "diselesaikan"


def test_a_list_is_written_with_commas() -> None:
    assert message("of {these}", these=["a", date(2021, 2, 15)]) == "of a, 2021-02-15"


def test_an_error_gives_the_message_that_it_was_raised_with() -> None:
    said = message("area is {area}", area="X")

    assert messages.error_message(Refused(said)) is said
    assert messages.error_message(Invalid("area", said)) is said
    assert messages.error_message(OSError(2, "away")) == "[Errno 2] away"


def test_programs_get_parameters_in_jsons_types() -> None:
    said = message(
        "{day} {ratio} {of} {term} {several} {inner} {nothing} {count}",
        day=date(2021, 2, 15),
        ratio=Decimal("77.78"),
        of=Category.SARA,
        term=Term("event", "moved_out"),
        several=(Category.SARA, 1),
        inner=message("until {day}", day=date(2021, 3, 1)),
        nothing=None,
        count=3,
    )

    assert messages.parameters(said) == {
        "day": "2021-02-15",
        "ratio": "77.78",
        "of": "sara",
        "term": "moved_out",
        "several": ["sara", 1],
        "inner": {"message": "until {day}", "parameters": {"day": "2021-03-01"}},
        "nothing": None,
        "count": 3,
    }


@pytest.mark.parametrize(
    "said",
    [
        message("of {day}", day=date(2021, 2, 15)),
        plural("{count} event", "{count} events", count=2),
        Term("event", "moved_out"),
        *messages.vocabulary("status", {"x": "resolved"}).values(),
    ],
)
def test_messages_and_terms_can_be_sent_to_another_process(said: str) -> None:
    received = pickle.loads(pickle.dumps(said))  # noqa: S301 - made by this test

    assert received == said
    assert type(received) is type(said)
    if isinstance(said, Message) and isinstance(received, Message):
        assert (received.id, received.values) == (said.id, said.values)
        assert received.context == said.context


def test_every_sentence_of_the_code_is_in_the_catalog_and_no_other_is() -> None:
    in_code = {(one.context or "", one.one) for one in catalog.extracted()}
    in_catalog = {
        (e.context or "", e.id if isinstance(e.id, str) else e.id[0]) for e in entries()
    }

    assert sorted(in_code - in_catalog) == [], "run make messages, and translate"
    assert sorted(in_catalog - in_code) == [], "run make messages"


def test_every_sentence_is_translated_and_none_is_fuzzy() -> None:
    untold = [e.id for e in entries() if not (e.string and all(e.string)) or e.fuzzy]

    assert untold == []


def test_a_translation_has_the_parameters_of_its_sentence() -> None:
    strays = []
    for entry in entries():
        ids = [entry.id] if isinstance(entry.id, str) else [*entry.id]
        strings = [entry.string] if isinstance(entry.string, str) else [*entry.string]
        if any(fields(string) != fields(ids[-1]) for string in strings):
            strays.append((entry.id, entry.string))

    assert strays == []


def test_a_sentence_begins_and_ends_in_both_languages_alike() -> None:
    """Code that joins messages then need not depend on the language."""
    strays = [
        entry.id
        for entry in entries()
        if isinstance(entry.id, str) and isinstance(entry.string, str)
        if entry.id.endswith(".") != entry.string.endswith(".")
        or entry.id[0].isspace() != entry.string[0].isspace()
    ]

    assert strays == []


def test_what_programs_read_is_compiled_from_the_catalog() -> None:
    compiled = catalog.compiled(catalog.kept())

    assert catalog.updated() == catalog.PO.read_bytes(), "run make messages"
    assert catalog.MO.read_bytes() == compiled, "run make messages"


def test_every_parameter_of_a_message_is_given() -> None:
    strays = [
        f"{path.relative_to(SOURCE)}:{call.lineno}"
        for path, tree in catalog.modules().items()
        for call in sources.of_kind(tree, ast.Call)
        if isinstance(call.func, ast.Name)
        if call.func.id in {"message", "plural"}
        if None not in (given := {keyword.arg for keyword in call.keywords})
        for sentence in call.args
        if not isinstance(sentence, ast.Constant)
        or {name for name, _, _ in fields(str(sentence.value))} - given
    ]

    assert strays == []


def test_nothing_is_said_to_people_by_a_bare_string() -> None:
    strays = [
        f"{path.relative_to(SOURCE)}:{line}"
        for room in SPEAKING
        for path in _files(room)
        for line in _bare(sources.parse(path))
    ]

    assert strays == []


def test_the_check_of_bare_strings_finds_them() -> None:
    source = """
        raise Refused(f"{day} is gone")
        raise Invalid("area", "area is not known")
        raise Invalid("area", message("area is not known"))
        raise ValueError("of programs")
        out.say(f"{count} events")
        click.echo("is served", err=True)
        out.say(f"{spoken(total)}: {count}")
        reading.check_equal("last position", place, 1, 2)
        COLUMNS = (exact("Number"), text(message("Title")))
        message("{file}: {reason}", file=file, reason="it is gone")
        def finding(why):
            if why:
                return message("it is gone")
            return f"position {place}: it is damaged"
    """
    lines = ast.parse("if True:" + source)

    assert sorted(_bare(lines)) == [2, 3, 6, 7, 9, 10, 11, 15]


# Indonesian words that no identifier, SQL statement or English sentence contains.
INDONESIAN = re.compile(
    r"\b(yang|tidak|dan|dengan|belum|sudah|adalah|oleh|atau|telah|pada|dari|kasus)\b"
)


def test_no_indonesian_sentence_stands_outside_the_catalog() -> None:
    """Docstrings may quote; examples are texts of a register."""
    strays = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path, tree in catalog.modules().items()
        if path.name != "examples.py"
        for node in _strings(tree)
        if " " in node.value.strip() and INDONESIAN.search(node.value)
    ]

    assert strays == []


def _strings(tree: ast.Module) -> Iterator[Any]:
    """The string constants of a file, without docstrings."""
    alone = {id(node.value) for node in sources.of_kind(tree, ast.Expr)}
    for node in sources.of_kind(tree, ast.Constant):
        if isinstance(node.value, str) and id(node) not in alone:
            yield node


def _files(room: str) -> list[Path]:
    folder = SOURCE / room
    return [*folder.rglob("*.py")] if folder.is_dir() else [SOURCE / f"{room}.py"]


def _bare(tree: ast.Module) -> Iterator[int]:
    """The lines with a heading, a printed or a raised sentence that is no message.

    A sentence may reach people through a parameter of a message, or as the result of a
    function that returns other messages.
    """
    kinds = (ast.Call, ast.FunctionDef, ast.Raise)
    for node in chain.from_iterable(sources.of_kind(tree, kind) for kind in kinds):
        match node:
            case ast.Call(func=ast.Name("message" | "plural"), keywords=given):
                yield from (one.value.lineno for one in given if _is_bare(one.value))
            case ast.FunctionDef():
                yield from _bare_results(node)
            case ast.Raise(exc=ast.Call(func=called, args=args)):
                if ast.unparse(called) not in INTERNAL and any(map(_is_bare, args)):
                    yield node.lineno
            case ast.Call(func=ast.Name(id=name), args=args) if name in HEADING:
                if any(isinstance(one, ast.Constant) for one in args):
                    yield node.lineno
            case ast.Call(func=ast.Attribute(attr=name), args=args) if name in PRINTING:
                if any(map(_is_bare, args)):
                    yield node.lineno
            case _:
                continue


def _bare_results(function: ast.FunctionDef) -> Iterator[int]:
    """The lines that return a bare sentence, if other lines return a message."""
    returned = [
        one.value
        for one in ast.walk(function)
        if isinstance(one, ast.Return) and one.value is not None
    ]
    if any(map(_is_message, returned)):
        yield from (one.lineno for one in returned if _is_bare(one))


def _is_message(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "message"


def _is_bare(node: ast.expr) -> bool:
    match node:
        case ast.JoinedStr(values=parts):
            return any(map(_is_bare, parts))
        case ast.Constant(str(text)):
            said = text.removeprefix("iku: ")
            command = said.startswith("iku ")  # such as `iku history`
            return (
                " " in said and not command and re.search("[A-Za-z]", said) is not None
            )
        case _:
            return False
