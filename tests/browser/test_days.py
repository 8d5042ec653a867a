"""The day of each of the people of the example, end to end.

Each day is lived with a mouse, without JavaScript, and by keyboard alone, at the width
of a telephone, in the dark and in forced colours. A sample has each day in one of these
manners, and each manner.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.site import Faults, Site, become
from tests.samples import ALL, sample

HEADS = (
    "Kepala Bidang Contoh",
    "Kepala Bidang Poldagri Contoh",
    "Kepala Bidang Iwasbang Contoh",
)
FARTHEST = 120  # presses of Tab to what stands last on a page
SHORTEST_BUNDLE = 1_000  # bytes


class Manner(NamedTuple):
    """How the pages are used.

    Attributes:
        context: The options of the browser.
        keyboard: Whether there is no mouse.
        quarter: The end of the quarter that is published, a different one for each.
    """

    context: dict[str, Any]
    quarter: date
    keyboard: bool = False


NARROW = {"viewport": {"width": 320, "height": 700}}
MANNERS = {
    "mouse-dark": Manner({"color_scheme": "dark"}, date(2020, 3, 31)),
    "telephone-without-script": Manner(
        {"java_script_enabled": False, **NARROW}, date(2020, 6, 30)
    ),
    "keyboard-forced-colours": Manner(
        {"forced_colors": "active"}, date(2020, 9, 30), keyboard=True
    ),
}


@dataclass
class Desk:
    """The browser of an office, whose people sign in one after the other.

    Attributes:
        name: Of the one who is signed in; empty for nobody.
    """

    site: Site
    page: Page
    manner: Manner
    name: str = ""

    async def press(self, locator: Locator) -> None:
        """Follow a link, or send a form, and wait for the page that follows."""
        async with self.page.expect_navigation():
            if self.manner.keyboard:
                await self._reach(locator)
                await self.page.keyboard.press("Enter")
            else:
                await locator.click()
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= (self.page.viewport_size or {"width": wide})["width"]

    async def _reach(self, locator: Locator) -> None:
        """Press Tab until the element has the focus, which is visible."""
        wanted = await locator.element_handle()
        for _ in range(FARTHEST):
            await self.page.keyboard.press("Tab")
            if await wanted.evaluate("one => one === document.activeElement"):
                outline = "one => getComputedStyle(one).outlineStyle"
                assert await wanted.evaluate(outline) != "none"
                return
        raise AssertionError(f"{locator} is not reached by Tab")

    async def type(self, locator: Locator, text: str) -> None:
        if self.manner.keyboard:
            await self._reach(locator)
            await self.page.keyboard.type(text)
        else:
            await locator.fill(text)

    async def choose(self, locator: Locator, value: str) -> None:
        """Choose an option of a select."""
        if self.manner.keyboard:
            await self._reach(locator)
            option = locator.locator(f"option[value='{value}']")
            await self.page.keyboard.type(await option.inner_text())
        else:
            await locator.select_option(value)
        await expect(locator).to_have_value(value)

    async def tick(self, locator: Locator) -> None:
        """Choose the first radio button of a group."""
        if self.manner.keyboard:
            await self._reach(locator)
            await self.page.keyboard.press("Space")
        else:
            await locator.check()

    async def open(self, path: str) -> None:
        """Type an address."""
        answer = await self.page.goto(f"{self.site.address}{path}")
        assert answer is not None
        assert answer.status == 200, path
        await expect(self.page.locator(".top nav")).to_contain_text(self.name)

    async def be(self, name: str) -> None:
        """Sign in as somebody of the example; in a sample, only once by a click."""
        if ALL or not self.name:
            await self.page.context.clear_cookies()
            self.name = ""
            await self.open("/masuk")
            await self.press(self.page.locator(f"main li:has-text('{name}') button"))
            await expect(self.page.locator(".top nav")).to_contain_text(name)
        else:
            await become(self.page.context, self.site, name)
        self.name = name

    def link(self, path: str) -> Locator:
        """The first link to a page."""
        return self.page.locator(f"main a[href*='{path}']").first

    @property
    def done(self) -> Locator:
        return self.page.locator(".done")


def manners(number: int) -> pytest.MarkDecorator:
    """The manners of a day: all, or in a sample the one with that number."""
    lived = sample(list(MANNERS), len(MANNERS), number)
    return pytest.mark.parametrize("desk", lived, indirect=True)


@pytest.fixture
async def desk(
    request: pytest.FixtureRequest, browser: Browser, example: Site
) -> AsyncIterator[Desk]:
    manner = MANNERS[request.param]
    context = await browser.new_context(locale="id-ID", **manner.context)
    faults = Faults(context)
    yield Desk(example, await context.new_page(), manner)
    await context.close()
    assert faults.found == []


async def report(desk: Desk) -> str:
    """The day of the officer: a report. The path of the new case."""
    page, title = desk.page, f"Perselisihan {desk.manner.quarter}"
    await desk.be("Petugas Contoh")
    await desk.open("/konflik")
    await desk.press(desk.link("/konflik/baru"))
    await expect(page.locator("#title")).to_be_focused()
    if desk.manner.keyboard:
        await page.keyboard.type(title)
    else:
        await page.fill("#title", title)
    await desk.tick(page.locator("[name=category][value=ipoleksosbud]"))
    await desk.choose(page.locator("#dimension"), "ekonomi")
    await desk.press(page.locator("button[value=simpan]"))
    await expect(desk.done).to_be_visible()
    await desk.open("/tugas")
    case = page.locator(f"li:has-text('{title}') a").first
    path = await case.get_attribute("href")
    assert path is not None
    return path


async def propose(desk: Desk, case: str) -> None:
    """The officer has chosen the wrong level, and proposes a correction."""
    page = desk.page
    await desk.open(case)
    await desk.press(desk.link("/catat/corrected"))
    await desk.press(desk.link("peristiwa=1"))
    await desk.choose(page.locator("#dimension"), "politik")
    await desk.type(page.locator("#reason"), "Salah pilih")
    if await page.locator("#because").count():
        await desk.type(page.locator("#because"), "Salah pilih")
    await desk.press(page.locator("button[value=usulkan]"))


async def verify(desk: Desk, case: str) -> None:
    """The day of the verifier."""
    await desk.be("Verifikator Contoh")
    await desk.open("/tugas")
    await desk.press(desk.link(case))
    await desk.press(desk.link("/catat/verified"))
    await desk.press(desk.page.locator("button[value=simpan]"))
    await expect(desk.done).to_be_visible()
    await desk.open("/tugas")
    await expect(desk.link(case)).to_have_count(0)


async def approve(desk: Desk) -> None:
    """The day of the head of a division: a proposal of another person."""
    await desk.be("Kepala Bidang Contoh")
    await desk.open("/tugas")
    await desk.press(desk.link("/usulan/"))
    await desk.press(desk.page.locator("form:has([value=approved]) button"))
    await expect(desk.page.locator("form:has([value=approved])")).to_have_count(0)


async def resolve(desk: Desk, case: str) -> None:
    """The officer records the handling, and the verifier the end of the conflict."""
    page = desk.page
    await desk.be("Petugas Contoh")
    await desk.open(case)
    await desk.press(desk.link("/catat/handled"))
    await desk.tick(page.locator("[name=phase]").first)
    await desk.type(page.locator("#note"), "Dipertemukan di balai kota")
    await desk.press(page.locator("button[value=simpan]"))
    await desk.be("Verifikator Contoh")
    await desk.open(case)
    await desk.press(desk.link("/catat/resolved"))
    await desk.choose(page.locator("#manner"), "mediasi")
    await desk.press(page.locator("button[value=simpan]"))
    await expect(desk.done).to_be_visible()


async def counted(desk: Desk) -> list[int]:
    """Numerator and denominator of the first indicator today."""
    await desk.open("/indikator/IKU-1")
    return [
        int(await desk.page.locator(f"[data-angka='IKU-1.{n}']").first.inner_text())
        for n in ("numerator", "denominator")
    ]


@manners(1)
async def test_a_case_is_reported_corrected_by_proposal_verified_and_resolved(
    desk: Desk,
) -> None:
    case = await report(desk)
    await propose(desk, case)
    await approve(desk)
    before = await counted(desk)
    await verify(desk, case)
    assert await counted(desk) == [before[0], before[1] + 1]
    await resolve(desk, case)
    await desk.open(case)
    await expect(desk.page.locator("main")).to_contain_text("politik")
    assert await counted(desk) == [one + 1 for one in before]


@manners(2)
async def test_an_organisation_is_registered_and_its_participation_verified(
    desk: Desk,
) -> None:
    page, name = desk.page, f"Perkumpulan {desk.manner.quarter}"
    # Nobody of the example belongs to the division of organisations. Those who have not
    # signed in may take any place in a demonstration.
    await desk.open("/organisasi")
    await desk.press(desk.link("/organisasi/baru"))
    await desk.type(page.locator("#name"), name)
    await desk.tick(page.locator("[name=kind]").first)
    await desk.tick(page.locator("[name=legal_basis]").first)
    await desk.type(page.locator("#valid_until"), "14 September 2030")
    await desk.press(page.locator("button[value=simpan]"))
    await expect(desk.done).to_be_visible()
    await desk.press(desk.link("/catat/participated"))
    await desk.type(page.locator("#participation"), "P1")
    await desk.tick(page.locator("[name=activity]").first)
    await desk.press(page.locator("button[value=simpan]"))
    await desk.press(desk.link("/catat/participation_verified"))
    await desk.choose(page.locator("#participation"), "P1")
    await desk.press(page.locator("button[value=simpan]"))
    await expect(desk.done).to_be_visible()
    await expect(page.locator("main table")).to_contain_text("P1")


@manners(0)
async def test_a_target_is_proposed_by_the_planner_and_approved_by_the_head(
    desk: Desk,
) -> None:
    page, year = desk.page, 2030 + desk.manner.quarter.month
    await desk.be("Perencana Contoh")
    await desk.open("/indikator/IKU-3/definisi")
    await desk.press(desk.link("/indikator/IKU-3/definisi/usul"))
    for field, text in (
        ("year", str(year)),
        ("target", "82,5"),
        ("effective_on", "hari ini"),
        ("basis", "PK Contoh"),
        ("because", "Perjanjian kinerja baru"),
    ):
        await desk.type(page.locator(f"#target-{field}"), text)
    await desk.press(page.locator("form:has([value='target-']) button"))
    path = page.url.removeprefix(desk.site.address).partition("?")[0]
    await desk.be("Kepala Badan Contoh")
    await desk.open(path)
    await desk.press(page.locator("form:has([value=approved]) button"))
    await desk.open("/indikator/IKU-3/definisi")
    await expect(page.locator("main")).to_contain_text(str(year))


async def take(desk: Desk, path: str, step: str) -> None:
    """Take a step of a publication."""
    await desk.open(path)
    taken = desk.page.locator(".steps .done")
    before = await taken.count()
    form = desk.page.locator(f"form.step:has([name=type][value={step}])").first
    await desk.type(form.locator("[name=reason]"), "Sesuai jadwal")
    await desk.press(form.locator("button"))
    await expect(taken).to_have_count(before + 1)


@manners(0)
async def test_a_publication_goes_from_draft_to_published(desk: Desk) -> None:
    page = desk.page
    await desk.be("Perencana Contoh")
    await desk.open("/publikasi/baru")
    await desk.choose(page.locator("#period"), "quarter")
    quarter = desk.manner.quarter
    await desk.type(
        page.locator("#as_of"), f"{quarter.day}-{quarter.month}-{quarter.year}"
    )
    await desk.type(page.locator("#reason"), "Laporan triwulan")
    await desk.press(page.locator("main form button"))
    path = page.url.removeprefix(desk.site.address).partition("?")[0]
    for head in HEADS:
        await desk.be(head)
        await take(desk, path, "confirmed")
    await take(desk, path, "closed")
    await desk.be("Perencana Contoh")
    await take(desk, path, "reviewed")
    await desk.be("Kepala Badan Contoh")
    await take(desk, path, "published")
    await expect(page.locator("form.step:has([value=published])")).to_have_count(0)
    await desk.press(desk.link("/f/"))
    await expect(page.locator("main")).to_contain_text("SAMA")


@manners(1)
async def test_an_auditor_explains_compares_and_downloads_the_bundle(
    desk: Desk,
) -> None:
    page = desk.page
    await desk.be("Auditor Contoh")
    await desk.open("/?per=2021-12-31")
    await desk.press(desk.link("/indikator/IKU-1?"))
    await desk.press(desk.link("/penjelasan?"))
    await expect(page.locator("main")).to_contain_text("K10")
    await desk.press(desk.link("/indikator/IKU-1?"))
    await desk.press(desk.link("/perbandingan?"))
    assert "per=2021-12-31" in page.url
    await expect(page.locator("h1")).to_contain_text("IKU-1")
    await desk.open("/bukti")
    async with page.expect_download() as bundle:
        link = desk.link("/bukti/berkas")
        if desk.manner.keyboard:
            await desk._reach(link)
            await page.keyboard.press("Enter")
        else:
            await link.click()
    path = await (await bundle.value).path()
    assert path.stat().st_size > SHORTEST_BUNDLE
    assert path.read_bytes()[:2] == b"PK"
