"""The list of organisations, and the page of one."""

from typing import Any

import pytest

from tests.web.conftest import ORGANISATION, Client
from tests.web.pages.showing import read
from tests.web.pages.test_conflict import shown, steps
from tests.web.pages.test_conflicts import rows, texts

SITE = "http://iku.test"
LIST = f"{SITE}/organisasi"
PAGE = f"{LIST}/O41"
TAKEN_PART = {
    "type": "participated",
    "participation": "P1",
    "activity": "musrenbang",
    "effective_on": "2021-05-01",
}


async def record(client: Client, *events: dict[str, Any]) -> None:
    for event in events:
        await client.records("/organisations/O41/events", event)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"kind": "ormas"},
        {"status": "dissolved"},
        {"expired": "false"},
        {"registered_from": "2021-01-01"},
        {"sort": "registered_on", "order": "desc"},
    ],
)
async def test_each_filter_is_that_of_the_api(
    reader: Client, query: dict[str, str]
) -> None:
    found = await shown(reader, LIST, per="2021-12-31", limit="50", **query)
    api = await reader.says("/organisations", as_of="2021-12-31", **query)
    assert len(api["items"]) > 0
    assert rows(found) == [one["id"] for one in api["items"]]
    assert found.numbers["organisations.total"][0] == str(api["total"])


async def test_names_are_searched_by_a_form(client: Client) -> None:
    await client.records("/organisations", ORGANISATION)
    found = await client.post(f"{LIST}/cari", data={"kata": "contoh"})
    assert rows(read(found.text)) == ["O41"]
    page = await client.get(f"{LIST}/daftar.csv")
    assert [row[0] for row in texts(page)] == ["O41"]


async def test_an_empty_list_says_what_to_do(visitor: Client) -> None:
    found = await shown(visitor, LIST)
    assert "Belum ada organisasi yang terdaftar." in found.text
    assert ("/organisasi/baru", {}) in found.links


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        (
            "2021-03-01",
            "Aktif sejak 1 Maret 2021; SKT-nya berlaku sampai 14 September 2026.",
        ),
        (
            "2021-08-01",
            "Bubar sejak 1 Agustus 2021; SKT-nya berlaku sampai 14 September 2026.",
        ),
    ],
)
async def test_the_state_stands_in_a_sentence(
    client: Client, day: str, sentence: str
) -> None:
    await client.records("/organisations", ORGANISATION)
    await record(client, {"type": "dissolved", "effective_on": "2021-08-01"})
    assert sentence in (await shown(client, PAGE, per=day)).text


async def test_an_expired_certificate_is_named(client: Client) -> None:
    await client.records("/organisations", ORGANISATION | {"valid_until": "2022-01-31"})
    found = await shown(client, PAGE, per="2022-02-01")
    assert "SKT-nya kedaluwarsa pada 31 Januari 2022." in found.text
    listed = await shown(client, LIST, per="2022-02-01")
    assert "(kedaluwarsa)" in listed.text


async def test_what_does_not_expire_says_so(client: Client) -> None:
    foundation = {"legal_basis": "badan_hukum", "valid_until": None}
    body = {k: v for k, v in (ORGANISATION | foundation).items() if v is not None}
    await client.records("/organisations", body)
    assert "dasar hukumnya tidak kedaluwarsa." in (await shown(client, PAGE)).text


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"type": "rejected", "reason": "x"}, "Ditolak: entri ini tidak seharusnya"),
        (
            {"type": "annulled", "annuls": 1, "reason": "x"},
            "Dibatalkan: pendaftarannya",
        ),
        ({"type": "merged", "into": "O42", "reason": "x"}, "Digabung ke O42"),
    ],
)
async def test_a_void_organisation_says_why(
    client: Client, event: dict[str, Any], said: str
) -> None:
    await client.records("/organisations", ORGANISATION)
    await client.records(
        "/organisations", ORGANISATION | {"number": "O42", "name": "Lain"}
    )
    await record(client, event)
    assert said in (await shown(client, PAGE)).text


async def test_participations_stand_in_a_table(client: Client) -> None:
    await client.records("/organisations", ORGANISATION)
    empty = await shown(client, PAGE)
    assert "Belum ada partisipasi yang dicatat." in empty.text
    await record(client, TAKEN_PART)
    found = await shown(client, PAGE)
    assert "P1 01-05-2021 musrenbang tidak" in found.text
    assert "participation_verified" in steps(found)
    before = await shown(client, PAGE, per="2021-04-30")
    assert "P1 01-05-2021" not in before.text
    sure = {"type": "participation_verified", "participation": "P1"}
    await record(client, sure)
    assert "participation_verified" not in steps(await shown(client, PAGE))


async def test_the_file_of_an_organisation_can_be_printed(client: Client) -> None:
    await client.records("/organisations", ORGANISATION)
    page = await client.get(f"{PAGE}/berkas")
    assert page.status_code == 200
    assert "<details open>" in page.text


async def test_an_unknown_organisation_gives_a_page_with_hints(
    reader: Client,
) -> None:
    page = await reader.get(f"{LIST}/K01")
    assert page.status_code == 404
    assert ("/konflik/K01", {}) in read(page.text).links
