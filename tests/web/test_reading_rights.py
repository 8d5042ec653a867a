"""What an account reads: its division's subjects today, and the texts of no other."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from iku.access import api_keys
from iku.cli import api_key, terminal
from iku.commands import proposals
from iku.commands.command import Command
from iku.domain import conflict
from iku.domain.account import Role, RoleRevoked
from iku.domain.withheld_text import Withheld, WithheldReason
from iku.ledger import log
from iku.queries import lists, subjects
from iku.queries.figure_parameters import Moment
from iku.queries.list_questions import ConflictsQuestion
from iku.queries.view import LOCAL
from tests.conftest import Clone
from tests.web import people
from tests.web.conftest import CASE, ORGANISATION, client_of, problem
from tests.web.people import Office

WASNAS, IWASBANG = "petugas-wasnas", "petugas-iwasbang"
HERE, THERE = "35.76.02.1009", "35.76.01.1004"
SARA = {"category": "sara", "dimension": "agama", "title": "Perselisihan jemaat"}
FILE = {"Content-Type": "application/pdf", "Iku-File-Name": "surat.pdf"}
FORBIDDEN = {"why": "forbidden", "erased": None}


def case(number: str, **more: Any) -> dict[str, Any]:
    return {**CASE, "number": number, "area": HERE, **more}


def event(kind: str, on: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "effective_on": on, **more}


@pytest.fixture(scope="module")
async def office(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """Cases of two divisions, two of which were reclassified, and an organisation.

    K1 and K3 belong to wasnas, K2 to iwasbang. K4 was of iwasbang until 2022, K5 of
    wasnas until 2023.
    """
    database = await clone(furnished)
    folder = tmp_path_factory.mktemp("reading")
    async with people.opened(database, folder) as found:
        client = found.client
        for body in (
            case("K1", reporter={"name": "Pak Tono"}),
            case("K2", **SARA),
            case("K3", area=THERE),
            case("K4", **SARA),
            case("K5", level="kekerasan"),
        ):
            await client.records("/conflicts", body)
        moved = {"category": "ipoleksosbud", "dimension": "politik"}
        await client.records(
            "/conflicts/K4/events", event("reclassified", "2022-01-01", **moved)
        )
        renumbered = {"corrects": 1, "number": "LAPOR-7", "reason": "Nomor buku"}
        await client.records(
            "/conflicts/K2/events", {"type": "corrected", **renumbered}
        )
        draft = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP 2021"}
        await client.records("/publications", {**draft, "title": "LKjIP"})
        await client.records("/publications", {**draft, "as_of": "2022-12-31"})
        for kind, actor in (("closed", "a"), ("reviewed", "b"), ("published", "c")):
            await client.records(
                "/publications/2021/events",
                {"type": kind, "reason": "Uji"},
                Iku_Actor=actor,
            )
        for number in ("K2", "K5"):
            verified = event("verified", "2021-02-10", reason="Terlambat")
            await client.records(f"/conflicts/{number}/events", verified)
        moved = {"category": "sara", "dimension": "agama"}
        await client.records(
            "/conflicts/K5/events", event("reclassified", "2023-01-01", **moved)
        )
        await client.records("/organisations", {**ORGANISATION, "reason": "Terlambat"})
        sent = await client.post(
            "/conflicts/K1/attachments", content=b"%PDF-1.4", headers=FILE
        )
        assert sent.status_code == 201, sent.text
        await found.open_accounts()
        await found.invite(
            "pelapor", Role.PETUGAS, "admin", "wasnas", district="35.76.02"
        )
        yield found


def ids(page: Any) -> list[str]:
    return [one["id"] for one in page["items"]]


# Lists.


async def test_a_list_has_what_belongs_to_the_division_today(office: Office) -> None:
    for name, expected in (
        (WASNAS, ["K1", "K3", "K4"]),
        (IWASBANG, ["K2", "K5"]),
        ("petugas-poldagri", []),
        ("auditor", ["K1", "K2", "K3", "K4", "K5"]),
    ):
        # The day asked about does not matter: K4 was of iwasbang then.
        for as_of in ("2021-12-31", "2025-12-31"):
            page = await office.says(name, "/conflicts", as_of=as_of)
            assert ids(page) == expected, (name, as_of)
            assert page["total"] == len(expected)
            assert sum(page["by_status"].values()) == len(expected)
    for name, total in (("petugas-poldagri", 1), (WASNAS, 0), ("kepala_badan", 1)):
        assert (await office.says(name, "/organisations"))["total"] == total


async def test_a_district_limits_lists_and_subjects(office: Office) -> None:
    assert ids(await office.says("pelapor", "/conflicts")) == ["K1", "K4"]
    assert (await office.says("pelapor", "/conflicts/K1"))["id"] == "K1"
    problem(await office.ask("pelapor", "/conflicts/K3"), 403)


async def test_a_search_discloses_no_foreign_title_or_number(office: Office) -> None:
    for asked in ({"text": "jemaat"}, {"number": "LAPOR-7"}, {"text": "lapor-7"}):
        own = await office.says(WASNAS, "/conflicts", **asked)
        assert "K2" not in ids(own)
        everything = await office.says("auditor", "/conflicts", **asked)
        assert "K2" in ids(everything)
    found = await office.says(WASNAS, "/conflicts", text="jemaat", sort="title")
    assert (ids(found), found["total"]) == (["K4"], 1)


async def test_a_cursor_cannot_name_a_subject_of_another_division(
    office: Office,
) -> None:
    for sort in ("id", "status", "title"):
        page = await office.says("auditor", "/conflicts", limit=2, sort=sort)
        last = page["items"][-1]["id"]
        asked = {"limit": 2, "sort": sort, "cursor": page["next"]}
        owner, other = (
            (WASNAS, IWASBANG)
            if last in {"K1", "K3", "K4"}
            else (
                IWASBANG,
                WASNAS,
            )
        )
        problem(await office.ask(other, "/conflicts", params=asked), 400, "cursor")
        await office.says(owner, "/conflicts", **asked)


# Subjects.


async def test_a_subject_of_another_division_is_refused(office: Office) -> None:
    for path in ("/conflicts/K2", "/conflicts/K2/events", "/conflicts/K5"):
        shown = problem(await office.ask(WASNAS, path), 403)
        assert "iwasbang" in shown["detail"], path
        await office.says(IWASBANG, path)
    shown = problem(await office.ask(IWASBANG, "/conflicts/K1/attachments/2"), 403)
    assert "in division wasnas" in shown["detail"]
    problem(await office.ask(WASNAS, "/conflicts/K9"), 404)
    problem(await office.ask(WASNAS, "/conflicts/K9/events"), 404)


async def test_a_refusal_names_no_subject_of_another_division(office: Office) -> None:
    """A number leads to its subject only for those who may read it."""
    handled = event("handled", "2022-03-01", phase="pencegahan")
    path = "/conflicts/LAPOR-7"
    for name, names in ((IWASBANG, True), (WASNAS, False)):
        for answer in (
            await office.ask(name, path),
            await office.ask(name, f"{path}/events", "POST", json=handled),
        ):
            shown = problem(answer, 404)
            assert ("K2" in shown["detail"]) is names, name


async def test_a_planner_reads_histories_without_texts(office: Office) -> None:
    page = await office.says("perencana", "/conflicts/K1/events")
    first = page["items"][0]
    assert first["text"] == dict.fromkeys(first["text"], "tidak diizinkan")
    assert first["withheld"] == dict.fromkeys(first["text"], FORBIDDEN)
    assert first["data"]["category"] == "ipoleksosbud"
    for path in ("/conflicts", "/conflicts/K1", "/conflicts/K1/attachments/2"):
        problem(await office.ask("perencana", path), 403)


async def test_a_text_is_read_where_the_table_permits(office: Office) -> None:
    for name in (WASNAS, "kepala_bidang-wasnas", "kepala_badan", "auditor"):
        shown = await office.says(name, "/conflicts/K1")
        assert shown["title"] == CASE["title"], name
        assert shown["reporter"]["name"] == "Pak Tono"
        assert shown["withheld"] == {}
        file = await office.ask(name, "/conflicts/K1/attachments/2")
        assert (file.status_code, file.content) == (200, b"%PDF-1.4"), name


# What a figure counts.


async def test_an_explanation_names_the_own_subjects_and_those_that_count(
    office: Office,
) -> None:
    path = "/indicators/IKU-1/explanation"
    then = await office.says("verifikator-wasnas", path, as_of="2022-12-31")
    titles = {one["id"]: one["title"] for one in then["items"]}
    # K5 counts, but is of iwasbang today; K2 does neither.
    assert titles == {
        "K1": CASE["title"],
        "K3": CASE["title"],
        "K4": SARA["title"],
        "K5": "tidak diizinkan",
    }
    assert then["figure"]["denominator"] == 1
    every = await office.says("auditor", path, as_of="2022-12-31")
    assert ids(every) == ["K1", "K2", "K3", "K4", "K5"]
    planner = await office.says("perencana", path, as_of="2022-12-31")
    assert {one["title"] for one in planner["items"]} == {"tidak diizinkan"}
    sought = await office.says("verifikator-wasnas", path, subject="K2")
    assert sought["items"] == []


async def test_a_district_does_not_cover_an_indicator(office: Office) -> None:
    problem(await office.ask("pelapor", "/indicators/IKU-1/explanation"), 403)
    await office.says("pelapor", "/indicators/IKU-1/figure")


async def test_changes_of_a_publication_are_those_of_own_subjects(
    office: Office,
) -> None:
    path = "/publications/2021/changes"
    own = await office.says(IWASBANG, path)
    assert {one["subject"] for one in own["items"]} == {"K2", "K5"}
    foreign = await office.says(WASNAS, path, limit=1)
    assert foreign["items"] == []
    assert foreign["next"] is not None  # an event of another division
    assert foreign["figures"] == own["figures"]
    every = await office.says("kepala_badan", path)
    assert {one["subject"] for one in every["items"]} >= {"K2", "K5", "O41"}
    problem(await office.ask("admin", path), 403)


# Who has not signed in.


async def test_a_published_edition_is_public_and_nothing_else(office: Office) -> None:
    listed = (await office.client.says("/publications"))["publications"]
    assert [one["id"] for one in listed] == ["2021"]
    assert listed[0]["title"] == "LKjIP"
    shown = await office.client.says("/publications/2021")
    assert shown["figures"]
    assert shown["title"] == "LKjIP"
    assert {step["reason"] for step in shown["steps"]} == {"tidak diizinkan"}
    problem(await office.client.get("/publications/2022"), 401)
    seen = await office.says("perencana", "/publications/2021")
    assert seen["steps"][0]["reason"] == "LKjIP 2021"
    drafts = (await office.says("perencana", "/publications"))["publications"]
    assert [one["id"] for one in drafts] == ["2021", "2022"]


async def test_the_front_page_shows_figures_to_those_who_signed_in(
    office: Office,
) -> None:
    shown = await office.ask("admin", "http://iku.test/")
    assert shown.status_code == 200
    refused = await office.client.get("http://iku.test/")
    assert (refused.status_code, refused.text) == (303, "")
    assert refused.headers["Location"] == "/masuk?ke=%2F"


async def test_the_metrics_are_for_this_machine_and_for_administrators(
    office: Office,
) -> None:
    async with client_of(office.app) as local:
        assert (await local.get("/metrics")).status_code == 200
    assert (await office.ask("admin", "/metrics")).status_code == 200
    problem(await office.ask("auditor", "/metrics"), 403)


# Who opened which texts (UU 27/2022).


async def openings(office: Office, **asked: Any) -> set[tuple[str, int]]:
    page = await office.says("auditor", "/openings", **asked)
    return {(one["stream"], one["version"]) for one in page["items"]}


async def test_who_opened_which_texts_is_shown_to_the_auditor(office: Office) -> None:
    reader = await office.invite("pembaca", Role.VERIFIKATOR, "admin", "wasnas")
    by = {"account": reader.account}
    await office.says("pembaca", "/conflicts", text="tidak ada yang begini")
    assert await openings(office, **by) == set()
    for path in ("/conflicts", "/conflicts", "/publications", "/indicators"):
        await office.says("pembaca", path)
    read = {("conflict-K1", 1), ("conflict-K3", 1), ("conflict-K4", 1)}
    assert await openings(office, **by) == read
    await office.ask("pembaca", "/conflicts/K1/attachments/2")
    assert await openings(office, **by) == read | {("conflict-K1", 2)}
    assert ("conflict-K1", 2) in await openings(office, stream="conflict-K1")
    first = await office.says("auditor", "/openings", limit=1, **by)
    second = await office.says(
        "auditor", "/openings", limit=10, before=first["next"], **by
    )
    assert len(second["items"]) == 3
    assert second["next"] is None
    for name in ("admin", "kepala_badan", "pembaca"):
        problem(await office.ask(name, "/openings"), 403)


async def test_a_replica_shows_no_text_whose_opening_it_cannot_record(
    office: Office,
) -> None:
    commands = replace(office.app.commands, is_read_only=True)
    replica = replace(office.app, commands=commands)
    async with replica.pool.acquire() as connection:
        recorded = await log.read_stream(connection, "conflict-K1")
        credentials = office.members["auditor"].credentials
        viewer = await replica.viewer(connection, credentials)
        found = await replica.view(connection, viewer).texts(recorded[:1])
        assert found["conflict-K1", 1].plain == {}
        found = await replica.view(connection).texts(recorded[:1])
        assert found["conflict-K1", 1].plain["title"] == CASE["title"]


async def test_a_withheld_text_is_not_an_opening(office: Office) -> None:
    await office.says("perencana", "/conflicts/K1/events")
    by = {"account": office.members["perencana"].account}
    assert await openings(office, **by) == set()


class Statements:
    """A reader that keeps the statements it runs."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.run: list[str] = []

    async def fetch(self, query: str, *args: Any) -> Any:
        self.run.append(query)
        return await self.reader.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        self.run.append(query)
        return await self.reader.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        self.run.append(query)
        return await self.reader.fetchval(query, *args)


