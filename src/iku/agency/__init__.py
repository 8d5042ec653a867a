"""The agency that keeps the register: its mission, areas and indicators, as data.

Another city sets `IKU_AGENCY` to a folder with the same two files: `agency.json`
(context and area codes) and `indicators.json` (the seed definitions, the rating scale,
and the day from which they are known).
"""

from datetime import date
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from iku import messages, strict_json
from iku.domain.access_policy import DivisionOwnership
from iku.domain.account import DivisionCode
from iku.domain.conflict import Category
from iku.domain.coordinates import CODE
from iku.domain.fact import dec_hook
from iku.domain.indicator import Defined
from iku.domain.organisation import OrganisationKind
from iku.domain.scale import Scaled
from iku.messages import message
from iku.strict_json import DuplicateKey, InvalidJson


class AgencyError(Exception):
    """A file of the agency is missing or invalid."""


class Mission(Struct, frozen=True, forbid_unknown_fields=True):
    """The mission in the city's medium-term plan that the agency serves."""

    number: str
    text: str


class Area(Struct, frozen=True, forbid_unknown_fields=True):
    """A district or urban village, with its official code."""

    code: str
    name: str


class Division(Struct, frozen=True, forbid_unknown_fields=True):
    """A division, and the part of the register that it owns.

    Attributes:
        code: Code of the division, by which roles and proposals name it.
        categories: Categories of conflicts; each has at most one division.
        kinds: Kinds of organisations; each has at most one division.
    """

    code: DivisionCode
    name: str
    categories: tuple[Category, ...] = ()
    kinds: tuple[OrganisationKind, ...] = ()


class AgencyProfile(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The agency, as its decree on the indicators describes it."""

    name: str
    city: str
    vision: str
    mission: Mission
    main_task: str
    functions: tuple[str, ...]
    objective: str
    areas: tuple[Area, ...]
    divisions: tuple[Division, ...] = ()

    def __post_init__(self) -> None:
        owned = [x for one in self.divisions for x in (*one.categories, *one.kinds)]
        if twice := next((x for x in owned if owned.count(x) > 1), None):
            raise ValueError(f"divisions: {twice} has more than one division")
        codes = [one.code for one in self.divisions]
        if shared := next((x for x in codes if codes.count(x) > 1), None):
            raise ValueError(f"divisions: {shared} is the code of two divisions")

    @cached_property
    def division_ownership(self) -> tuple[DivisionOwnership, ...]:
        """The part of the register that each division owns, as the log records it."""
        return tuple(
            DivisionOwnership(one.code, tuple(one.categories), tuple(one.kinds))
            for one in self.divisions
        )

    @cached_property
    def area_codes(self) -> frozenset[str]:
        """Codes of the areas to which a case may be assigned."""
        return frozenset(area.code for area in self.areas)

    @cached_property
    def area_names(self) -> dict[str, str]:
        """The names of the areas by code."""
        return {area.code: area.name for area in self.areas}


class SeedDefinitions(Struct, frozen=True, forbid_unknown_fields=True):
    """The definitions and the scale that the program records in a new log.

    Attributes:
        known_on: The day of knowledge under which they are recorded.
        indicators: By code: capitals and digits with hyphens between them, at most 16
            characters.
    """

    known_on: date
    indicators: dict[Annotated[str, Meta(pattern=CODE)], Defined]
    scale: Scaled


T = TypeVar("T")


def load_agency(folder: Path | None) -> AgencyProfile:
    """The agency described in *folder*; without a folder, the one in the program.

    Raises:
        AgencyError: The file is missing or malformed.
    """
    return _load(_data_file(folder, "agency.json"), AgencyProfile)


def load_seed_definitions(folder: Path | None) -> SeedDefinitions:
    """The seed definitions and the scale (see `load_agency`)."""
    return _load(_data_file(folder, "indicators.json"), SeedDefinitions)


def _data_file(folder: Path | None, name: str) -> Traversable:
    return (folder or files("iku.agency") / "kota_mojokerto") / name


def _load(file: Traversable, of: type[T]) -> T:
    try:
        return strict_json.decode(
            file.read_bytes(), msgspec.json.Decoder(of, dec_hook=dec_hook)
        )
    except InvalidJson as error:
        raise AgencyError(
            message("{file} {error}", file=file, error=messages.error_message(error))
        ) from error
    except (OSError, msgspec.ValidationError, DuplicateKey) as error:
        raise AgencyError(
            message("{file}: {error}", file=file, error=messages.error_message(error))
        ) from error
