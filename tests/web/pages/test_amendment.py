"""A target or a version of a definition, proposed by a form."""

from typing import Any

from tests.web.conftest import Client
from tests.web.pages.test_proposals import opened
from tests.web.test_account_pages import key_in
from tests.web.test_proposals import Office, office

__all__ = ["office"]
SITE = "http://iku.test"
PATH = "/indikator/IKU-1/definisi/usul"
TARGET = {
    "form": "target-",
    "year": "2031",
    "target": "82,50",
    "effective_on": "1 Januari 2031",
    "basis": "PK 2031",
}
VERSION = {
    "form": "definisi-",
    "effective_on": "2031-01-01",
    "basis": "Perwali 1/2030",
    "reason": "Uji",
    "carry_over": "exclude",
}


async def sent(client: Client, headers: dict[str, str], **fields: str) -> Any:
    return await client.post(
        f"{SITE}{PATH}", data=fields, headers=headers | {"Origin": SITE}
    )


async def test_without_accounts_a_target_is_recorded(client: Client) -> None:
    page = await client.get(f"{SITE}{PATH}")
    assert page.status_code == 200
    answer = await sent(client, {}, kunci="satu.x", **TARGET)
    assert answer.status_code == 303, answer.text
    shown = await client.says("/indicators/IKU-1")
    targets = {one["year"]: one["target"] for one in shown["targets"]}
    assert targets[2031] == "82.50"


async def test_without_accounts_a_version_is_recorded(client: Client) -> None:
    answer = await sent(client, {}, kunci="dua.x", **VERSION)
    assert answer.status_code == 303, answer.text
    shown = await client.says("/indicators/IKU-1")
    assert shown["definitions"][-1]["options"]["carry_over"] == "exclude"


async def test_a_wrong_field_is_named_and_what_was_typed_kept(client: Client) -> None:
    answer = await sent(client, {}, kunci="tiga.x", **TARGET | {"target": "banyak"})
    assert answer.status_code == 422
    assert 'href="#target-target"' in answer.text
    assert 'value="banyak"' in answer.text


async def test_a_planner_proposes_and_the_head_approves(office: Office) -> None:
    page, headers = await opened(office, "perencana", PATH)
    fields = {"kunci": key_in(page), **TARGET}
    missing = await sent(office.client, headers, **fields)
    assert missing.status_code == 422
    assert 'href="#target-because"' in missing.text
    answer = await sent(
        office.client, headers, **fields | {"because": "PK baru", "kunci": key_in(page)}
    )
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"].startswith("/usulan/")
    identifier = answer.headers["Location"].removeprefix("/usulan/")
    done = await office.decide("kepala", identifier, "approved")
    assert done.status_code == 201, done.text


async def test_others_see_why_they_cannot(office: Office) -> None:
    page, headers = await opened(office, "petugas-wasnas", PATH)
    assert "disabled" in page.text
    answer = await sent(
        office.client,
        headers,
        kunci=key_in(page),
        because="Uji",
        **TARGET,
    )
    assert answer.status_code == 403
