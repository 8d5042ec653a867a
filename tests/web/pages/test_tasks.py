"""What waits for whom: derived from the log, for each role."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from iku.access import sessions
from iku.app import App
from iku.domain.account import Role
from iku.postgres.pool import Plain
from iku.queries import tasks as task_groups
from iku.web.pages import tasks
from tests.web.conftest import CASE, ORGANISATION, Client
from tests.web.pages.showing import read
from tests.web.test_proposals import Office, office

__all__ = ["office"]
SITE = "http://iku.test"


async def page(office: Office, name: str, path: str = "/tugas") -> str:
    """The text of a page that a person opens."""
    headers = await office.session(name)
    answer = await office.client.get(f"{SITE}{path}", headers=headers)
    assert answer.status_code == 200, answer.text
    return read(answer.text).text


def own(shown: str) -> str:
    """The part of the page with the person's own tasks."""
    found = re.search(r"Untuk saya(.*)Untuk orang lain", shown)
    assert found is not None
    return found[1]


async def test_a_report_waits_for_the_verifier_of_its_division(office: Office) -> None:
    assert "K14 Sengketa lapak" in own(await page(office, "verifikator-wasnas"))
    officer = await page(office, "petugas-wasnas")
    assert "K14" not in own(officer)
    assert "K14" in officer  # it waits for others
    assert "K14" not in await page(office, "verifikator-iwasbang")


async def test_a_verified_report_no_longer_waits(office: Office) -> None:
    verified = {"type": "verified", "effective_on": "2021-02-10"}
    answer = await office.send("verifikator-wasnas", "/conflicts/K14/events", verified)
    assert answer.status_code == 201, answer.text
    assert "Kasus yang menunggu verifikasi" not in await page(
        office, "verifikator-wasnas"
    )


async def test_a_returned_report_waits_for_the_officer(office: Office) -> None:
    body = {"type": "returned", "effective_on": "2021-02-10", "missing": "Tempat"}
    answer = await office.send("verifikator-wasnas", "/conflicts/K14/events", body)
    assert answer.status_code == 201, answer.text
    shown = own(await page(office, "petugas-wasnas"))
    assert "Laporan yang perlu dilengkapi" in shown
    assert "K14" in shown


