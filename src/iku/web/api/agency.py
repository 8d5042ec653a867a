"""The agency whose register this is."""

from typing import Any

from msgspec import Struct

from iku.agency import Area, Division, Mission
from iku.app import App
from iku.web.routes import get


class Agency(Struct, frozen=True):
    """What the decree on the indicators says of the agency.

    Attributes:
        areas: Districts and urban villages a case may be placed at.
        divisions: Which answers for which conflicts and organisations.
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
    operation_id="getAgency",
    summary="Read what the agency is for",
    tags=["Agency"],
)
async def show(app: App) -> Agency:
    """Vision, mission, main task, functions, objective and areas of the agency."""
    ours = app.agency
    return Agency(*(getattr(ours, name) for name in Agency.__struct_fields__))


HANDLERS: list[Any] = [show]
