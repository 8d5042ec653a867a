"""Each page is accessible, fits a telephone, and needs only a keyboard."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from zlib import crc32

import pytest
from axe_playwright_python.base import (  # type: ignore[import-untyped]  # it has no annotations
    AXE_SCRIPT,
    AxeResults,
)
from playwright.async_api import Browser, BrowserContext, Page, expect

from iku.domain.account import Role
from tests.access.enrolling import PASSWORD
from tests.browser.conftest import LOW
from tests.browser.site import Faults, Site, sign_in
from tests.samples import ALL

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# No rule with these tags needs the style sheets, which axe would otherwise parse again.
NO_STYLES = {"assets": ["media"]}
RULES = {"resultTypes": ["violations"], "runOnly": list(TAGS), "preload": NO_STYLES}
WIDTHS = (320, 1280)
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
# A scheme changes nothing but colours.
SCHEMES = {"light": RULES, "dark": RULES | CONTRAST}
# What is asked of a page before axe: how many elements ask for the focus, how wide it
# is, its colour scheme, and what accessibility depends on of its elements, not words.
STATE = """() => [
  document.querySelectorAll('[autofocus]').length,
  document.documentElement.scrollWidth,
  matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
  [...document.body.querySelectorAll('*')].map(one => [
    one.tagName, one.textContent.trim() === '',
    ...['class', 'id', 'for', 'role', 'type', 'tabindex', 'lang', 'disabled', 'hidden',
        'aria-hidden', 'aria-current', 'aria-describedby', 'aria-labelledby'
    ].map(name => one.getAttribute(name)), Boolean(one.getAttribute('aria-label')),
  ]).join()
]"""
# Marks one of the elements whose texts have the same colours and size, because axe
# takes milliseconds for the contrast of each, and judges the page. In a sample, none is
# marked that is like one of an earlier page of the same tab. What passes is not sent:
# that takes longer than the judgement of many a rule.
JUDGE = """async ([how, all]) => {
  const known = new Set(all ? [] : JSON.parse(sessionStorage.contoh ?? '[]'))
  const grounds = new Map([[null, '']])
  const ground = one => {
    if (!grounds.has(one)) {
      const {backgroundColor, opacity} = getComputedStyle(one)
      grounds.set(one, `${backgroundColor},${opacity},${ground(one.parentElement)}`)
    }
    return grounds.get(one)
  }
  for (const one of document.querySelectorAll('body *')) {
    const texts = [...one.childNodes].filter(node => node.nodeType === 3)
    if (!texts.some(node => node.data.trim())) continue
    const {color, fill, fontSize, fontWeight} = getComputedStyle(one)
    const look = [color, fill, fontSize, fontWeight, ground(one)].join()
    one.toggleAttribute('data-contoh', !known.has(look))
    known.add(look)
  }
  if (!all) sessionStorage.contoh = JSON.stringify([...known])
  axe.configure({rules: [{id: 'color-contrast', selector: '[data-contoh]'}]})
  const {violations} = await axe.run(how)
  return {violations}
}"""
seen: set[tuple[str, str]] = set()


@pytest.fixture
async def looked_at(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser of an Indonesian, whose pages report nothing."""
    context = await browser.new_context(locale="id-ID", viewport=LOW)
    await context.add_init_script(AXE_SCRIPT)
    faults = Faults(context)
    yield context
    await context.close()
    assert faults.found == []


async def look(
    page: Page,
    name: str,
    schemes: dict[str, Any] = SCHEMES,
    widths: Sequence[int] = WIDTHS,
) -> None:
    """Assert that the present page is accessible and has no sideways scroll.

    At most one element asks for the focus, because a browser obeys the first only. axe
    does not judge the elements of an earlier page again. A sample has one of the views
    of each page. The page keeps the last width and scheme: a change back would take as
    long as the next page with another view.
    """
    known = None
    for width, judged in views(name, schemes, widths):
        size = page.viewport_size
        if size is None or size["width"] != width:
            await page.set_viewport_size({"width": width, "height": LOW["height"]})
        focused, wide, shown, elements = await page.evaluate(STATE)
        assert focused <= 1, name
        assert wide <= width, (name, wide)
        if folder := os.environ.get("SCREENSHOTS"):
            path = f"{folder}{name}-{width}.png"
            await page.screenshot(path=path, full_page=True)
        if known is None:
            known = (elements, str(schemes)) in seen
            seen.add((elements, str(schemes)))
        for scheme, rules in () if known else judged.items():
            if scheme != shown:
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                shown = scheme
            found = AxeResults(await page.evaluate(JUDGE, [rules, ALL]))
            at = (name, width, scheme)
            assert found.violations_count == 0, (*at, found.generate_report())


