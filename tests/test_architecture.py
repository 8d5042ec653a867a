"""Imports run one way: each package imports only the packages listed for it here."""

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import sources
from tests.sources import nodes

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "iku"

FLOOR_0 = {"domain", "ledger", "vault", "postgres", "settings", "strict_json"}
FLOOR_0 |= {"parsing", "messages", "setting_values"}
FLOOR_1 = {"text_reading", "streams", "labels", "language", "projections", "agency"}
FLOOR_1 |= {"monitor", "rights_check"}
FLOOR_2 = {
    "commands",
    "queries",
    "single_statement_append",
}  # these do not import each other
FLOOR_3 = {"exchange", "app", "connection", "gateway", "access"}
MAY_IMPORT: dict[str, set[str]] = {
    "messages": set(),
    "domain": {"messages"},
    "ledger": {"messages"},
    "vault": {"ledger", "messages"},
    "setting_values": {"messages"},
    "settings": {"setting_values", "messages"},
    "strict_json": {"messages"},
    "parsing": {"strict_json", "messages"},
    "postgres": {"settings", "messages"},
    "monitor": {"ledger", "settings", "messages"},
    "agency": {"domain", "strict_json", "messages"},
    "text_reading": {"domain", "ledger", "vault"},
    "labels": {"domain", "ledger", "messages"},
    "language": {"labels", "messages"},
    "streams": {"domain", "ledger", "vault", "text_reading"},
    "projections": {"domain", "ledger", "messages"},
    "rights_check": {"domain", "ledger", "messages"},
    # Decisions do not read projections.
    "commands": {"domain", "ledger", "vault", "text_reading", "streams", "messages"},
    "single_statement_append": {"domain", "ledger", "vault", "projections"},
    "queries": {
        *("domain", "ledger", "vault", "postgres", "settings", "messages"),
        *("text_reading", "streams", "projections", "language"),
    },
    "access": {
        *("domain", "ledger", "vault", "postgres", "settings", "strict_json"),
        *("messages", "commands", "queries"),
    },
    "exchange": FLOOR_0 | FLOOR_1 | FLOOR_2,
    "app": FLOOR_0 | FLOOR_1 | FLOOR_2 | {"access"},
    "connection": {"app", "ledger", "messages", "postgres", "queries"},
    "gateway": {
        *("app", "commands", "connection", "domain", "language", "messages", "queries"),
    },
    "web": FLOOR_0 | FLOOR_1 | FLOOR_2 | FLOOR_3,
    "cli": FLOOR_0 | FLOOR_1 | FLOOR_2 | FLOOR_3 | {"web"},
}
# `web/`, `cli/` and `exchange/` read the register through `queries/` only, except for
# these modules, each for the given reason.
STORES = (
    "iku.text_reading",
    "iku.streams",
    "iku.vault",
    "iku.projections",
    "iku.ledger.log",
)
READ_BESIDE_QUERIES = {
    "cli/attachments.py": "keeps house among files that no event names; opens none",
    "cli/errors.py": "asks whether an error means that the database is away",
    "cli/keys.py": "changes the keys that texts are sealed under; opens none",
    "cli/rebuild.py": "builds the projections",
    "cli/serve.py": "sweeps files that no event names when the server starts",
    "cli/signer.py": "is the signer's own program, with the signer's rights",
    "exchange/backup.py": "copies the database as it is, texts sealed",
    "exchange/bundle.py": "copies records and proofs; no text is in them",
    "exchange/journal_import.py": "decides and appends in batches of its own",
    "exchange/import_plan.py": "decides in batches of its own",
    "web/api/tree.py": "serves proofs; no text is in them",
}
OPENERS = {
    *("iku.text_reading", "iku.text_reading.read", "iku.text_reading.outcomes"),
    *("iku.vault.store.Vault", "iku.vault.sealing"),
}
OUTSIDERS = {"domain": {"msgspec"}, "ledger": {"msgspec", "asyncpg", "cryptography"}}
IMPURE = ("async ", "await ", ".now(", ".today(", "open(", "time.", "random")


def room(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def rooms() -> list[tuple[str, Path]]:
    files = (path for path in SOURCE.rglob("*.py") if path.parent != SOURCE)
    single = (path for path in SOURCE.glob("*.py") if path.name != "__init__.py")
    return [(room(path), path) for path in (*files, *single)]


@pytest.fixture(scope="module", autouse=True)
def kept_sources() -> Iterator[None]:
    with sources.kept():
        yield


def imports(path: Path) -> Iterator[str]:
    for of in nodes(path, ast.ImportFrom):
        if of.module is not None:
            yield from (f"{of.module}.{name.name}" for name in of.names)
    for node in nodes(path, ast.Import):
        yield from (name.name for name in node.names)


def test_every_room_stands_on_the_map() -> None:
    assert {name for name, _ in rooms()} == set(MAY_IMPORT)


def test_imports_go_down_only() -> None:
    strays = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for here, path in rooms()
        for name in imports(path)
        if name.startswith("iku.")
        if name.split(".")[1] not in MAY_IMPORT[here] | {here, "__version__"}
    ]

    assert strays == []