async def test_rights_cost_statements_only_to_accounts(office: Office) -> None:
    app = office.app
    runs = {}
    async with app.pool.acquire() as connection:
        for name in ("auditor", WASNAS):
            credentials = office.members[name].credentials
            viewer = await app.viewer(connection, credentials)
            reader = Statements(connection)
            found = app.view(reader, viewer)
            await lists.listing(found, ConflictsQuestion(), app.commands.today())
            runs[name] = reader.run
        reader = Statements(connection)
        await lists.listing(
            app.view(reader, LOCAL), ConflictsQuestion(), app.commands.today()
        )
    for name, run in runs.items():
        # The places of all subjects, and their openings, in one statement each.
        assert len(run) == len(reader.run) + 2, name
        assert sum("record_opened" in one for one in run) == 1


# Proposals, accounts and the terminal.


async def texts(office: Office, name: str, stream: str, version: int = 1) -> Any:
    app = office.app
    async with app.pool.acquire() as connection:
        viewer = await app.viewer(connection, office.members[name].credentials)
        recorded = await log.read_events(connection, [(stream, version)])
        found = await app.view(connection, viewer).texts(recorded)
    return found[stream, version]


async def proposed(office: Office, by: str, subject: str, event: Any) -> str:
    command = Command(
        "conflict", subject, event, "", credentials=office.members[by].credentials
    )
    async with office.app.pool.acquire() as connection:
        made = await proposals.propose(
            office.app.commands, connection, command, "Karena keliru"
        )
    return f"proposal-{made.subject}"


