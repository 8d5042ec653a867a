"""Mappings of columns, kept by name as files of the home folder."""

import re
from pathlib import Path

from iku.exchange import column_mapping
from iku.exchange.column_mapping import ColumnMapping, InvalidMapping
from iku.ledger import durable_files
from iku.messages import message

FOLDER = "column-mappings"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class UnknownMapping(InvalidMapping):
    """There is no mapping of this name."""


def names(home: Path) -> list[str]:
    """The names of the mappings, in order."""
    return sorted(path.stem for path in (home / FOLDER).glob("*.json"))


def find(home: Path, name: str) -> ColumnMapping:
    """The mapping of this name.

    Raises:
        UnknownMapping: No mapping has this name.
        InvalidMapping: Its file was changed, and is no mapping.
    """
    path = _path(home, name)
    if path is None or not path.exists():
        raise UnknownMapping(
            message(
                "there is no mapping {name}; the mappings are: {known}",
                name=name,
                known=names(home),
            )
        )
    return column_mapping.decode(path.read_bytes())


def keep(home: Path, name: str, mapping: ColumnMapping) -> None:
    """Keep the mapping, in place of one of the same name.

    Raises:
        InvalidMapping: The name is not allowed as that of a file.
    """
    path = _path(home, name)
    if path is None:
        raise InvalidMapping(
            message(
                "the name of a mapping has 1 to 40 lower-case letters, digits and "
                "hyphens, such as buku-konflik"
            )
        )
    column_mapping.check(mapping)
    path.parent.mkdir(parents=True, exist_ok=True)
    durable_files.write(path, column_mapping.encode(mapping))


def _path(home: Path, name: str) -> Path | None:
    return home / FOLDER / f"{name}.json" if _NAME.fullmatch(name) else None