def test_no_import_is_relative() -> None:
    strays = [
        str(path)
        for _, path in rooms()
        for node in nodes(path, ast.ImportFrom)
        if node.level
    ]

    assert strays == []


def test_the_domain_and_the_ledger_know_few_outsiders() -> None:
    strays = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for here, path in rooms()
        if here in OUTSIDERS
        for name in imports(path)
        if (package := name.split(".")[0]) not in OUTSIDERS[here] | {"iku"}
        if package not in sys.stdlib_module_names
    ]

    assert strays == []


def test_the_auditors_program_is_one_file_of_the_standard_library() -> None:
    strays = {name.split(".")[0] for name in imports(ROOT / "src" / "iku_verify.py")}

    assert strays <= set(sys.stdlib_module_names)


def test_the_domain_has_no_clock_no_file_and_no_loop() -> None:
    strays = [
        f"{path.name}: {word}"
        for here, path in rooms()
        if here == "domain"
        for word in IMPURE
        if re.search(
            rf"(?<![\w.]){re.escape(word)}" if word[0].isalpha() else re.escape(word),
            _code(path),
        )
    ]

    assert strays == []


def test_the_web_and_the_terminal_hold_no_sql() -> None:
    verbs = "select|insert into|update|delete from"
    statement = re.compile(rf"\b({verbs})\s+\w", re.IGNORECASE)
    strays = [
        f"{path.relative_to(SOURCE)}: {text[:40]!r}"
        for here, path in rooms()
        if here in {"web", "cli"}
        for text in _strings(path)
        if statement.match(text.strip())
    ]

    assert strays == []


def test_what_people_and_programs_read_comes_by_queries() -> None:
    beside = {
        str(path.relative_to(SOURCE)): sorted(set(_reads(path)))
        for here, path in rooms()
        if here in {"web", "cli", "exchange"}
        if any(_reads(path))
    }

    assert beside.keys() == READ_BESIDE_QUERIES.keys(), beside


def test_texts_are_opened_for_people_in_one_place() -> None:
    opening = {
        str(path.relative_to(SOURCE))
        for here, path in rooms()
        if here in {"queries", "web", "cli", "exchange"}
        if OPENERS & {*imports(path)}
    }

    assert opening == {"queries/view.py"}


def test_no_vague_noun_names_a_module() -> None:
    vague = {
        *("utils", "common", "core", "base", "helpers", "models"),
        *("schemas", "services", "repositories", "managers"),
    }

    assert {path.stem for _, path in rooms()} & vague == set()


def test_nothing_the_repository_holds_names_a_registry() -> None:
    hosts = ("py" + "pi.org", "python" + "hosted.org", "registry.np" + "mjs")
    kinds = {".py", ".md", ".sql", ".toml", ".lock", ".yml", ".json", ""}
    folders = ("src", "tests", "docs", "migrations", "docker", ".ci")
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in folders:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    strays = [
        str(path)
        for path in files
        if path.suffix in kinds and "__pycache__" not in path.parts
        if any(host in path.read_text(errors="ignore") for host in hosts)
    ]

    assert strays == []


def test_the_errors_that_a_docstring_names_exist() -> None:
    files = [path for _, path in rooms()]
    known = {*dir(builtins), "UsageError"}  # of click, used as click.UsageError
    for path in files:
        known.update(one.name for one in nodes(path, ast.ClassDef))
        known.update(one.name.rpartition(".")[2] for one in nodes(path, ast.alias))

    assert {name for path in files for name in _raised(path)} - known == set()


def _raised(path: Path) -> Iterator[str]:
    """The errors named in the "Raises" sections of the file's docstrings."""
    functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = [
        *nodes(path, ast.FunctionDef),
        *nodes(path, ast.AsyncFunctionDef),
    ]
    for node in functions:
        section = (ast.get_docstring(node) or "").partition("Raises:\n")[2]
        yield from re.findall(r"^    (\w+):", section, re.MULTILINE)


def _reads(path: Path) -> Iterator[str]:
    """The functions and modules of the stores that a file uses, without types."""
    for name in imports(path):
        stored = any(f"{name}.".startswith(f"{store}.") for store in STORES)
        if stored and not name.rpartition(".")[2][0].isupper():
            yield name
    for node in nodes(path, ast.Attribute):
        if node.attr == "vault":
            yield ast.unparse(node)


@cache
def _code(path: Path) -> str:
    """The code of the file without strings and comments."""
    return ast.unparse(_without_strings(ast.parse(path.read_text())))


def _without_strings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return tree


def _strings(path: Path) -> Iterator[str]:
    for node in nodes(path, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
