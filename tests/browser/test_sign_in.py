"""Sign-in, sign-out and enrolment in a browser without JavaScript."""

from playwright.async_api import Browser, BrowserContext, expect

from iku.domain.account import Role
from tests.access.enrolling import PASSWORD, code, wrong
from tests.browser.site import Site, fill_sign_in, sign_in, token_of


async def test_an_invited_person_enrols_and_is_signed_in(
    site: Site, context: BrowserContext
) -> None:
    """ASVS 6.4.1, 6.3.3: the link opens enrolment only, and once."""
    account, name = await site.invite(Role.PERENCANA)
    link = await site.link(account)
    page = await context.new_page()
    await page.goto(link)
    await page.click("main button")
    invited = await token_of(context)
    await page.goto(f"{site.address}/akun")
    await expect(page).to_have_url(f"{site.address}/masuk?ke=%2Fakun")
    await page.goto(f"{site.address}/pendaftaran")
    await page.fill("#nama", "wahyu.perencana")
    await page.fill("#sandi", "mojokerto2021mojokerto")
    await page.fill("#sandi_lagi", "mojokerto2021mojokerto")
    await page.click("main button >> nth=0")
    await expect(page.locator("#sandi-error")).to_be_visible()
    assert await page.input_value("#nama") == "wahyu.perencana"
    for field in ("#sandi", "#sandi_lagi"):
        await page.fill(field, PASSWORD)
    await page.click("main button >> nth=0")
    await page.click("main button >> nth=0")  # set up an authenticator app
    seed = await page.get_attribute("[data-seed]", "data-seed")
    assert seed is not None
    await page.fill("#kode", wrong(seed))
    await page.click("main button")
    await expect(page.locator(".summary")).to_be_visible()
    assert await page.get_attribute("[data-seed]", "data-seed") == seed
    await page.fill("#kode", code(seed))
    await page.click("main button")
    await expect(page).to_have_url(f"{site.address}/akun")
    await expect(page.locator("h1")).to_have_text(name)
    assert await token_of(context) not in {None, invited}
    await page.goto(link)
    await page.click("main button")
    await expect(page.locator(".summary")).to_be_visible()
    await page.goto(f"{site.address}/akun")  # the replay changed nothing
    await expect(page.locator("h1")).to_have_text(name)


async def test_opening_the_link_of_an_invitation_does_not_use_it_up(
    site: Site, context: BrowserContext, second: BrowserContext
) -> None:
    account, _ = await site.invite(Role.PERENCANA)
    link = await site.link(account)
    for browser in (context, second):
        page = await browser.new_page()
        await page.goto(link)
    await page.click("main button")
    await expect(page.locator("#nama")).to_be_visible()


async def test_a_sign_in_takes_two_steps_and_a_new_token_at_each(
    site: Site, context: BrowserContext
) -> None:
    """ASVS 7.2.4, 3.3.1: a token known before the sign-in is worth nothing."""
    someone = await site.person(Role.PERENCANA)
    page = await context.new_page()
    await page.goto(f"{site.address}/masuk")
    await page.fill("#nama", someone.login_name)
    await page.fill("#sandi", PASSWORD)
    await page.click("main button >> nth=0")
    first = await token_of(context)
    await page.goto(f"{site.address}/akun")
    await expect(page.locator("#nama")).to_be_visible()  # the password opens nothing
    await page.goto(f"{site.address}/masuk/kode?ke=/akun")
    await page.fill("#kode", someone.code)
    await page.click("main button >> nth=0")
    await expect(page.locator("h1")).to_have_text(someone.name)
    [cookie] = await context.cookies()
    assert cookie["value"] != first
    assert cookie["name"] == "__Host-iku"
    assert (cookie["secure"], cookie["httpOnly"]) == (True, True)
    assert (cookie["sameSite"], cookie["path"]) == ("Lax", "/")
    assert cookie["expires"] == -1
    await context.clear_cookies()
    await context.add_cookies(
        [
            {
                "name": "__Host-iku",
                "value": str(first),
                "url": site.address.replace("http:", "https:"),
                "secure": True,
            }
        ]
    )
    await page.goto(f"{site.address}/akun")
    await expect(page.locator("#nama")).to_be_visible()


async def test_a_wrong_password_and_an_unknown_name_look_alike(
    site: Site, context: BrowserContext
) -> None:
    """ASVS 6.3.8."""
    someone = await site.person(Role.PERENCANA)
    page = await context.new_page()
    said = []
    for name in (someone.login_name, "tidak.ada"):
        await page.goto(f"{site.address}/masuk")
        await page.fill("#nama", name)
        await page.fill("#sandi", "salah sekali dan panjang")
        await page.click("main button >> nth=0")
        text = await page.inner_text("body")
        assert await page.input_value("#nama") == name
        said.append((page.url, text))
    assert said[0] == said[1]


