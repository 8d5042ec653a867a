"""Publishing with accounts: each division confirms, three persons take the steps."""

import asyncio
from datetime import date
from typing import Any

import pytest

from iku.domain.access import Forbidden
from iku.domain.account import Role, RoleGranted
from iku.domain.decider import Invalid, Refused
from iku.domain.fact import Annulled
from iku.domain.period import Kind
from iku.domain.publication import Draft, NextStep, StepType, TakeStep
from iku.queries import publications
from tests.commands.conftest import Desk, Desks
from tests.commands.test_authorisation import REPORTED, VERIFIED, act, invite
from tests.commands.test_proposals import Office, approved_invitation
from tests.commands.test_proposals import office as office

DRAFT = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="LKjIP 2021")


async def take(
    office: Office, by: str, kind: StepType, desk: Desk | None = None, **more: Any
) -> Any:
    step = NextStep(type=kind, reason="Sesuai", **more)
    at = desk or office.desk
    app = at.app
    async with app.pool.acquire() as connection:
        snapshot = await publications.snapshot(
            connection, app.figures, "2021", step, app.commands.today()
        )
    taken = TakeStep("2021", step, snapshot)
    return await act(at, office.people[by], "2021", taken, category="publication")


async def staffed(office: Office) -> Office:
    """The office with a head of each division and two planners."""
    office.people["kepala-poldagri"] = await approved_invitation(
        office, Role.KEPALA_BIDANG, "Kepala poldagri", division="poldagri"
    )
    office.people["perencana-2"] = await invite(
        office.desk, Role.PERENCANA, "Perencana dua", office.people["admin"]
    )
    return office


async def closed(office: Office) -> None:
    await office.do("perencana", "2021", DRAFT, category="publication")
    for head, code in (
        *(("kepala-wasnas", "IKU-1"), ("kepala-poldagri", "IKU-2")),
        ("kepala-iwasbang", "IKU-3"),
    ):
        await take(office, head, StepType.CONFIRMED, indicator=code)
    await take(office, "kepala-wasnas", StepType.CLOSED)


async def test_three_persons_publish_what_every_division_confirmed(
    office: Office,
) -> None:
    """ASVS 2.3.1, 2.3.5."""
    await staffed(office)
    await closed(office)
    await take(office, "perencana", StepType.REVIEWED)
    with pytest.raises(Forbidden):
        await take(office, "kepala-wasnas", StepType.PUBLISHED)
    outcome = await take(office, "kepala", StepType.PUBLISHED)
    assert outcome.added


async def test_who_reviewed_does_not_publish_by_two_requests_at_once_either(
    office: Office, desks: Desks
) -> None:
    """ASVS 2.3.1, 2.3.5."""
    await staffed(office)
    await closed(office)
    other = await desks()
    also = RoleGranted(
        effective_on=office.desk.app.commands.today(),
        role=Role.PERENCANA,
        basis="SK/3",
    )
    head = office.people["kepala"].account
    await office.do("admin", head, also, category="account")
    await take(office, "kepala", StepType.REVIEWED)
    found = await asyncio.gather(
        *(take(office, "kepala", StepType.PUBLISHED, desk) for desk in (None, other)),
        return_exceptions=True,
    )
    assert all(isinstance(one, Refused) for one in found), found
    assert (await office.types("publication-2021"))[-1] == "reviewed"


async def test_a_head_confirms_the_figure_of_the_own_division_only(
    office: Office,
) -> None:
    await staffed(office)
    await office.do("perencana", "2021", DRAFT, category="publication")
    with pytest.raises(Forbidden, match="division wasnas"):
        await take(office, "kepala-iwasbang", StepType.CONFIRMED, indicator="IKU-1")
    with pytest.raises(Forbidden, match="division poldagri"):
        await take(office, "kepala-iwasbang", StepType.CONFIRMED, indicator="IKU-2")
    with pytest.raises(Invalid, match="IKU-9"):
        await take(office, "kepala-iwasbang", StepType.CONFIRMED, indicator="IKU-9")
    with pytest.raises(Refused, match="not confirmed IKU-1, IKU-2, IKU-3"):
        await take(office, "kepala-wasnas", StepType.CLOSED)


async def test_a_correction_of_a_closed_period_takes_two_persons(
    office: Office, desks: Desks
) -> None:
    """ASVS 2.3.5."""
    await staffed(office)
    await office.do("petugas-wasnas", "K9", REPORTED)
    await office.do("verifikator-wasnas", "K9", VERIFIED)
    await closed(office)
    wrong = Annulled(annuls=1, reason="Bukan konflik")
    for name in ("verifikator-wasnas", "kepala-wasnas"):
        with pytest.raises(Forbidden) as refused:
            await office.do(name, "K9", wrong)
        assert refused.value.proposable
    identifier = await office.propose("kepala-wasnas", wrong, subject="K9")
    with pytest.raises(Refused, match="another person"):
        await office.approve("kepala-wasnas", identifier)
    with pytest.raises(Forbidden):
        await office.approve("verifikator-wasnas", identifier)
    outcome = await office.approve("kepala", identifier)
    assert outcome.receipt.stream == "conflict-K9"
    other = await desks()
    async with other.app.pool.acquire() as connection:
        [proposed] = await connection.fetch(
            "select convert_from(record, 'UTF8')::jsonb->'data'->'changes' as changes"
            " from ledger.event where stream = $1 and type = 'proposed'",
            f"proposal-{identifier}",
        )
    assert '"before": "0/1"' in proposed["changes"]
    assert '"after": "0/0"' in proposed["changes"]