async def test_a_proposal_is_read_by_its_division_and_by_those_who_decide(
    office: Office,
) -> None:
    wrong = conflict.Corrected(corrects=1, title="Judul baru", reason="Salah ketik")
    stream = await proposed(office, WASNAS, "K1", wrong)
    for name, reads in (
        (WASNAS, True),
        ("verifikator-wasnas", True),
        ("kepala_badan", True),
        ("kepala_bidang-iwasbang", False),
        (IWASBANG, False),
        ("perencana", False),
        ("admin", False),
    ):
        found = await texts(office, name, stream)
        assert ("title" in found.plain) is reads, name
        assert ("because" in found.plain) is reads, name


async def test_a_proposer_reads_the_own_proposal_without_the_role(
    office: Office,
) -> None:
    former = await office.invite("mantan", Role.PETUGAS, "admin", "wasnas")
    wrong = conflict.Corrected(corrects=1, title="Judul lain", reason="Salah ketik")
    stream = await proposed(office, "mantan", "K1", wrong)
    revoked = RoleRevoked(
        effective_on=office.app.commands.today(), grant=2, reason="Mutasi"
    )
    admin = office.members["admin"].credentials
    command = Command("account", former.account, revoked, "", credentials=admin)
    async with office.app.pool.acquire() as connection:
        await office.app.commands.handle(connection, command)
    assert (await texts(office, "mantan", stream)).plain["title"] == "Judul lain"
    assert (await texts(office, "mantan", "conflict-K1")).plain == {}


