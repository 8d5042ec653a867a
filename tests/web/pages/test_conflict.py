"""The page of a case: its state, timeline, files and next steps."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Clone
from tests.web.conftest import CASE, RESOLVED, VERIFIED, Client
from tests.web.pages.showing import Shown, read
from tests.web.people import Office, opened

SITE = "http://iku.test"
LIST = f"{SITE}/konflik"
PAGE = f"{LIST}/K14"
FILE = {
    "Content-Type": "text/plain",
    "Iku-File-Name": "berita%20acara.txt",
}


async def shown(client: Client, path: str = PAGE, **query: Any) -> Shown:
    page = await client.get(path, params=query)
    assert page.status_code == 200, page.text
    return read(page.text)


async def record(client: Client, *events: dict[str, Any], path: str = "K14") -> None:
    for event in events:
        await client.records(f"/conflicts/{path}/events", event)


def steps(found: Shown) -> set[str]:
    """The types of events whose forms the page links to."""
    return {path.rpartition("/")[2] for path, _ in found.links if "/catat/" in path}


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ((), "Terbuka sejak 9 Februari 2021, belum diverifikasi; belum selesai."),
        (
            (VERIFIED,),
            "Terbuka sejak 9 Februari 2021, terverifikasi 10 Februari 2021; belum",
        ),
        (
            (VERIFIED, RESOLVED),
            "dilaporkan 9 Februari 2021, terverifikasi 10 Februari 2021.",
        ),
        (
            (VERIFIED, RESOLVED, {"type": "reopened", "effective_on": "2021-04-01"}),
            "Dibuka kembali 1 April 2021, terverifikasi 10 Februari 2021; belum",
        ),
        (
            ({"type": "returned", "effective_on": "2021-02-11", "missing": "Saksi"},),
            "dikembalikan untuk dilengkapi 11 Februari 2021; belum diverifikasi.",
        ),
        (
            ({"type": "rejected", "reason": "Kabar bohong"},),
            "Ditolak: bukan konflik, dan tidak pernah dihitung.",
        ),
        (
            ({"type": "annulled", "annuls": 1, "reason": "Keliru"},),
            "Dibatalkan: laporannya keliru, dan tidak pernah dihitung.",
        ),
    ],
)
async def test_the_state_stands_in_a_sentence(
    client: Client, events: tuple[dict[str, Any], ...], sentence: str
) -> None:
    await client.records("/conflicts", CASE)
    await record(client, *events)
    assert sentence in (await shown(client)).text


async def test_a_merged_case_and_its_survivor_lead_to_each_other(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/conflicts", CASE | {"number": "K15", "title": "Lain"})
    await record(client, {"type": "merged", "into": "K15", "reason": "Sama"})
    merged = await shown(client)
    assert "Digabung ke K15, yang dihitung untuk keduanya." in merged.text
    assert ("/konflik/K15", {}) in merged.links
    survivor = await shown(client, f"{LIST}/K15")
    assert ("/konflik/K14", {}) in survivor.links


async def test_the_page_shows_the_fields_and_events_that_the_api_gives(
    client: Client,
) -> None:
    more = {"area": "35.76.02.1009", "source": "polres", "reference": "LP/7/2021"}
    await client.records("/conflicts", CASE | more)
    await record(client, VERIFIED, RESOLVED)
    found = await shown(client)
    for text in ("Kedundung (35.76.02.1009)", "LP/7/2021", CASE["title"]):
        assert text in found.text
    for event in await client.history("/conflicts/K14"):
        assert event["leaf"] in found.text
        proof = f"/api/v1/log/proof/inclusion/{event['position']}"
        assert proof in [path for path, _ in found.links]
    assert "IKU-1 (definisi 1) sejak 09-02-2021: penyebut +1" in found.text
    assert re.search(
        r"IKU-1 \(definisi 1\) sejak 28-03-2021 .*: pembilang \+1", found.text
    )


async def test_a_correction_looks_different_and_shows_both_values(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    fixed = {"type": "corrected", "corrects": 1, "title": "Benar", "reason": "Salah"}
    await record(client, VERIFIED, fixed)
    page = await client.get(PAGE)
    classes = re.findall(r'<li id="peristiwa-(\d)" class="(\w+)"', page.text)
    assert classes == [("1", "change"), ("2", "change"), ("3", "correction")]
    assert f'>{CASE["title"]}</del> → <ins dir="auto">Benar</ins>' in page.text


async def test_an_annulled_event_is_struck_through_and_readable(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    gone = {"type": "annulled", "annuls": 2, "reason": "Keliru"}
    await record(client, VERIFIED, gone)
    page = await client.get(PAGE)
    [struck] = re.findall(r'<div class="annulled">(.*?)</div>', page.text, re.DOTALL)
    assert "2. Diverifikasi, 10-02-2021" in struck
    assert "dibatalkan oleh peristiwa 3" in page.text


async def test_the_page_shows_only_what_was_known(client: Client) -> None:
    await client.records("/conflicts", CASE)
    size = (await client.says("/log/events"))["size"]
    await record(client, VERIFIED)
    whole, before = await shown(client), await shown(client, ukuran=size)
    assert "2. Diverifikasi" in whole.text
    assert "2. Diverifikasi" not in before.text
    assert "belum diverifikasi; belum selesai" in before.text
    assert steps(before) == set()
    assert "Kembali ke hari ini untuk mencatat" in before.text


async def test_an_event_of_a_later_day_says_so(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await record(client, VERIFIED, RESOLVED)
    found = await shown(client, per="2021-03-01")
    assert "belum selesai" in found.text
    assert "Baru berlaku pada tanggal yang lebih kemudian" in found.text
    assert {"per": "2021-03-28"} in [
        q for path, q in found.links if path.endswith("K14")
    ]


async def test_the_next_lawful_steps_are_links_and_the_others_say_why(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    always = {"attached", "corrected", "annulled", "merged", "rejected"}
    always |= {"handled", "referred", "reclassified", "resolved"}
    assert steps(await shown(client)) == always | {"verified", "returned"}
    await record(client, VERIFIED)
    found = await shown(client)
    assert steps(found) == always
    assert "diverifikasi pada 10 Februari 2021" in found.text


async def test_a_file_is_listed_and_can_be_downloaded(client: Client) -> None:
    await client.records("/conflicts", CASE)
    path = "/conflicts/K14/attachments"
    sent = await client.post(path, content=b"isi", headers=FILE)
    assert sent.status_code == 201, sent.text
    found = await shown(client)
    assert "berita acara.txt (text/plain, 3 bita)" in found.text
    [file] = [to for to, _ in found.links if to.endswith("/attachments/2")]
    assert (await client.get(f"{SITE}{file}")).content == b"isi"


async def test_a_number_of_several_cases_lists_them(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/conflicts", CASE | {"number": "K15", "title": "Kedua"})
    renumbered = {"type": "corrected", "corrects": 1, "number": "K16", "reason": "x"}
    await record(client, renumbered)
    await client.records("/conflicts", CASE | {"title": "Ketiga"})
    found = await shown(client)
    names = [path for path, _ in found.links if path.startswith("/konflik/conflict-")]
    assert names == ["/konflik/conflict-K14", "/konflik/conflict-K14.2"]
    for path in names:
        assert "Terbuka sejak" in (await shown(client, f"{SITE}{path}")).text


@pytest.mark.parametrize("typed", ["K999", "<b>", "O01", "a/b", "x" * 300])
async def test_an_unknown_number_gives_a_page_with_hints(
    reader: Client, typed: str
) -> None:
    page = await reader.get(f"{LIST}/{typed.replace('/', '~')}")
    assert page.status_code == 404
    found = read(page.text)
    assert ("/konflik", {}) in found.links
    assert "<b>" not in page.text
    if typed == "O01":
        assert ("/organisasi/O01", {}) in found.links


async def test_a_case_before_its_report_leads_back_to_today(reader: Client) -> None:
    page = await reader.get(f"{LIST}/K13", params={"per": "2021-12-31"})
    assert page.status_code == 404
    assert ("/konflik/K13", {}) in read(page.text).links


async def test_the_case_file_holds_everything_opened(client: Client) -> None:
    await client.records("/conflicts", CASE)
    page = await client.get(f"{PAGE}/berkas")
    assert page.status_code == 200
    assert "<details open>" in page.text
    assert steps(read(page.text)) == set()


async def test_no_text_of_a_case_becomes_markup(client: Client) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    more = {
        "reporter": {"name": hostile},
        "parties": [{"name": hostile}, {"name": "B" * 500}],
        "reference": hostile,
    }
    await client.records("/conflicts", CASE | more | {"title": hostile})
    handled = {
        "type": "handled",
        "effective_on": "2021-02-10",
        "phase": "penghentian",
        "note": "Baris satu\n" + "x" * 3_900 + hostile,
    }
    await record(client, handled)
    page = await client.get(PAGE)
    assert "<img" not in page.text
    assert hostile in read(page.text).text


@pytest.fixture(scope="module")
async def office(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    database = await clone(furnished)
    async with opened(database, tmp_path_factory.mktemp("office")) as office:
        await office.open_accounts()
        await office.records("petugas-wasnas", "/conflicts", CASE)
        yield office


async def test_another_division_is_refused(office: Office) -> None:
    for name in ("petugas-iwasbang", "perencana", "admin"):
        page = await office.ask(name, PAGE)
        assert page.status_code == 403, name
        assert CASE["title"] not in page.text
    assert (await office.ask("auditor", PAGE)).status_code == 200


async def test_each_role_has_the_steps_of_its_rights(office: Office) -> None:
    async def of(name: str) -> Shown:
        page = await office.ask(name, PAGE)
        assert page.status_code == 200, page.text
        return read(page.text)

    entered = {"returned", "handled", "referred", "attached"}
    proposed = {"corrected", "annulled", "merged", "rejected"}
    officer = await of("petugas-wasnas")
    assert steps(officer) == entered | proposed
    verified = {"verified", "resolved", "reclassified"}
    verifier = await of("verifikator-wasnas")
    assert steps(verifier) == entered | proposed | verified
    assert steps(await of("auditor")) == set()
    assert steps(await of("kepala_badan")) == set()
    assert "oleh petugas-wasnas" in officer.text
    assert "oleh petugas-wasnas" in (await of("auditor")).text
    assert "oleh petugas, wasnas" in verifier.text


async def test_the_steps_of_other_roles_share_one_sentence(office: Office) -> None:
    page = (await office.ask("kepala_badan", PAGE)).text
    groups = re.findall(r'<span class="refused">(.*?)<small>(.*?)</small>', page)
    reasons = [reason for _, reason in groups]
    assert len(set(reasons)) == len(reasons)
    of_roles = [
        (reason, buttons.count("<button"))
        for buttons, reason in groups
        if "peran Anda: kepala badan" in reason
    ]
    # What officers may do as well, and what only verifiers and heads of division may.
    assert sorted(number for _, number in of_roles) == [4, 8]
    assert not any("petugas" in reason for reason, number in of_roles if number == 4)


async def test_a_verifier_does_not_verify_their_own_report(office: Office) -> None:
    own = CASE | {"number": "K15", "title": "Laporan sendiri"}
    await office.records("verifikator-wasnas", "/conflicts", own)
    found = read((await office.ask("verifikator-wasnas", f"{LIST}/K15")).text)
    assert "verified" not in steps(found)
    assert "Anda sendiri" in found.text
    head = read((await office.ask("kepala_bidang-wasnas", f"{LIST}/K15")).text)
    assert "verified" in steps(head)


async def test_each_next_step_leads_to_its_form(client: Client) -> None:
    await client.records("/conflicts", CASE)
    found = await shown(client)
    for path in {path for path, _ in found.links if "/catat/" in path}:
        form = await client.get(f"{SITE}{path}")
        assert form.status_code == 200, path
