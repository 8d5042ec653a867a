"""The agency that keeps the register."""

from typing import Any

from msgspec import Struct

from iku.agency import Area, Division, Mission
from iku.app import App
from iku.web.routes import get


class Agency(Struct, frozen=True):
    """The agency, as the decree on the indicators describes it.

    Attributes:
        areas: Districts and urban villages in which a case may be located.
        divisions: The divisions and the conflicts or organisations each is
            responsible for.
    """

    name: str
    city: str
    vision: str
    mission: Mission
    main_task: str
    functions: tuple[str, ...]
    objective: str
    areas: tuple[Area, ...]
    divisions: tuple[Division, ...]


@get(
    "/agency",
    None,
    operation_id="getAgency",
    summary="Get the agency",
    tags=["Agency"],
)
async def show(app: App) -> Agency:
    """The agency's vision, mission, main task, functions, objective and areas."""
    ours = app.agency
    return Agency(*(getattr(ours, name) for name in Agency.__struct_fields__))


HANDLERS: list[Any] = [show]