async def test_a_file_is_withheld_like_the_texts_of_its_event(office: Office) -> None:
    app = office.app
    async with app.pool.acquire() as connection:
        [attached] = await log.read_events(connection, [("conflict-K1", 2)])
        for name, expected in (
            (WASNAS, b"%PDF-1.4"),
            (IWASBANG, WithheldReason.FORBIDDEN),
        ):
            credentials = office.members[name].credentials
            viewer = await app.viewer(connection, credentials)
            assert await app.view(connection, viewer).file(attached) == expected


@pytest.mark.parametrize(
    "change",
    [
        conflict.Merged(into="K2", reason="Kasus yang sama"),
        conflict.Reclassified(
            effective_on=date(2022, 1, 1),
            category=conflict.Category.SARA,
            dimension=conflict.Dimension.AGAMA,
            reason="Ternyata keagamaan",
        ),
    ],
    ids=["merger", "reclassification"],
)
async def test_what_concerns_two_divisions_is_read_by_both_heads(
    office: Office, change: Any
) -> None:
    stream = await proposed(office, "verifikator-wasnas", "K1", change)
    for name, reads in (
        ("kepala_bidang-wasnas", True),
        ("kepala_bidang-iwasbang", True),
        ("kepala_bidang-poldagri", False),
        (IWASBANG, False),
    ):
        found = await texts(office, name, stream)
        assert ("reason" in found.plain) is reads, name


