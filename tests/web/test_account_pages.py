"""What the pages of accounts answer, apart from how a browser shows it."""

import logging
import re
from typing import Any

import httpx
import pytest

from iku.access import invitations, sessions
from iku.app import App
from iku.domain.account import Role
from iku.web.page_forms import MOST_FIELDS
from iku.web.page_rendering import ASSETS, asset_address
from tests.access.enrolling import PASSWORD
from tests.exchange.workbooks import cells
from tests.web.conftest import Client
from tests.web.test_authentication import invited

OWN = {"Origin": "http://iku.test"}


async def sent(client: Client, path: str, cookie: str = "", **fields: str) -> Any:
    """The answer to a form of a page of ours."""
    headers = OWN | ({"Cookie": cookie} if cookie else {})
    given = {"kunci": "", **fields}
    return await client.post(f"http://iku.test{path}", data=given, headers=headers)


def cookie_of(answer: httpx.Response) -> str:
    """The cookie that an answer sets, as a browser sends it back."""
    return answer.headers["Set-Cookie"].partition(";")[0]


def key_in(answer: httpx.Response) -> str:
    """The form key in a page."""
    found = re.search(r'name="kunci" value="([^"]+)"', answer.text)
    assert found is not None
    return found[1]


async def test_files_of_pages_are_cached_under_a_name_of_their_content(
    client: Client,
) -> None:
    page = (await client.get("http://iku.test/masuk")).text
    for name, kind in ASSETS.items():
        answer = await client.get(f"http://iku.test{asset_address(name)}")
        assert answer.headers["Content-Type"].startswith(kind)
        assert "immutable" in answer.headers["Cache-Control"]
        assert asset_address(name) in page
    assert (await client.get("http://iku.test/assets/pages.css")).status_code == 404


async def test_the_style_sheet_has_at_most_12_kibibytes(client: Client) -> None:
    sheet = await client.get(f"http://iku.test{asset_address('pages.css')}")
    assert len(sheet.content) <= 12 * 1_024


async def test_without_accounts_nobody_can_sign_in(client: Client) -> None:
    page = (await client.get("http://iku.test/masuk?bahasa=en")).text
    assert "iku account invite" in page
    assert "<form" not in page
    front = (await client.get("http://iku.test/")).text
    assert "/masuk" not in front


@pytest.mark.parametrize(
    ("query", "accepted", "said"),
    [
        ("", "en", "Kata sandi"),
        ("?bahasa=id", "en", "Kata sandi"),
        ("", "", "Kata sandi"),
    ],
)
async def test_pages_are_in_the_language_that_is_asked_for(
    app: App, client: Client, query: str, accepted: str, said: str
) -> None:
    await invited(app, Role.ADMIN)
    headers = {"Accept-Language": accepted}
    answer = await client.get(f"http://iku.test/masuk{query}", headers=headers)
    assert f"{said}</label>" in answer.text


