"""The names of actors, as a viewer may read them."""

from datetime import date

from iku.domain.access import AccessRegister, Actor
from iku.domain.account import Account, Grant, Invited, Role, RoleGranted
from iku.domain.fact import Person
from iku.queries import actor_names
from iku.queries.view import Viewer
from tests.registers.world import World

DAY = date(2021, 1, 1)
HOLDER = Person("Ani Contoh", "00000000-0000-4000-8000-000000000001")
INVITED = Invited(effective_on=DAY, holder=HOLDER, basis="SK/1")
GRANTED = RoleGranted(effective_on=DAY, role=Role.AUDITOR, basis="SK/1")


async def test_who_may_not_see_accounts_reads_roles_of_those_that_have_one(
    world: World,
) -> None:
    register = AccessRegister(
        {"a": Account((INVITED, GRANTED)), "b": Account((INVITED,))}
    )
    planner = Grant(1, Role.PERENCANA, None, None, None, DAY)
    view = world.view._replace(viewer=Viewer("c", actor=Actor("c", "c", (planner,))))
    found = await actor_names.names(view, register, ("a", "b", "iku"))
    assert str(found.pop("a")) == "auditor"
    assert found == {"b": "b", "iku": "iku"}