async def test_a_proposal_waits_for_those_who_may_decide(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    decided_by = await page(office, "verifikator-wasnas")
    assert "Usulan yang menunggu keputusan 1" in own(decided_by)
    proposer = await page(office, "petugas-wasnas")
    assert "Usulan saya 1" in proposer
    assert "Usulan" not in own(proposer)
    await office.decide("verifikator-wasnas", identifier, "declined", reason="Uji")
    assert "Usulan saya" not in await page(office, "petugas-wasnas")


async def test_a_planner_is_reminded_of_an_ended_quarter(office: Office) -> None:
    assert "Periode berakhir yang belum dipublikasikan 1" in own(
        await page(office, "perencana")
    )


async def test_a_cut_group_says_how_many_tasks_more_wait_and_where(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_groups, "SHOWN", 1)
    for number in ("K14", "K15", "K16"):
        await client.records("/conflicts", CASE | {"number": number})
    shown = read((await client.get(f"{SITE}/tugas")).text)
    assert "1 yang paling lama menunggu; masih ada 2 lagi yang menunggu." in shown.text
    whole = ("/konflik", {"status": "open", "verified": "false"})
    assert whole in shown.links
    assert tasks.LISTS.keys() == {*task_groups.TaskKind} - {task_groups.TaskKind.PERIOD}


async def test_participations_and_certificates_wait_for_their_division(
    client: Client, app: App
) -> None:
    soon = app.commands.today() + timedelta(days=30)
    organisation = ORGANISATION | {"valid_until": soon.isoformat()}
    await client.records("/organisations", organisation)
    took_part = {
        "type": "participated",
        "effective_on": "2021-05-01",
        "activity": "musrenbang",
        "participation": "P1",
    }
    await client.records("/organisations/O41/events", took_part)
    shown = own(read((await client.get(f"{SITE}/tugas")).text).text)
    assert "Organisasi dengan partisipasi yang menunggu verifikasi 1" in shown
    assert "SKT yang kedaluwarsa dalam 60 hari 1" in shown
    verified = {
        "type": "participation_verified",
        "effective_on": "2021-05-02",
        "participation": "P1",
    }
    await client.records("/organisations/O41/events", verified)
    shown = read((await client.get(f"{SITE}/tugas")).text).text
    assert "menunggu verifikasi" not in shown
    await client.records(
        "/organisations/O41/events",
        {"type": "annulled", "annuls": 3, "reason": "Salah"},
    )
    shown = read((await client.get(f"{SITE}/tugas")).text).text
    assert "Organisasi dengan partisipasi yang menunggu verifikasi 1" in shown


async def test_an_idle_case_waits(client: Client, app: App) -> None:
    await client.records("/conflicts", CASE)
    verified = {"type": "verified", "effective_on": "2021-02-10"}
    await client.records("/conflicts/K14/events", verified)
    shown = read((await client.get(f"{SITE}/tugas")).text).text
    assert "tanpa peristiwa baru" not in shown  # it was recorded today


async def test_what_arose_since_the_last_visit_is_marked_as_new(
    office: Office, owner: Plain
) -> None:
    verifier = "verifikator-wasnas"
    assert "baru" not in own(await page(office, verifier))  # the first visit
    # That visit ended now, and another one began.
    await owner.execute(
        "update access.account set (tasks_seen_before, tasks_seen_at) = (now(), now())"
    )
    seen = own(await page(office, verifier))
    assert "ditandai sebagai baru" in seen
    assert seen.count("baru") == 1  # K14 was there at the first visit
    await office.send("petugas-wasnas", "/conflicts", CASE | {"number": "K15"})
    await office.propose("petugas-wasnas")
    for _ in range(2):  # looked at again, it is still new
        shown = own(await page(office, verifier))
        assert re.search(r"K15 Sengketa lapak pedagang pasar sejak \S+ baru", shown)
        assert not re.search(r"K14 Sengketa lapak pedagang pasar sejak \S+ baru", shown)
        assert "Kasus yang menunggu verifikasi 2 baru" in shown
        assert shown.count("baru") == 4  # with the proposal
    # What waits for others is not marked.
    assert "baru" not in await page(office, "petugas-wasnas")


async def test_a_task_that_arises_by_the_passage_of_time_is_new_on_its_first_day(
    client: Client, app: App
) -> None:
    today = app.commands.today()
    organisation = ORGANISATION | {"valid_until": str(today + timedelta(days=30))}
    await client.records("/organisations", organisation)
    async with app.pool.acquire() as connection:
        view = app.view(connection)
        [of] = [
            one
            for one in await task_groups.task_groups(
                view, {}, [], today, app.commands.zone
            )
            if one.kind == "certificate"
        ]
    local = of.tasks[0].arose_at.astimezone(app.commands.zone)
    assert local.date() == of.tasks[0].since - timedelta(days=60)
    assert (local.hour, of.latest) == (0, of.tasks[0].arose_at)


async def test_titles_are_masked_for_those_who_may_not_read_them(
    office: Office,
) -> None:
    shown = await page(office, "perencana")
    assert "Sengketa lapak" not in shown


async def test_the_front_page_lists_the_most_urgent_tasks(office: Office) -> None:
    shown = await page(office, "verifikator-wasnas", "/")
    assert "K14 Sengketa lapak" in shown
    assert "Kasus yang menunggu verifikasi" in shown
    assert "K14" not in await page(office, "petugas-wasnas", "/")
    # Tasks are of today: a requested day has none.
    past = await page(office, "verifikator-wasnas", "/?per=2021-12-31")
    assert "K14" not in past


async def counted(office: Office, name: str, monkeypatch: Any, then: Any) -> list[str]:
    """The numbers that the stream sends while *then* runs."""
    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    headers = await office.session(name)
    got: list[str] = []

    async def listen() -> None:
        async with office.client.stream(
            "GET", f"{SITE}/tugas/jumlah", headers=headers
        ) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    got.append(line[5:].strip())  # noqa: PERF401 - it must grow at once

    listening = asyncio.create_task(listen())
    await then(headers["Cookie"].partition("=")[2])
    await asyncio.wait_for(listening, 20)
    return got


async def test_the_count_follows_the_log_and_ends_with_the_session(
    office: Office, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def then(token: str) -> None:
        await asyncio.sleep(0.3)
        await office.send("petugas-wasnas", "/conflicts", CASE | {"number": "K15"})
        await asyncio.sleep(0.5)
        async with app.pool.acquire() as connection:
            await sessions.end(connection, token)

    got = await counted(office, "verifikator-wasnas", monkeypatch, then)
    assert got == ["1", "2"]


async def test_the_count_ends_when_the_account_is_suspended(
    office: Office, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = office.people["verifikator-wasnas"].account

    async def then(_: str) -> None:
        await asyncio.sleep(0.2)
        async with app.pool.acquire() as connection:
            await sessions.end_all(connection, account)

    await counted(office, "verifikator-wasnas", monkeypatch, then)


async def test_the_count_is_for_those_who_have_signed_in(office: Office) -> None:
    answer = await office.client.get(f"{SITE}/tugas/jumlah")
    assert answer.status_code == 401
    assert Role.AUDITOR in Role