async def test_the_steps_of_an_enrolment_are_audited_without_any_secret(
    app: App, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.2.5, 16.3.1."""
    account = (await invited(app, Role.ADMIN)).account
    async with app.pool.acquire() as connection:
        token = (await invitations.issue(connection, account)).token
    with caplog.at_level(logging.DEBUG):
        await client.get(f"http://iku.test/undangan/{token}")
        begun = await sent(client, f"/undangan/{token}")
        cookie = cookie_of(begun)
        headers = {"Cookie": cookie}
        page = await client.get("http://iku.test/pendaftaran", headers=headers)
        key = key_in(page)
        done = await sent(
            client,
            "/pendaftaran/sandi",
            cookie,
            kunci=key,
            nama="admin.uji",
            sandi=PASSWORD,
            sandi_lagi=PASSWORD,
        )
        assert done.headers["Location"] == "/pendaftaran"
        shown = await sent(client, "/pendaftaran/aplikasi", cookie, kunci=key)
        seed = re.search(r'data-seed="(\w+)"', shown.text)
        wrong = await sent(
            client, "/masuk", nama="admin.uji", sandi="salah salah salah salah"
        )
        assert wrong.status_code == 422
        assert (await sent(client, f"/undangan/{token}")).status_code == 410
    said = [one.getMessage() for one in caplog.records if one.name.startswith("iku")]
    lines = [one.getMessage() for one in caplog.records if one.name == "iku.audit"]
    acts = [re.search(r'"what":"([\w-]+)"', line) for line in lines]
    assert [act and act[1] for act in acts] == [
        *("invitation", "password-set", "password", "invitation")
    ]
    assert sum(account in line for line in lines) >= 3
    assert seed is not None
    for secret in (token, cookie.partition("=")[2], key, PASSWORD, seed[1]):
        assert not any(secret in line for line in said)


async def test_a_cookie_has_all_attributes_and_is_removed_by_signing_out(
    app: App, client: Client
) -> None:
    """ASVS 3.3.1-4."""
    account = (await invited(app, Role.ADMIN)).account
    async with app.pool.acquire() as connection:
        token = (await invitations.issue(connection, account)).token
    begun = await sent(client, f"/undangan/{token}")
    name, *attributes = begun.headers["Set-Cookie"].split("; ")
    assert re.fullmatch(r"__Host-iku=[\w-]{43}", name)
    assert set(attributes) == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"}
    headers = {"Cookie": name}
    page = await client.get("http://iku.test/pendaftaran", headers=headers)
    left = await sent(client, "/keluar", name, kunci=key_in(page))
    assert left.headers["Set-Cookie"].startswith("__Host-iku=; ")
    assert "Max-Age=0" in left.headers["Set-Cookie"]
    gone = await client.get("http://iku.test/pendaftaran", headers=headers)
    assert gone.headers["Location"].startswith("/masuk")


async def test_what_is_no_form_and_too_long_a_form_are_refused(
    app: App, client: Client
) -> None:
    await invited(app, Role.ADMIN)
    url = "http://iku.test/masuk"
    assert (await client.post(url, json={}, headers=OWN)).status_code == 415
    many = {f"x{number}": "y" for number in range(MOST_FIELDS + 1)}
    assert (await client.post(url, data=many, headers=OWN)).status_code == 400


async def signed_in(app: App, account: str) -> dict[str, str]:
    """The headers of a session of the account."""
    async with app.pool.acquire() as connection:
        token = await sessions.open_session(connection, account, method="password+totp")
    return {"Cookie": f"__Host-iku={token}"}


async def test_the_holder_of_an_account_chooses_the_language_of_its_pages(
    app: App, client: Client
) -> None:
    headers = await signed_in(app, (await invited(app, Role.ADMIN)).account)
    url = "http://iku.test/akun"

    async def page(query: str = "") -> str:
        answer = await client.get(f"{url}{query}", headers=headers)
        assert answer.status_code == 200
        return answer.text

    usual = await page()
    assert 'lang="id"' in usual
    assert '<option value="id" selected>' in usual
    key = key_in(await client.get(url, headers=headers))
    chosen = {"kunci": key, "bahasa": "en"}
    done = await client.post(
        f"{url}/bahasa?bahasa=id", data=chosen, headers=headers | OWN
    )
    assert (done.status_code, done.headers["Location"]) == (303, "/akun")
    english = await page()
    assert '<html lang="en">' in english
    assert '<option value="en" selected>' in english
    assert '<html lang="id">' in await page("?bahasa=id")  # the address decides
    other = await signed_in(app, (await invited(app, Role.KEPALA_BADAN)).account)
    answer = await client.get(url, headers=other)
    assert '<html lang="id">' in answer.text


async def test_a_language_that_no_page_has_is_refused(app: App, client: Client) -> None:
    headers = await signed_in(app, (await invited(app, Role.ADMIN)).account)
    key = key_in(await client.get("http://iku.test/akun", headers=headers))
    for wrong in ("", "fr"):
        answer = await client.post(
            "http://iku.test/akun/bahasa",
            data={"kunci": key, "bahasa": wrong},
            headers=headers | OWN,
        )
        assert answer.status_code == 422
        assert 'href="#bahasa"' in answer.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "password + authenticator code"),
        ("id", "kata sandi + kode autentikator"),
    ],
)
async def test_the_list_of_sessions_names_the_factors_in_words(
    app: App, client: Client, language: str, words: str
) -> None:
    headers = await signed_in(app, (await invited(app, Role.ADMIN)).account)
    url = f"http://iku.test/akun?bahasa={language}"
    page = (await client.get(url, headers=headers)).text
    assert words in page
    assert "password+totp" not in page


async def test_who_may_only_propose_a_recovery_sees_that_the_button_proposes(
    app: App, client: Client
) -> None:
    admin = await invited(app, Role.ADMIN)
    head = await invited(app, Role.KEPALA_BADAN)
    officer = await invited(app, Role.PETUGAS, admin, "wasnas")
    headers = await signed_in(app, admin.account)
    for account, proposes in ((head, True), (officer, False)):
        url = f"http://iku.test/kelola/{account.account}"
        page = await client.get(f"{url}?bahasa=en", headers=headers)
        assert ("Propose to invite again</button>" in page.text) is proposes
        assert ("Invite again</button>" in page.text) is not proposes
        form = {"kunci": key_in(page), "form": "ulang-", "reason": "Telepon hilang"}
        done = await client.post(
            f"{url}/undang-ulang?bahasa=en", data=form, headers=headers | OWN
        )
        assert done.status_code == 200
        assert ("is a proposal now" in done.text) is proposes
        assert ('id="tautan"' in done.text) is not proposes


async def test_accounts_and_sessions_are_workbooks_for_those_who_see_their_page(
    app: App, client: Client
) -> None:
    admin = await invited(app, Role.ADMIN)
    officer = await invited(app, Role.PETUGAS, admin, "wasnas")
    headers = await signed_in(app, admin.account)
    for path in ("/kelola", "/akun"):
        page = await client.get(f"http://iku.test{path}", headers=headers)
        assert f'href="{path}?bentuk=xlsx"' in page.text
    url = "http://iku.test/kelola?bentuk=xlsx"
    rows = cells((await client.get(url, headers=headers)).content)
    assert ["Nama", "Peran hari ini", "Status", "Sejak"] in rows
    assert len({row[0] for row in rows if row[3]} - {"Nama"}) == 2
    own = await client.get("http://iku.test/akun?bentuk=xlsx", headers=headers)
    assert "Perangkat" in [cell for row in cells(own.content) for cell in row]
    refused = await client.get(url, headers=await signed_in(app, officer.account))
    assert refused.status_code == 403
    assert refused.headers["Content-Type"].startswith("text/html")