def views(
    name: str, schemes: dict[str, Any], widths: Sequence[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each width with the rules of each scheme.

    A sample has one width with all rules in one scheme, which depend on the page's name
    only, so that each run has the same ones.
    """
    if ALL:
        yield from ((width, schemes) for width in widths)
    else:
        number = crc32(name.encode())
        scheme = list(schemes)[number // 2 % len(schemes)]
        yield widths[number % len(widths)], {scheme: next(iter(schemes.values()))}


async def follow(page: Page, button: str) -> None:
    """Press a button, and wait for the page that follows."""
    async with page.expect_navigation():
        await page.click(button)


async def test_the_pages_of_a_sign_in_are_accessible(
    site: Site, looked_at: BrowserContext
) -> None:
    account, _ = await site.invite(Role.PERENCANA)
    page = await looked_at.new_page()
    await page.goto(f"{site.address}/")
    await look(page, "front")
    await page.goto(await site.link(account))
    await look(page, "invitation")
    await follow(page, "main button")
    await look(page, "enrolment-password")
    await page.fill("#nama", "x!")
    for field in ("#sandi", "#sandi_lagi"):
        await page.fill(field, "kata sandi")
    await follow(page, "main button >> nth=0")
    await look(page, "enrolment-fault")
    await page.fill("#nama", f"melihat.{account[:8]}")
    for field in ("#sandi", "#sandi_lagi"):
        await page.fill(field, PASSWORD)
    await follow(page, "main button >> nth=0")
    await look(page, "enrolment-factor")
    await follow(page, "main form[action*='aplikasi'] button")
    await look(page, "authenticator")
    await page.goto(f"{site.address}/undangan/tidak-ada")
    await follow(page, "main button")
    await look(page, "invitation-gone")
    someone = await site.person(Role.PERENCANA)
    await looked_at.clear_cookies()
    await page.goto(f"{site.address}/masuk")
    await look(page, "sign-in")
    await page.fill("#nama", someone.login_name)
    await page.fill("#sandi", PASSWORD)
    await follow(page, "main button >> nth=0")
    await look(page, "code")
    await page.fill("#kode", "000000")
    await follow(page, "main button >> nth=0")
    await look(page, "code-wrong")


async def test_the_pages_of_accounts_are_accessible(
    site: Site, looked_at: BrowserContext
) -> None:
    admin = await site.person(Role.ADMIN)
    someone = await site.person(Role.PETUGAS, "wasnas")
    page = await sign_in(looked_at, site, admin)
    await page.goto(f"{site.address}/")
    await look(page, "front-signed-in")
    await page.goto(f"{site.address}/akun")
    await page.fill("#kunci-name", "Impor bulanan")
    await page.check("[name=roles]")
    await follow(page, "form[action='/akun/kunci-api'] button")
    await look(page, "account")
    await page.goto(f"{site.address}/kelola")
    await look(page, "accounts")
    await page.goto(f"{site.address}/kelola/undang")
    await look(page, "invite")
    await page.goto(f"{site.address}/kelola/{someone.account}")
    await look(page, "administered")
    await page.locator("form[action*='/undang-ulang'] [name=reason]").fill("Hilang")
    await follow(page, "form[action*='/undang-ulang'] button")
    await look(page, "link")
    await page.goto(f"{site.address}/kelola/{admin.account}")
    await look(page, "administered-own")
    await site.office.owner.execute(
        "update access.session set fresh_at = fresh_at - interval '6 minutes'"
    )
    await page.goto(f"{site.address}/akun")
    await look(page, "account-stale")
    await page.goto(f"{site.address}/akun/konfirmasi")
    await look(page, "step-up")
    await page.goto(f"{site.address}/kelola/tidak-ada")
    await look(page, "failure")


async def test_the_pages_of_a_demonstration_are_accessible(
    demonstration: Site, looked_at: BrowserContext
) -> None:
    for role, division in ((Role.PETUGAS, "wasnas"), (Role.PERENCANA, None)):
        await demonstration.invite(role, division)
    page = await looked_at.new_page()
    await page.goto(f"{demonstration.address}/masuk")
    await look(page, "demonstration-sign-in")
    await follow(page, "main .people button >> nth=0")
    await look(page, "demonstration-front")


async def test_a_sign_in_needs_only_a_keyboard(
    site: Site, context: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await context.new_page()
    await page.goto(f"{site.address}/masuk?ke=/akun")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator("#nama")).to_be_focused()
    await page.keyboard.type(someone.login_name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#kode").focus()
    await page.keyboard.type(someone.code)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text(someone.name)
