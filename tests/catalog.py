"""The gettext catalog: extraction of messages from the code, update and compilation.

Messages are the literals in calls of `message`, `plural` and `vocabulary`, those in
calls of `_` in the templates of pages, the values of `x-expects` in schemas, and the
help of the commands. An update adds new messages to
`iku.po` without a translation, and removes messages that the code no longer has.
"""

import ast
import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

from iku.cli import commands, terminal_language
from iku.cli.terminal_language import help_of
from iku.messages import Message
from tests import sources

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "iku"
PO = SOURCE / "locale" / "id" / "LC_MESSAGES" / "iku.po"
MO = PO.with_suffix(".mo")
TEMPLATES = Environment(autoescape=True)
HEADER = [
    ("Project-Id-Version", "iku"),
    ("Language", "id"),
    ("Plural-Forms", "nplurals=1; plural=0;"),
    ("MIME-Version", "1.0"),
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Transfer-Encoding", "8bit"),
]


class Found(NamedTuple):
    """A message in the code; *many* is its plural form."""

    file: str
    one: str
    many: str | None = None
    context: str | None = None


class IndonesianCatalog(Catalog):  # type: ignore[misc]  # babel has no types
    """A catalog whose header has no dates, so that equal catalogs are equal files."""

    mime_headers = property(lambda _: HEADER, lambda _, __: None)


def modules() -> dict[Path, ast.Module]:
    """Every Python file of the program, parsed, in the order of their paths."""
    return {path: sources.parse(path) for path in sorted(SOURCE.rglob("*.py"))}


@cache
def extracted() -> tuple[Found, ...]:
    """Every message of the program, in the order of files."""
    return tuple(_extracted())


def _extracted() -> Iterator[Found]:
    for path, tree in modules().items():
        file = str(path.relative_to(ROOT))
        yield from (Found(file, one, many) for one, many in sentences(tree))
        yield from (Found(file, one, None, context) for context, one in words(tree))
    for path in sorted(SOURCE.rglob("*.html")):
        file = str(path.relative_to(ROOT))
        yield from (Found(file, one) for one in of_template(path.read_text()))
    for said in terminal_language.CLICK:
        one, many = (said, None) if isinstance(said, str) else said
        yield Found("src/iku/cli", one, many)
    for help_ in helps(commands):
        yield Found("src/iku/cli", help_.id, help_.many, help_.context)


def sentences(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """The messages of a file, each with its plural form."""
    calls, dicts = (sources.of_kind(tree, kind) for kind in (ast.Call, ast.Dict))
    for node in (*calls, *dicts):
        match node:
            case ast.Call(func=ast.Name("message"), args=[ast.Constant(str(one)), *_]):
                yield one, None
            case ast.Call(
                func=ast.Name("plural"),
                args=[ast.Constant(str(one)), ast.Constant(str(many)), *_],
            ):
                yield one, many
            case ast.Dict(
                keys=[ast.Constant("x-expects")], values=[ast.Constant(str(one))]
            ):
                yield one, None
            case _:
                continue


def of_template(text: str) -> Iterator[str]:
    """The messages of a template."""
    for call in TEMPLATES.parse(text).find_all(nodes.Call):
        match call:
            case nodes.Call(
                node=nodes.Name(name="_"), args=[nodes.Const(value=str(one))]
            ):
                yield one
            case _:
                continue


def words(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The messages of the vocabularies of a file, each after its context."""
    for node in sources.of_kind(tree, ast.Call):
        match node:
            case ast.Call(
                func=ast.Name("vocabulary"),
                args=[ast.Constant(str(context)), ast.Dict(values=values)],
            ):
                yield from ((context, ast.literal_eval(one)) for one in values)
            case _:
                continue


def helps(command: click.Command) -> Iterator[Message]:
    """What the help of *command*, and of all below it, is put together from."""
    shown = [help_of(command), help_of(command, "short_help")]
    shown += [help_of(parameter) for parameter in command.params]
    for said in shown:
        yield from _parts(said)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from helps(below)


def _parts(said: Any) -> Iterator[Message]:
    if isinstance(said, Message) and said:
        yield said
        for value in said.values.values():
            yield from _parts(value)


def template() -> Catalog:
    """The messages of the program, without translations."""
    catalog = Catalog(charset="utf-8")
    for file, one, many, context in extracted():
        ids = one if many is None else (one, many)
        catalog.add(ids, locations=[(file, 0)], context=context)
    return catalog


def kept() -> Catalog:
    """The catalog in the repository."""
    catalog = IndonesianCatalog(locale="id", charset="utf-8", fuzzy=False)
    for entry in read_po(io.BytesIO(PO.read_bytes()), locale="id"):
        if entry.id:
            catalog.add(
                entry.id,
                entry.string,
                entry.locations,
                entry.flags,
                context=entry.context,
            )
    return catalog


def written(catalog: Catalog) -> bytes:
    """The contents of the `.po` file."""
    file = io.BytesIO()
    write_po(
        file,
        catalog,
        width=88,
        no_location=True,  # locations would change with every renamed file
        sort_output=True,
        ignore_obsolete=True,
    )
    return file.getvalue().rstrip(b"\n") + b"\n"


def compiled(catalog: Catalog) -> bytes:
    """The contents of the `.mo` file."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def updated() -> bytes:
    """The catalog with exactly the messages that the code has."""
    catalog = kept()
    catalog.update(template(), no_fuzzy_matching=True)
    catalog.header_comment = "# Indonesian sentences; `make messages` updates the file."
    return written(catalog)


def main() -> int:
    """Update both files. The exit code is 1 if a translation is missing."""
    with sources.kept():
        PO.write_bytes(updated())
    MO.write_bytes(compiled(kept()))
    missing = [entry.id for entry in kept() if entry.id and not entry.string]
    for one in missing:
        sys.stderr.write(f"no translation: {one}\n")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
