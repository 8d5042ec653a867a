"""Hostile texts in every field of every form: shown as text, with the layout whole.

At the width of a telephone, and with JavaScript, so that a script would run. A sample
has only the forms with a field that no form before has.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Response
from playwright.async_api import Error as BrowserError

from iku.domain.account import Role
from iku.web.pages.entry_forms import FORMS, path_of
from tests.browser.site import Faults, Site, open_site, sign_in
from tests.browser.test_look import follow
from tests.conftest import Clone
from tests.samples import ALL, sample
from tests.web.pages.showing import addresses

WIDTH = 320
SERVER_ERROR = 500
MARKUP = "<script>alert(1)</script><img class=asing src=x onerror=alert(1)>\"'{{7*7}}"
BIDI = "\u202egnalab\u2066\u200f"
HOSTILE = f"{MARKUP} {BIDI} {'x' * 10_000}"
LONG = f"{MARKUP} {'x' * 400}"  # a text that may be recorded
TYPES = ("text", "password", "email", "search", "tel", "url", "number", "textarea")

# The forms of a page as the server sent it, with the names of the fields that take
# texts. The page is only parsed, which is faster than showing it. A script, not the
# browser, sends the forms of passkeys.
LIST = """([html, address, types]) => [
  ...new DOMParser().parseFromString(html, 'text/html').forms
].map(form => ({
  method: form.method,
  path: new URL(form.getAttribute('action') ?? '', address).pathname,
  fields: form.closest('[data-passkey]') ? [] :
    [...form.elements].filter(one => types.includes(one.type)).map(one => one.name),
  time: Boolean(form.closest('.time')),
}))"""
# Fills in the texts of a form, chooses the first of all choices, and sends it.
SEND = """([place, types, text]) => {
  const form = document.forms[place]
  for (const field of form.elements) {
    if (types.includes(field.type)) field.value = text
    if (field.type === 'radio') field.checked = true
    if (field.type === 'select-one') field.selectedIndex = field.options.length - 1
  }
  form.noValidate = true
  form.hidden = false
  form.requestSubmit(form.querySelector('button:not([disabled])'))
}"""


class Sent(NamedTuple):
    """A form with texts, and its place on its page."""

    page: str
    place: int
    fields: tuple[str, ...]


@pytest.fixture
async def telephone(browser: Browser) -> AsyncIterator[BrowserContext]:
    """The browser of a telephone, whose pages report nothing."""
    size: Any = {"width": WIDTH, "height": 700}
    context = await browser.new_context(viewport=size)
    faults = Faults(context)
    yield context
    await context.close()
    assert faults.found == []


@pytest.fixture(scope="module")
async def office(clone: Clone, imported: str) -> AsyncIterator[Site]:
    """The example register as a demonstration, which these tests alone change."""
    async with open_site(await clone(imported), demonstrated=True) as site:
        await site.invite_people()
        await site.publish()
        yield site


async def check(page: Page, where: object) -> None:
    """Check that the layout is whole, and that no markup came from a text."""
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= WIDTH, (where, wide)
    assert await page.locator(".asing").count() == 0, where


async def forms(page: Page, site: Site, paths: list[str]) -> list[Sent]:
    """The forms with texts on these pages, each once."""
    found: dict[object, Sent] = {}
    for path in paths:
        answer = await page.context.request.get(f"{site.address}{path}")
        assert answer.status < SERVER_ERROR, path
        given = [await answer.text(), answer.url, TYPES]
        for place, one in enumerate(await page.evaluate(LIST, given)):
            fields = tuple(filter(None, one["fields"]))
            # The time control is the same on all pages.
            key = "time" if one["time"] else (one["method"], one["path"])
            if fields and (key, fields) not in found:
                found[key, fields] = Sent(path, place, fields)
    return list(found.values()) if ALL else of_each_field(found.values())


def of_each_field(sent: Iterable[Sent]) -> list[Sent]:
    """The forms with a field of a name that no form before has."""
    known: set[str] = set()
    kept = []
    for one in sent:
        if not known.issuperset(one.fields):
            kept.append(one)
            known.update(one.fields)
    return kept


async def send(page: Page, one: Sent) -> Response:
    """The answer to a form with hostile texts: a page, or a file that is saved."""
    saved = False
    async with page.expect_response(is_last) as answered:
        try:
            async with page.expect_navigation(wait_until="domcontentloaded"):
                await page.evaluate(SEND, [one.place, TYPES, HOSTILE])
        except BrowserError as error:
            saved = "ERR_ABORTED" in str(error)
            if not saved:
                raise
    answer = await answered.value
    assert saved is not answer.headers["content-type"].startswith("text/html"), one
    return answer


def is_last(answer: Response) -> bool:
    """Whether the browser goes to this answer, and no further."""
    return answer.request.is_navigation_request() and "location" not in answer.headers


async def send_all(page: Page, site: Site, paths: list[str]) -> set[str]:
    """Send every form with hostile texts; gives the names of the fields."""
    sent = await forms(page, site, paths)
    for one in sent:
        address = f"{site.address}{one.page}"
        await page.goto(address, wait_until="domcontentloaded")
        answer = await send(page, one)
        assert answer.status < SERVER_ERROR, one
        await check(page, one)
    return {name for one in sent for name in one.fields}


async def test_hostile_texts_in_every_field_of_the_desk_are_texts(
    office: Site, telephone: BrowserContext
) -> None:
    page = await telephone.new_page()
    subjects = {"conflict": "K10", "organisation": "O01"}
    entries = {key: path_of(form, subjects[key[0]]) for key, form in FORMS.items()}
    about = [
        f"{path}?peristiwa=1"
        for (_, event), path in entries.items()
        if event in {"corrected", "annulled"}
    ]
    found = await send_all(page, office, [*entries.values(), *about, *addresses()])
    texts = {
        one.name
        for form in FORMS.values()
        for one in form.fields
        if one.kind in {"line", "area", "day", "persons"}
        if one.name != "area"  # which is chosen
    }
    assert texts <= found


async def test_hostile_texts_in_every_field_of_accounts_are_texts(
    site: Site, telephone: BrowserContext
) -> None:
    page = await telephone.new_page()
    account, _ = await site.invite(Role.PERENCANA)
    await page.goto(await site.link(account))
    await follow(page, "main button")
    await send_all(page, site, ["/masuk", urlsplit(page.url).path])
    admin, other = await site.person(Role.ADMIN), await site.person(Role.PERENCANA)
    page = await sign_in(telephone, site, admin)
    paths = ["/akun", "/kelola", "/kelola/undang", f"/kelola/{other.account}"]
    paths.append("/akun/konfirmasi")
    assert {"name", "reason", "basis"} <= await send_all(page, site, paths)


async def test_recorded_texts_of_every_length_leave_the_layout_whole(
    office: Site, telephone: BrowserContext
) -> None:
    day = {"effective_on": "2022-03-01"}
    people: dict[str, Any] = {"reporter": {"name": LONG}, "parties": [{"name": LONG}]}
    case = {"number": "K90", "title": LONG, "reference": LONG, **day, **people}
    case |= {"category": "ipoleksosbud", "dimension": "politik"}
    body = {"number": "O90", "kind": "ormas", "name": LONG, "legal_basis": "skt"}
    body |= {"valid_until": "2026-12-14", **day}
    note = {"type": "handled", "phase": "penghentian", "note": LONG * 8, **day}
    corrected = {"type": "corrected", "corrects": 1, "reason": LONG}
    annulled = {"type": "annulled", "annuls": 2, "reason": LONG}
    draft = {"period": "quarter", "as_of": "2020-03-31", "title": LONG, "reason": LONG}
    asked: dict[str, Any] = {"category": "conflict", "subject": "K90", "because": LONG}
    asked |= {"command": {**corrected, "title": LONG[:-1]}}
    async with httpx.AsyncClient(base_url=f"{office.address}/api/v1") as client:
        for path, sent in (
            ("/conflicts", case),
            ("/conflicts/K90/events", note),
            ("/conflicts/K90/events", corrected | {"reference": LONG[:-1]}),
            ("/conflicts/K90/events", annulled),
            ("/conflicts/K90/events", {"type": "verified", **day}),
            ("/organisations", body),
            ("/publications", draft),
            ("/proposals", asked),
        ):
            answer = await client.post(path, json=sent)
            assert answer.status_code == 201, (path, answer.text)
        kind = {"Content-Type": "application/pdf", "Iku-File-Name": "x" * 250}
        file = await client.post(
            "/conflicts/K90/attachments", content=b"1", headers=kind
        )
        assert file.status_code == 201, file.text
        proposal = (await client.get("/proposals")).json()["items"][0]["id"]
        printed = (await client.get("/publications")).json()["publications"]
    page = await telephone.new_page()
    shown = ("/konflik/K90", "/konflik", "/organisasi/O90", f"/usulan/{proposal}")
    others = (
        *("/", "/tugas", "/konflik/K90/berkas", "/konflik/K90/catat/handled"),
        *("/konflik/K90/catat/corrected?peristiwa=1", "/organisasi"),
        *("/organisasi/O90/berkas", "/organisasi/O90/catat/renewed", "/usulan"),
        *("/publikasi", *(f"/publikasi/{one['id']}" for one in printed)),
        *("/indikator/IKU-1/penjelasan?per=2022-12-31", "/bukti"),
        "/indikator/IKU-1/perbandingan?per=2022-12-31&lawan_per=2021-12-31",
    )
    for path in (*shown, *sample(others, 3)):
        await page.goto(f"{office.address}{path}")
        await check(page, path)
        assert path not in shown or MARKUP in await page.inner_text("main"), path