async def test_after_failures_the_page_says_when_to_try_again(
    site: Site, context: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await context.new_page()
    await page.goto(f"{site.address}/masuk?bahasa=en")
    await page.fill("#nama", someone.login_name)
    await page.fill("#sandi", PASSWORD)
    await page.click("main button >> nth=0")
    # The delay doubles after each failure, so that a slow machine meets it as well.
    for _ in range(12):
        await page.fill("#kode", wrong(someone.seed))
        await page.click("main button >> nth=0")
        said = await page.locator(".summary").inner_text()
        if "try again in" in said:
            break
    await expect(page.locator(".summary")).to_contain_text("try again in")


async def test_a_password_can_be_pasted_and_kept_by_a_password_manager(
    site: Site, browser: Browser
) -> None:
    """ASVS 6.2.6, 6.2.7."""
    context = await browser.new_context(
        permissions=["clipboard-read", "clipboard-write"]
    )
    page = await context.new_page()
    await page.goto(f"{site.address}/masuk")
    assert await page.get_attribute("#sandi", "type") == "password"
    assert await page.get_attribute("#sandi", "autocomplete") == "current-password"
    assert await page.get_attribute("#nama", "autocomplete") == "username"
    await page.evaluate("text => navigator.clipboard.writeText(text)", PASSWORD)
    await page.focus("#sandi")
    await page.keyboard.press("Control+V")
    assert await page.input_value("#sandi") == PASSWORD
    account, _ = await site.invite(Role.PERENCANA)
    await page.goto(await site.link(account))
    await page.click("main button")
    for field in ("#sandi", "#sandi_lagi"):
        assert await page.get_attribute(field, "autocomplete") == "new-password"
        await page.focus(field)
        await page.keyboard.press("Control+V")
        assert await page.input_value(field) == PASSWORD
    await context.close()


async def test_the_page_asked_for_follows_the_sign_in_and_no_other_site(
    site: Site, context: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await context.new_page()
    for asked in ("//evil.example/", "https://evil.example/", "/%5Cevil.example"):
        await page.goto(f"{site.address}/masuk?ke={asked}")
        assert await page.locator("input[name=ke]").count() == 0
    await page.goto(f"{site.address}/akun?bahasa=en")
    await fill_sign_in(page, someone)
    await expect(page).to_have_url(f"{site.address}/akun?bahasa=en")


async def test_a_session_ends_when_idle_and_by_signing_out(
    site: Site, context: BrowserContext
) -> None:
    """ASVS 7.3.1, 7.4.1."""
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(context, site, someone)
    await page.goto(f"{site.address}/akun")
    await expect(page.locator("h1")).to_have_text(someone.name)
    await site.office.owner.execute(
        "update access.session set seen_at = seen_at - interval '31 minutes' "
        "where account = $1",
        someone.account,
    )
    await page.goto(f"{site.address}/akun")
    await expect(page.locator("#nama")).to_be_visible()
    await site.office.forget_codes()
    await fill_sign_in(page, someone)
    kept = await context.cookies()
    await page.click("nav form button")
    await expect(page).to_have_url(f"{site.address}/masuk")
    assert await token_of(context) is None
    await context.add_cookies([{**one, "url": None} for one in kept])
    await page.goto(f"{site.address}/akun")
    await expect(page.locator("#nama")).to_be_visible()


async def test_a_changed_password_ends_the_session_of_another_browser(
    site: Site, context: BrowserContext, second: BrowserContext
) -> None:
    """ASVS 6.2.3, 7.4.3."""
    someone = await site.person(Role.PERENCANA)
    other = await sign_in(second, site, someone)
    await site.office.forget_codes()
    page = await sign_in(context, site, someone)
    await page.goto(f"{site.address}/akun")
    before = await token_of(context)
    await page.fill("#sandi_lama", "bukan kata sandi yang lama")
    for field in ("#sandi", "#sandi_lagi"):
        await page.fill(field, "sembilan kapal menuju pulau")
    change = page.locator("form[action='/akun/sandi'] button")
    await change.click()
    await expect(page.locator("#sandi_lama-error")).to_be_visible()
    await page.fill("#sandi_lama", PASSWORD)
    for field in ("#sandi", "#sandi_lagi"):
        await page.fill(field, "sembilan kapal menuju pulau")
    await change.click()
    await expect(page.locator(".summary")).to_have_count(0)
    assert await token_of(context) not in {None, before}
    await expect(page.locator("h1")).to_have_text(someone.name)
    await other.goto(f"{site.address}/akun")
    await expect(other.locator("#nama")).to_be_visible()


async def test_a_demonstration_signs_in_by_a_click_and_says_so_on_every_page(
    demonstration: Site, context: BrowserContext
) -> None:
    _, name = await demonstration.invite(Role.PERENCANA)
    page = await context.new_page()
    for path in ("/", "/masuk", "/akun"):
        await page.goto(demonstration.address + path)
        await expect(page.locator(".banner")).to_be_visible()
    await page.click(f"main .people li:has-text('{name}') button")
    await expect(page.locator("h1")).to_have_text(name)
    await page.goto(f"{demonstration.address}/")
    await expect(page.locator(".top nav")).to_contain_text(name)
    await page.click("nav form button")
    await expect(page).to_have_url(f"{demonstration.address}/masuk")
