"""Data of the agency on pages: at coordinates, by forms, with their history."""

from typing import Any
from urllib.parse import urlencode

from tests.web.conftest import Client
from tests.web.pages.showing import read
from tests.web.pages.test_proposals import opened
from tests.web.test_account_pages import key_in
from tests.web.test_proposals import Office, office
from tests.web.test_publications import THEN, YEAR, publish

__all__ = ["office"]
SITE = "http://iku.test"
OWN = {"Origin": SITE}
FORM = "/data-instansi/baru"
ERASABLE = "tidak dapat dihapus"
SIGNER = {
    "office": "kepala_badan",
    "office_title": "Kepala Badan",
    "signer_name": "Contoh Satu",
    "effective_on": "2 Januari 2020",
}
OTHER = {
    "code": "IKU-4",
    "year": "2021",
    "wording": "Indeks contoh",
    "measure": "indeks",
    "actual": "1,234",
}
NARRATIVE = {"indicator": "IKU-1", "year": "2021", "quarter": "4", "obstacles": "Cuaca"}


async def shown(client: Client, path: str, status: int = 200) -> Any:
    answer = await client.get(f"{SITE}{path}")
    assert answer.status_code == status, answer.text
    return answer


async def sent(client: Client, path: str, key: str = "satu.x", **fields: str) -> Any:
    return await client.post(
        f"{SITE}{path}", data={"kunci": key, **fields}, headers=OWN
    )


async def test_a_datum_is_stated_corrected_and_annulled_by_forms(
    client: Client,
) -> None:
    empty = read((await shown(client, "/data-instansi")).text).text
    assert "Belum ada data yang diisi." in empty
    done = await sent(client, f"{FORM}/signer", **SIGNER)
    assert (done.status_code, done.headers["Location"]) == (
        303,
        "/data-instansi/signer.kepala-badan",
    )
    listed = read((await shown(client, "/data-instansi")).text).text
    assert "Penanda tangan: kepala badan" in listed
    assert "Contoh Satu" in listed
    assert "02-01-2020" in listed
    query = urlencode({"id": "signer.kepala-badan", "corrects": 1})
    form = (await shown(client, f"{FORM}/signer?{query}")).text
    assert 'value="Contoh Satu"' in form
    assert 'name="corrects" value="1"' in form
    assert "sejak awal" in form
    right = SIGNER | {"signer_name": "Contoh Dua", "corrects": "1", "reason": "Ejaan"}
    fixed = await sent(client, f"{FORM}/signer", key="dua.x", **right)
    assert fixed.status_code == 303, fixed.text
    page = read((await shown(client, "/data-instansi/signer.kepala-badan")).text).text
    assert "Contoh Dua" in page
    assert "Ejaan" in page
    gone = await sent(
        client,
        "/data-instansi/signer.kepala-badan",
        key="tiga.x",
        annuls="1",
        reason="Bukan pejabatnya",
    )
    assert gone.status_code == 303, gone.text
    page = read((await shown(client, "/data-instansi/signer.kepala-badan")).text).text
    assert "Tidak ada yang berlaku pada hari ini." in page
    assert "dibatalkan oleh peristiwa 3" in page


async def test_pages_obey_the_time_control(client: Client) -> None:
    await sent(client, f"{FORM}/signer", **SIGNER)
    before = read((await shown(client, "/data-instansi?per=2019-12-31")).text).text
    assert "Contoh Satu" not in before
    assert "tidak berlaku pada hari ini" in before
    unknown = "/data-instansi/signer.kepala-badan?diketahui=2020-02-01"
    await shown(client, unknown, 404)
    await shown(client, f"{FORM}/signer?per=2020-02-01", 409)


async def test_forms_say_what_cannot_be_erased(client: Client) -> None:
    for kind in ("signer", "narrative"):
        assert ERASABLE in (await shown(client, f"{FORM}/{kind}")).text
    assert ERASABLE not in (await shown(client, f"{FORM}/plan")).text


async def test_a_wrong_field_is_named_and_what_was_typed_kept(client: Client) -> None:
    answer = await sent(
        client, f"{FORM}/other_indicator", **OTHER | {"actual": "1.234"}
    )
    assert answer.status_code == 422
    assert 'href="#actual"' in answer.text
    assert 'value="1.234"' in answer.text
    assert "1234" in answer.text
    bad = await sent(
        client, f"{FORM}/signer", **SIGNER | {"effective_on": "kemarin dulu"}
    )
    assert bad.status_code == 422
    assert 'href="#effective_on"' in bad.text
    missing = await sent(client, f"{FORM}/unknown", **SIGNER)
    assert missing.status_code == 404
    await shown(client, f"{FORM}/unknown", 400)
    none = await sent(client, "/data-instansi/plan", annuls="1", reason="x")
    assert none.status_code == 404


