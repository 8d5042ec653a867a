"""Forms of other sites and of other sessions change nothing (ASVS 3.5.1, 3.5.3)."""

from playwright.async_api import BrowserContext, expect

from iku.domain.account import Role
from tests.browser.site import Site, sign_in, token_of
from tests.browser.test_sites import other_site

SENT = """([url, fields]) => {
  const form = document.createElement('form')
  form.method = 'post'
  form.action = url
  for (const [name, value] of fields) {
    const field = document.createElement('input')
    field.name = name
    field.value = value
    form.append(field)
  }
  document.body.append(form)
  form.submit()
}"""


async def test_a_form_of_another_site_is_refused_and_has_no_cookie_of_ours(
    site: Site, second: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(second, site, someone)
    await page.goto(f"{site.address}/akun")
    key = await page.locator("input[name=kunci] >> nth=0").get_attribute("value")
    url = f"{site.address}/akun/sesi/akhiri"
    with other_site() as port:
        for host in ("127.0.0.1", "localhost"):
            await page.goto(f"http://{host}:{port}/")
            fields = [["sesi", "lainnya"], ["kunci", key]]
            async with page.expect_navigation(url=url) as answered:
                await page.evaluate(SENT, [url, fields])
            answer = await answered.value
            assert answer is not None
            assert answer.status == 403
            sent = await answer.request.all_headers()
            # Another port of localhost is another origin, but the same site.
            assert ("cookie" in sent) == (host == "localhost")
    await page.goto(f"{site.address}/akun")
    await expect(page.locator("h1")).to_have_text(someone.name)


async def test_a_form_without_the_key_of_its_session_changes_nothing(
    site: Site, scripted: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(scripted, site, someone)
    token = await token_of(scripted)
    url = f"{site.address}/keluar"
    for fields in ([], [["kunci", ""]], [["kunci", "x" * 43]]):
        await page.goto(f"{site.address}/akun")
        async with page.expect_navigation(url=url) as answered:
            await page.evaluate(SENT, [url, fields])
        answer = await answered.value
        assert answer is not None
        assert answer.status == 403
    assert await token_of(scripted) == token
    await page.goto(f"{site.address}/akun")
    await expect(page.locator("h1")).to_have_text(someone.name)


async def test_a_form_of_the_session_before_is_refused_after_a_new_token(
    site: Site, scripted: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(scripted, site, someone)
    await page.goto(f"{site.address}/akun")
    old = await page.locator("input[name=kunci] >> nth=0").get_attribute("value")
    await page.goto(f"{site.address}/akun/konfirmasi")
    await site.office.forget_codes()
    await page.fill("#kode", someone.code)
    await page.click("main button >> nth=0")
    await expect(page.locator("h1")).to_have_text(someone.name)
    url = f"{site.address}/akun/sesi/akhiri"
    async with page.expect_navigation(url=url) as answered:
        await page.evaluate(SENT, [url, [["kunci", old], ["sesi", "lainnya"]]])
    answer = await answered.value
    assert answer is not None
    assert answer.status == 403
    await expect(page.locator("main a")).to_be_visible()
