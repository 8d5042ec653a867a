"""Administration of accounts in a browser without JavaScript."""

from playwright.async_api import BrowserContext, Page, expect

from iku.domain.account import Role
from tests.access.enrolling import PASSWORD
from tests.browser.site import Site, sign_in


async def opened(page: Page, site: Site, name: str) -> None:
    """Open the page of the account whose holder has that name."""
    await page.goto(f"{site.address}/kelola?bahasa=en")
    await page.click(f"table a:has-text('{name}')")
    await expect(page.locator("h1")).to_have_text(name)


async def test_an_administrator_invites_suspends_restores_and_invites_again(
    site: Site, context: BrowserContext, second: BrowserContext
) -> None:
    """ASVS 6.4.6, 7.4.2: a suspension acts at once on an open session."""
    admin = await site.person(Role.ADMIN)
    page = await sign_in(context, site, admin)
    await page.goto(f"{site.address}/kelola/undang?bahasa=en")
    await page.fill("#name", "Dewi Anggraini")
    await page.fill("#nip", "123")
    await page.select_option("#role", "petugas")
    await page.fill("#basis", "SK/9/2026")
    await page.click("main button")
    await expect(page.locator("#nip-error")).to_be_visible()
    assert await page.input_value("#name") == "Dewi Anggraini"
    await page.fill("#nip", "")
    await page.click("main button")  # an officer is of a division
    await expect(page.locator("#division-error")).to_be_visible()
    await page.select_option("#division", "wasnas")
    await page.click("main button")
    link = await page.inner_text("#tautan")
    invited = await second.new_page()
    await invited.goto(link)
    await invited.click("main button")
    await expect(invited.locator("#nama")).to_be_visible()
    await opened(page, site, "Dewi Anggraini")
    await expect(page.locator("dl")).to_contain_text("has no factors yet")

    someone = await site.person(Role.PERENCANA)
    other = await sign_in(second, site, someone)
    await opened(page, site, someone.name)
    await page.click("button:has-text('Suspend the account')")
    suspend = page.locator("form[action*='/bekukan']")
    await suspend.locator("[name=reason]").fill("Cuti di luar tanggungan")
    await suspend.locator("button").click()
    await expect(page.locator("dl")).to_contain_text("suspended")
    await other.goto(f"{site.address}/akun")
    await expect(other.locator("#nama")).to_be_visible()
    await page.fill("[name=reason] >> nth=-2", "Kembali bertugas")
    await page.click("button:has-text('Restore the account')")
    await expect(page.locator("dl")).to_contain_text("active")
    again = page.locator("form[action*='/undang-ulang']")
    await again.locator("[name=reason]").fill("Telepon hilang")
    await again.locator("button").click()
    await expect(page.locator("#tautan")).to_contain_text("/undangan/")
    await other.goto(f"{site.address}/masuk")
    await other.fill("#nama", someone.login_name)
    await other.fill("#sandi", PASSWORD)
    await other.click("main button >> nth=0")
    await expect(other.locator(".summary")).to_be_visible()


async def test_roles_are_granted_and_revoked_and_approving_ones_proposed(
    site: Site, context: BrowserContext
) -> None:
    """ASVS 6.4.4, 2.3.5."""
    admin = await site.person(Role.ADMIN)
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(context, site, admin)
    await opened(page, site, someone.name)
    grant = page.locator("form[action*='/peran']")
    await grant.locator("[name=role]").select_option("admin")
    await grant.locator("[name=basis]").fill("SK/10/2026")
    await grant.locator("button").click()
    await expect(page.locator("h3", has_text="Administrator")).to_be_visible()
    revoke = page.locator("form[action*='/cabut'] >> nth=-1")
    await revoke.locator("[name=reason]").fill("Mutasi")
    await revoke.locator("button").click()
    await expect(page.locator("h3", has_text="Administrator")).to_be_visible()
    await expect(page.locator("main")).to_contain_text("revoked")
    await grant.locator("[name=role]").select_option("auditor")
    await grant.locator("[name=basis]").fill("ST/11/2026")
    await grant.locator("button").click()
    await expect(page.locator("h1")).to_have_text("Proposed")
    await opened(page, site, someone.name)
    await expect(page.locator("h3", has_text="Auditor")).to_have_count(0)


async def test_what_is_weighty_asks_for_a_fresh_factor_first(
    site: Site, context: BrowserContext
) -> None:
    """ASVS 7.5.1, 7.5.3, 7.2.4."""
    admin = await site.person(Role.ADMIN)
    page = await sign_in(context, site, admin)
    await site.office.owner.execute(
        "update access.session set fresh_at = fresh_at - interval '6 minutes' "
        "where account = $1",
        admin.account,
    )
    await page.goto(f"{site.address}/akun?bahasa=en")
    for label in ("Change the password", "Create an API key"):
        button = page.locator(f"button:has-text('{label}')")
        await expect(button).to_be_disabled()
        assert await button.get_attribute("title")
    await page.goto(f"{site.address}/kelola/undang?bahasa=en")
    await expect(page.locator("h1")).to_have_text("Confirm your identity")
    before = [one["value"] for one in await context.cookies()]
    await site.office.forget_codes()
    await page.fill("#kode", admin.code)
    await page.click("main button")
    await expect(page.locator("h1")).to_have_text("Invite a person")
    assert [one["value"] for one in await context.cookies()] != before


async def test_who_is_no_administrator_sees_neither_accounts_nor_buttons(
    site: Site, context: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    admin = await site.person(Role.ADMIN)
    page = await sign_in(context, site, someone)
    for path in ("/kelola", "/kelola/undang", f"/kelola/{admin.account}"):
        answer = await page.goto(site.address + path)
        assert answer is not None
        assert answer.status == 403
        assert admin.name not in await page.content()


async def test_an_api_key_is_shown_once_and_revoked(
    site: Site, context: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(context, site, someone)
    await page.goto(f"{site.address}/akun?bahasa=en")
    await page.fill("#kunci-name", "Pemantau")
    await page.click("main button:has-text('Create an API key')")
    await expect(page.locator(".summary")).to_be_visible()
    assert await page.input_value("#kunci-name") == "Pemantau"
    await page.check("[name=rights]")
    await page.click("main button:has-text('Create an API key')")
    key = await page.inner_text(".secret")
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{site.address}/api/v1/log/events"
    answer = await context.request.get(url, headers=headers)
    assert answer.status == 200
    await page.goto(f"{site.address}/akun?bahasa=en")
    assert key not in await page.content()
    await page.click("button:has-text('Revoke')")
    await expect(page.locator("main")).to_contain_text("revoked")
    assert (await context.request.get(url, headers=headers)).status == 401
