"""The syntax trees of the program, for tests of what its code says.

Each file is parsed once, and its nodes are found by their kind: the program has half a
million of them, and a walk through all takes a third of a second.
"""

import ast
import gc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)


@contextmanager
def kept() -> Iterator[None]:
    """Keep the trees meanwhile, and collect no garbage.

    The collector would visit all nodes again and again, and take longer than the rest.
    """
    gc.disable()
    try:
        yield
    finally:
        parse.cache_clear()
        _by_kind.cache_clear()
        gc.enable()


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of the file."""
    return ast.parse(path.read_text())


def nodes(path: Path, kind: type[Node]) -> list[Node]:
    """The nodes of that kind in the file, in the order of `ast.walk`."""
    return of_kind(parse(path), kind)


def of_kind(tree: ast.Module, kind: type[Node]) -> list[Node]:
    """The nodes of that kind in the tree, in the order of `ast.walk`."""
    found: list[Node] = _by_kind(tree)[kind]  # type: ignore[assignment]
    return found


@cache
def _by_kind(tree: ast.Module) -> dict[type[ast.AST], list[ast.AST]]:
    found: defaultdict[type[ast.AST], list[ast.AST]] = defaultdict(list)
    for node in ast.walk(tree):
        found[type(node)].append(node)
    return found
