"""Commands that are imported when they are named.

A start of the server would otherwise import every command with all that it uses, which
takes a quarter of a second.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from importlib import import_module

import click


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name, each imported from its place at its first use.

    A place is a module of *package* and an attribute, such as ``backup:restore``.
    """

    def __init__(self, package: str, places: Mapping[str, str]) -> None:
        self._package = package
        self._places = dict(places)
        self._loaded: dict[str, click.Command] = {}
        self._on_load: Callable[[click.Command], None] | None = None

    def prepare(self, change: Callable[[click.Command], None]) -> None:
        """Apply *change* to the loaded commands, and to others when they are loaded."""
        self._on_load = change
        for command in self._loaded.values():
            change(command)

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            loaded = getattr(import_module(f"{self._package}.{module}"), attribute)
            self._loaded[name] = loaded
            if self._on_load is not None:
                self._on_load(loaded)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places[name] = ""
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places
