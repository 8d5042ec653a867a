"""Proposals on pages: before and after, and the decision of another person."""

from typing import Any

from tests.web.pages.showing import read
from tests.web.test_account_pages import key_in
from tests.web.test_proposals import Office, office

__all__ = ["office"]
SITE = "http://iku.test"


async def opened(office: Office, name: str, path: str) -> tuple[Any, dict[str, str]]:
    """A page that a person opens, and the headers of the session."""
    headers = await office.session(name)
    return await office.client.get(f"{SITE}{path}", headers=headers), headers


async def decided(office: Office, name: str, identifier: str, **fields: str) -> Any:
    """The answer to the form of a decision."""
    path = f"/usulan/{identifier}"
    page, headers = await opened(office, name, path)
    key = key_in(page)
    return await office.client.post(
        f"{SITE}{path}",
        data={"kunci": key, **fields},
        headers=headers | {"Origin": SITE},
    )


async def test_a_proposal_shows_before_and_after(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    page, _ = await opened(office, "verifikator-wasnas", f"/usulan/{identifier}")
    shown = read(page.text).text
    assert "Tingkat perseteruan kekerasan" in shown
    assert "BA 12/2026" in shown
    assert "Tidak ada angka terbit yang terpengaruh." in shown
    assert ("/konflik/K14", {}) in read(page.text).links


async def test_another_person_approves(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    answer = await decided(office, "verifikator-wasnas", identifier, type="approved")
    assert (answer.status_code, answer.headers.get("Location")) == (
        303,
        f"/usulan/{identifier}",
    )
    shown = (await office.read("verifikator-wasnas", "/conflicts/K14")).json()
    assert shown["level"] == "kekerasan"
    page, _ = await opened(office, "petugas-wasnas", f"/usulan/{identifier}")
    assert "disetujui" in read(page.text).text


async def test_the_proposer_cannot_approve_and_sees_why(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    page, _ = await opened(office, "petugas-wasnas", f"/usulan/{identifier}")
    assert "Anda sendiri yang mengusulkannya" in page.text
    answer = await decided(office, "petugas-wasnas", identifier, type="approved")
    assert answer.status_code in {403, 422}
    shown = (await office.read("petugas-wasnas", "/conflicts/K14")).json()
    assert shown["level"] == "perseteruan"


async def test_a_refusal_needs_its_reason(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    empty = await decided(office, "verifikator-wasnas", identifier, type="declined")
    assert empty.status_code == 422
    assert 'href="#reason"' in empty.text
    done = await decided(
        office, "verifikator-wasnas", identifier, type="declined", reason="Kurang bukti"
    )
    assert done.status_code == 303
    page, _ = await opened(office, "petugas-wasnas", f"/usulan/{identifier}")
    assert "Kurang bukti" in page.text


async def test_the_proposer_withdraws(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    done = await decided(office, "petugas-wasnas", identifier, type="withdrawn")
    assert done.status_code == 303
    late = await decided(office, "verifikator-wasnas", identifier, type="approved")
    assert late.status_code == 422


async def test_other_divisions_do_not_see_it(office: Office) -> None:
    identifier = await office.propose("petugas-wasnas")
    for path in (f"/usulan/{identifier}", "/usulan"):
        page, _ = await opened(office, "petugas-iwasbang", path)
        assert "K14" not in page.text