async def test_a_form_reads_a_number_as_it_shows_it(client: Client) -> None:
    assert (await sent(client, f"{FORM}/other_indicator", **OTHER)).status_code == 303
    query = urlencode({"id": "other-indicator.IKU-4.2021"})
    form = await shown(client, f"{FORM}/other_indicator?{query}&bahasa=en")
    assert 'value="1,234"' in form.text
    changed = OTHER | {"target": "2", "effective_on": "31-12-2021"}
    again = await sent(client, f"{FORM}/other_indicator", key="dua.x", **changed)
    assert again.status_code == 303, again.text
    [now] = (await client.says("/paper-data"))["statements"]
    assert (now["statement"]["actual"], now["version"]) == ("1.234", 2)


async def test_lines_are_one_on_each_line(client: Client) -> None:
    lines = {"lines": "PEMKOT\r\n\r\nBADAN", "place": "Mojokerto"}
    assert (await sent(client, f"{FORM}/letterhead", **lines)).status_code == 303
    [now] = (await client.says("/paper-data"))["statements"]
    assert now["statement"]["lines"] == ["PEMKOT", "BADAN"]
    form = await shown(client, f"{FORM}/letterhead?id=letterhead")
    assert "PEMKOT\nBADAN</textarea>" in form.text


async def test_the_page_of_a_publication_shows_what_its_papers_need(
    loaded: Client,
) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on=THEN)
    page = await shown(loaded, "/publikasi/2021")
    seen = read(page.text)
    assert "26 dari 26 data belum diisi" in seen.text
    targets = {path for path, _ in seen.links}
    assert any(path.startswith(f"{FORM}/quarterly_targets") for path in targets)
    answer = await sent(loaded, f"{FORM}/narrative", ke="/publikasi/2021", **NARRATIVE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/publikasi/2021")
    await sent(loaded, f"{FORM}/signer", key="dua.x", **SIGNER)
    await sent(loaded, f"{FORM}/other_indicator", key="tiga.x", **OTHER)
    seen = read((await shown(loaded, "/publikasi/2021")).text)
    assert "24 dari 27 data belum diisi" in seen.text
    assert "Cuaca" in seen.text
    assert "Contoh Satu" in seen.text
    assert "1,234" in seen.text


async def test_the_end_target_of_a_publication_holds_from_its_period(
    loaded: Client,
) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    page = read((await shown(loaded, "/publikasi/2021")).text)
    [(path, query)] = [
        (path, query)
        for path, query in page.links
        if path == f"{FORM}/end_target" and query["indicator"] == "IKU-1"
    ]
    assert query["effective_on"] == "01-01-2021"
    form = await shown(loaded, f"{path}?{urlencode(query)}")
    assert 'value="01-01-2021"' in form.text
    assert 'name="ke" value="/publikasi/2021"' in form.text


async def test_a_planner_proposes_and_the_head_approves(office: Office) -> None:
    path = f"{FORM}/other_indicator"
    page, headers = await opened(office, "perencana", path)
    assert "Alasan usulan" in page.text
    fields = {"kunci": key_in(page), **OTHER, "actual": "141,92"}
    url, own = f"{SITE}{path}", headers | OWN
    missing = await office.client.post(url, data=fields, headers=own)
    assert missing.status_code == 422
    assert 'href="#because"' in missing.text
    fields |= {"because": "Bahan LKjIP", "kunci": key_in(page)}
    answer = await office.client.post(url, data=fields, headers=own)
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"].startswith("/usulan/")
    identifier = answer.headers["Location"].removeprefix("/usulan/")
    proposal, _ = await opened(office, "kepala", f"/usulan/{identifier}")
    assert "141,92" in read(proposal.text).text
    done = await office.decide("kepala", identifier, "approved")
    assert done.status_code == 201, done.text
    assert done.json()["id"] == "other-indicator.IKU-4.2021"
    page, headers = await opened(office, "perencana", path)
    changed = {**OTHER, "actual": "142,5", "because": "Pemutakhiran"}
    changed["kunci"] = key_in(page)
    again = await office.client.post(url, data=changed, headers=headers | OWN)
    assert again.status_code == 303, again.text
    proposal, _ = await opened(office, "kepala", again.headers["Location"])
    assert "realisasi 141,92 142,5" in read(proposal.text).text.casefold()
    links = {to for to, _ in read(proposal.text).links}
    assert "/data-instansi/other-indicator.IKU-4.2021" in links


async def test_the_head_states_a_datum_and_others_cannot(office: Office) -> None:
    path = f"{FORM}/signer"
    page, headers = await opened(office, "kepala", path)
    assert "Alasan usulan" not in page.text
    fields = {"kunci": key_in(page), **SIGNER}
    answer = await office.client.post(
        f"{SITE}{path}", data=fields, headers=headers | OWN
    )
    assert answer.headers["Location"] == "/data-instansi/signer.kepala-badan"
    listed, _ = await opened(office, "petugas-wasnas", "/data-instansi")
    assert "Contoh Satu" in listed.text
    refused, _ = await opened(office, "petugas-wasnas", path)
    assert refused.status_code == 403