async def test_texts_of_accounts_are_for_those_who_see_accounts(office: Office) -> None:
    of = office.members[WASNAS]
    stream = f"account-{of.account}"
    for name, reads in (
        (WASNAS, True),
        ("admin", True),
        ("auditor", True),
        ("kepala_badan", False),
        (IWASBANG, False),
    ):
        found = await texts(office, name, stream)
        assert bool(found.plain) is reads, name
        if not reads:
            named = set(found.withheld.values())
            assert named == {Withheld(WithheldReason.FORBIDDEN)}


async def test_the_terminal_masks_texts_without_an_api_key(office: Office) -> None:
    at = Moment(office.app.commands.today())
    key = await _key(office, IWASBANG)
    for given, title in ((None, "forbidden"), (key, SARA["title"])):
        app = await api_key.with_api_key(office.app, given)
        async with app.pool.acquire() as connection:
            view = terminal.view(app, connection)
            found = await subjects.state(view, "conflict", "K2", at)
            assert found.shown["title"] == title
            assert found.shown["category"] == "sara"
            page = await lists.listing(view, ConflictsQuestion(text="jemaat"), at.as_of)
            assert bool(page.items) is (given is not None)


async def _key(office: Office, name: str) -> str:
    of = office.members[name]
    async with office.app.pool.acquire() as connection:
        made = await api_keys.create(
            connection,
            of.account,
            name="uji",
            roles=[of.role],
            rights=[],
            held=[of.role],
            lifetime=timedelta(days=1),
        )
    return made.key
