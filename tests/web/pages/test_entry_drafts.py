"""Drafts, ended sessions and rights: nothing typed is lost or shown to others."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from iku.access import drafts, sessions
from iku.app import App
from iku.commands import accounts, authorisation
from iku.domain.access import Action
from iku.domain.account import Role
from iku.ledger import log
from iku.postgres import pool as pools
from iku.web.pages import entry_forms
from tests.conftest import Clone
from tests.web import people
from tests.web.conftest import CASE, Client
from tests.web.pages.filling import SITE, Filled, opened, read_form, sent
from tests.web.pages.showing import read
from tests.web.people import Office, Staffed
from tests.web.test_authentication import invited

NEW = "/konflik/baru"
HANDLED = "/konflik/K14/catat/handled"
REPORT = {
    "title": "Sengketa lapak pedagang",
    "category": "ipoleksosbud",
    "dimension": "ekonomi",
    "effective_on": "4-3-2022",
}
OFFICER, OTHER, VERIFIER = "petugas-wasnas", "petugas-iwasbang", "verifikator-wasnas"
HEAD = "kepala_bidang-wasnas"


async def size(app: App) -> int:
    return (await log.head(app.pool)).size


async def keep(client: Client, form: Filled, **headers: str) -> httpx.Response:
    return await sent(client, form, headers=headers, to="/draf")


async def test_a_draft_is_filled_in_when_the_form_is_opened_again(
    client: Client,
) -> None:
    form = (await opened(client, NEW)).typed(**REPORT, parties="A\r\nB", note="x")
    assert (await keep(client, form.typed(jawab="json"))).json()["pukul"]
    page = await client.get(f"{SITE}{NEW}")
    assert "Draf" in page.text
    assert "dipulihkan" in page.text
    again = read_form(page.text)
    for name in (*REPORT, "kunci"):
        assert again.value(name) == form.value(name), name
    assert again.value("parties") == "A\r\nB"


async def test_without_script_a_button_saves_the_draft(client: Client) -> None:
    form = (await opened(client, NEW)).typed(title="Setengah jadi")
    answer = await keep(client, form)
    assert (answer.status_code, answer.headers["Location"]) == (303, NEW)
    assert (await opened(client, NEW)).value("title") == "Setengah jadi"


async def test_a_discarded_draft_is_gone(client: Client) -> None:
    await keep(client, (await opened(client, NEW)).typed(title="Keliru"))
    page = await client.get(f"{SITE}{NEW}")
    answer = await sent(client, read_form(page.text, "/draf/buang"))
    assert answer.headers["Location"] == NEW
    assert (await opened(client, NEW)).value("title") == ""


async def test_a_recorded_form_leaves_no_draft(client: Client, app: App) -> None:
    form = (await opened(client, NEW)).typed(**REPORT)
    await keep(client, form)
    assert (await sent(client, form)).status_code == 303
    assert await drafts.listing(app.pool, drafts.NOBODY) == []


async def test_a_draft_that_was_recorded_is_not_offered_again(
    client: Client, app: App
) -> None:
    form = (await opened(client, NEW)).typed(**REPORT)
    await sent(client, form)
    # The server was stopped before it deleted the draft, or a late save came after.
    await keep(client, form)
    page = await client.get(f"{SITE}{NEW}")
    assert "sudah tercatat" in page.text
    assert read_form(page.text).value("title") == ""
    assert await drafts.listing(app.pool, drafts.NOBODY) == []


async def test_a_restored_draft_that_is_sent_again_records_once(
    client: Client, app: App
) -> None:
    form = (await opened(client, NEW)).typed(**REPORT)
    await keep(client, form)
    restored = await opened(client, NEW)
    before = await size(app)
    assert (await sent(client, form)).status_code == 303
    assert (await sent(client, restored)).status_code == 303
    assert await size(app) == before + 1


async def test_the_erasure_of_a_case_deletes_the_drafts_about_it(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = await clone(furnished)
    folder = tmp_path_factory.mktemp("erasing")
    async with people.opened(database, folder) as local:
        client, pool = local.client, local.app.pool
        for number in ("K14", "K15"):
            title = f"Kasus {number}"
            await client.records(
                "/conflicts", {**CASE, "number": number, "title": title}
            )
            path = f"/konflik/{number}/catat/handled"
            await keep(client, (await opened(client, path)).typed(note="Nama orang"))
        asked = {"decision": "B/12", "legal_basis": "UU 27/2022"}
        await client.records("/subjects/conflict-K14/erasure", asked)
        left = await drafts.listing(pool, drafts.NOBODY)
        assert [one.path for one in left] == ["/konflik/K15/catat/handled"]


@pytest.mark.parametrize(
    "path", ["/konflik/K14/catat/absorbed", "/lain", "", "x" * 400]
)
async def test_a_draft_belongs_to_a_form(client: Client, app: App, path: str) -> None:
    form = (await opened(client, NEW)).typed(jalur=path)
    assert (await keep(client, form)).status_code == 404
    assert await drafts.listing(app.pool, drafts.NOBODY) == []


async def test_a_draft_that_is_too_long_is_refused(client: Client) -> None:
    form = (await opened(client, NEW)).typed(title="x" * 300_000)
    assert (await keep(client, form)).status_code == 400


async def staff(office: Office) -> None:
    """Record a case of wasnas, and open the accounts."""
    await office.client.records("/conflicts", CASE)
    await office.open_accounts()


@pytest.fixture(scope="module")
async def staffed(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Staffed]:
    folder = tmp_path_factory.mktemp("entering")
    async with people.staffed(await clone(furnished), folder, staff) as made:
        yield made


@pytest.fixture
async def office(staffed: Staffed) -> AsyncIterator[Office]:
    """A register with accounts and a case of wasnas."""
    async with staffed.opened() as found:
        yield found


async def form_of(office: Office, name: str, path: str) -> Filled:
    return await opened(office.client, path, **office.members[name].headers)


async def send(office: Office, name: str | None, form: Filled, **more: Any) -> Any:
    headers = {} if name is None else office.members[name].headers
    return await sent(office.client, form, headers=headers, **more)


async def test_a_form_of_an_ended_session_comes_back_to_its_account_only(
    office: Office,
) -> None:
    form = (await form_of(office, OFFICER, NEW)).typed(**REPORT, note="")
    before = await size(office.app)
    async with office.app.pool.acquire() as connection:
        await sessions.end_all(connection, office.members[OFFICER].account)
    answer = await send(office, OFFICER, form)
    assert answer.status_code == 401
    assert "Sengketa" not in answer.text
    assert read_form(answer.text, "/masuk").value("ke") == NEW
    assert read_form(answer.text, "/masuk").value("isian")
    assert await size(office.app) == before


async def test_a_form_that_another_account_sends_is_not_recorded(
    office: Office,
) -> None:
    form = (await form_of(office, OFFICER, NEW)).typed(**REPORT)
    other = await form_of(office, OTHER, NEW)
    before = await size(office.app)
    for key in (form.value("kunci"), other.value("kunci")):
        answer = await send(office, OTHER, form.typed(kunci=key))
        assert answer.status_code == 401
        assert "Sengketa" not in answer.text
        assert read_form(answer.text, "/masuk").value("isian")
    assert await size(office.app) == before
    async with office.app.pool.acquire() as connection:
        for name in (OFFICER, OTHER):
            account = office.members[name].account
            assert await drafts.listing(connection, account) == []


async def test_a_form_of_the_session_before_becomes_a_draft_of_the_same_account(
    office: Office,
) -> None:
    member = office.members[OFFICER]
    form = (await form_of(office, OFFICER, NEW)).typed(**REPORT)
    async with office.app.pool.acquire() as connection:
        token = await sessions.open_session(
            connection, member.account, method="password+totp"
        )
    office.members[OFFICER] = member._replace(token=token)
    answer = await send(office, OFFICER, form)
    assert answer.status_code == 303
    page = await office.ask(OFFICER, f"{SITE}{answer.headers['Location']}")
    assert "belum tercatat" in page.text
    again = read_form(page.text)
    assert again.value("title") == REPORT["title"]
    assert (await send(office, OFFICER, again)).status_code == 303


async def test_a_form_that_needs_a_fresh_factor_is_kept_until_it_is_used(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = (await form_of(office, OFFICER, NEW)).typed(**REPORT)
    owner = await pools.connect_as_owner(office.app.database.owner_dsn)
    await owner.execute("set event_triggers = off")
    await owner.execute(
        "update access.session set fresh_at = now() - interval '1 hour'"
    )
    await owner.close()
    monkeypatch.setattr(authorisation, "FRESH", {Action.ENTER})
    before = await size(office.app)
    answer = await send(office, OFFICER, form)
    assert answer.headers["Location"] == "/akun/konfirmasi?ke=%2Fkonflik%2Fbaru"
    assert await size(office.app) == before
    assert (await form_of(office, OFFICER, NEW)).value("title") == REPORT["title"]


async def test_a_draft_of_another_account_is_never_shown(office: Office) -> None:
    form = (await form_of(office, OFFICER, NEW)).typed(**REPORT)
    assert (await send(office, OFFICER, form, to="/draf")).status_code == 303
    assert (await form_of(office, OTHER, NEW)).value("title") == ""
    assert (await form_of(office, OFFICER, NEW)).value("title") == REPORT["title"]


async def test_nobody_who_has_not_signed_in_keeps_drafts(office: Office) -> None:
    form = (await form_of(office, OFFICER, NEW)).typed(**REPORT, pengisi="")
    answer = await send(office, None, form, to="/draf")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/masuk")
    assert await drafts.listing(office.app.pool, drafts.NOBODY) == []


async def proposals(office: Office) -> list[Any]:
    """The proposals about cases, as the head of division sees them."""
    listed = await office.says(HEAD, "/proposals")
    return [one for one in listed["items"] if one["category"] == "conflict"]


async def test_who_may_only_propose_sends_a_proposal(office: Office) -> None:
    page = await office.ask(OFFICER, f"{SITE}/konflik/K14/catat/corrected?peristiwa=1")
    assert "Usulkan" in page.text
    form = read_form(page.text)
    assert form.buttons == ["usulkan", "pratinjau"]
    typed = form.typed(level="kekerasan", reason="Menurut BA 12")
    answer = await send(office, OFFICER, typed, action="usulkan")
    assert answer.status_code == 303, answer.text
    [one] = await proposals(office)
    assert one["command"]["level"] == "kekerasan"
    assert one["because"] == "Menurut BA 12"
    history = await office.says(OFFICER, "/conflicts/K14/events")
    assert len(history["items"]) == 1
    # Sent again, it is one proposal.
    await send(office, OFFICER, typed, action="usulkan")
    assert len(await proposals(office)) == 1


async def test_a_proposal_needs_a_reason(office: Office) -> None:
    form = await form_of(office, OFFICER, "/konflik/K14/catat/corrected?peristiwa=1")
    answer = await send(
        office, OFFICER, form.typed(level="kekerasan"), action="usulkan"
    )
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    assert read_form(answer.text).value("level") == "kekerasan"


async def test_who_may_not_gets_the_reason_instead_of_a_form(office: Office) -> None:
    for name, path in (
        (OFFICER, "/konflik/K14/catat/verified"),
        (OTHER, HANDLED),
        ("auditor", NEW),
        ("perencana", "/organisasi/baru"),
    ):
        page = await office.ask(name, f"{SITE}{path}")
        assert page.status_code == 403, (name, path)
    assert (await office.ask(None, f"{SITE}{NEW}")).status_code == 303


async def test_a_similar_case_that_one_may_not_read_is_not_shown(
    office: Office,
) -> None:
    await office.invite("pelapor", Role.PETUGAS, "admin", "wasnas", district="35.76.02")
    typed = {
        **REPORT,
        "title": CASE["title"],
        "effective_on": "10-2-2021",
        "area": "35.76.02.1009",
    }
    form = (await form_of(office, OFFICER, NEW)).typed(**typed)
    shown = await send(office, OFFICER, form)
    assert shown.status_code == 409
    assert "K14" in read(shown.text).text
    # K14 has no area, so it belongs to no district.
    form = (await form_of(office, "pelapor", NEW)).typed(**typed)
    assert (await send(office, "pelapor", form)).status_code == 303


async def test_a_right_that_ended_meanwhile_refuses_the_form_and_keeps_its_values(
    office: Office,
) -> None:
    form = (await form_of(office, OFFICER, NEW)).typed(
        **{**REPORT, "category": "sara", "dimension": "agama"}
    )
    answer = await send(office, OFFICER, form)
    assert answer.status_code == 403
    assert read_form(answer.text).value("title") == REPORT["title"]


async def test_a_change_of_a_closed_period_is_offered_as_a_proposal(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = await clone(furnished)
    folder = tmp_path_factory.mktemp("closed")
    async with people.opened(database, folder) as office:
        client = office.client
        await client.records("/conflicts", CASE)
        verified = {"type": "verified", "effective_on": "2021-02-10"}
        await client.records("/conflicts/K14/events", verified)
        draft = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP 2021"}
        await client.records("/publications", draft)
        closed = {"type": "closed", "reason": "Uji"}
        await client.records("/publications/2021/events", closed)
        await office.open_accounts()
        late = await form_of(office, VERIFIER, "/konflik/K14/catat/resolved")
        typed = late.typed(effective_on="28-3-2021", manner="mediasi")
        refused = await send(office, VERIFIER, typed)
        assert refused.status_code == 409
        assert 'id="reason-error"' in refused.text
        assert "IKU-1" in read(refused.text).text
        again = read_form(refused.text).typed(reason="Berkas baru ditemukan")
        assert (await send(office, VERIFIER, again)).status_code == 303
        path = "/konflik/K14/catat/annulled?peristiwa=2"
        form = (await form_of(office, VERIFIER, path)).typed(reason="Bukan konflik")
        preview = await send(office, VERIFIER, form, action="pratinjau")
        assert preview.status_code == 200
        assert "IKU-1" in read(preview.text).text
        assert "Alasan wajib diisi" in read(preview.text).text
        offered = await send(office, VERIFIER, form)
        assert offered.status_code == 403
        proposal = read_form(offered.text)
        assert proposal.buttons == ["usulkan", "pratinjau"]
        answer = await send(office, VERIFIER, proposal, action="usulkan")
        assert answer.status_code == 303, answer.text
        [one] = await proposals(office)
        assert one["changes"]


async def test_in_a_demonstration_a_click_restores_the_form_of_an_ended_session(
    app: App, client: Client
) -> None:
    await _demonstrate(app)
    admin = await invited(app, Role.ADMIN)
    someone = await invited(app, Role.PETUGAS, admin, "wasnas")
    other = await invited(app, Role.PETUGAS, admin, "wasnas")
    headers = await _signed_in(client, someone.account)
    form = (await opened(client, NEW, **headers)).typed(**REPORT)
    async with app.pool.acquire() as connection:
        await sessions.end_all(connection, None)
    before = await size(app)
    lost = await sent(client, form, headers=headers)
    assert lost.status_code == 401
    sealed = read_form(lost.text, "/masuk/demonstrasi").value("isian")
    for account, title in ((other.account, ""), (someone.account, REPORT["title"])):
        answer = await _click(client, account, ke=NEW, isian=sealed)
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        page = await client.get(f"{SITE}{answer.headers['Location']}", headers=cookie)
        assert read_form(page.text).value("title") == title
        assert ("milik akun lain" in page.text) is not bool(title)
    again = read_form(page.text)
    assert (
        again.value("kunci").partition(".")[0] == form.value("kunci").partition(".")[0]
    )
    assert (await sent(client, again, headers=cookie)).status_code == 303
    assert await size(app) == before + 1


async def _demonstrate(app: App) -> None:
    async with app.pool.acquire() as connection:
        await accounts.declare_demonstration(app.commands, connection)


async def _click(client: Client, account: str, **fields: str) -> httpx.Response:
    form = Filled("/masuk/demonstrasi", [("akun", account), *fields.items()])
    return await sent(client, form)


async def _signed_in(client: Client, account: str) -> dict[str, str]:
    answer = await _click(client, account)
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


def test_every_form_has_a_path_by_which_it_is_found() -> None:
    for form in entry_forms.FORMS.values():
        subject = "" if form.creates_subject else "K9~X"
        assert entry_forms.of_path(entry_forms.path_of(form, subject)) == (
            form,
            subject,
        )
    for path in ("/konflik", "/konflik/K1", "/lain/baru", "/konflik//catat/handled"):
        assert entry_forms.of_path(path) is None
