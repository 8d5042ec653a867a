"""The page of definitions and targets."""

from typing import Any

from tests.web.conftest import Client
from tests.web.pages.showing import read

SITE = "http://iku.test"
PAGE = f"{SITE}/indikator/IKU-1/definisi"
END = {"per": "2021-12-31"}
REDEFINED = {
    "effective_on": "2022-01-01",
    "basis": "Keputusan Kepala Badan 3/2022",
    "reason": "Perselisihan tidak lagi dihitung",
    "minimum_level": "kekerasan",
}


async def redefined(client: Client) -> Any:
    return await client.records("/indicators/IKU-1/definitions", REDEFINED)


async def test_it_shows_the_definition_its_options_and_the_targets(
    reader: Client,
) -> None:
    shown = read((await reader.get(PAGE, params=END)).text)
    said = await reader.says("/indicators/IKU-1")
    (one,) = said["definitions"]
    for name in ("wording", "formula", "owner", "objective", "basis"):
        assert one[name] in shown.text
    assert "Tingkat terendah yang dihitungperseteruan" in shown.text
    assert "2021 80,00% 01-01-2021" in shown.text
    assert "Sangat Tinggi 91%" in shown.text
    assert "Versi lain" not in shown.text


async def test_versions_are_shown_with_their_differences(loaded: Client) -> None:
    await redefined(loaded)
    shown = read((await loaded.get(PAGE, params={"per": "2022-06-30"})).text)
    assert "Berlaku: Definisi 2, untuk periode sejak 01-01-2022" in shown.text
    assert "Perbedaan dari definisi 1" in shown.text
    assert "Tingkat terendah yang dihitung perseteruan kekerasan" in shown.text
    assert REDEFINED["reason"] in shown.text
    # The year before is still counted by the first version.
    before = read((await loaded.get(PAGE, params=END)).text)
    assert "Berlaku: Definisi 1" in before.text
    assert "Definisi 2, untuk periode sejak 01-01-2022" in before.text


async def test_a_version_that_was_not_known_yet_is_not_shown(loaded: Client) -> None:
    size = (await loaded.says("/log/events"))["size"]
    await redefined(loaded)
    asked = {"per": "2022-06-30", "ukuran": str(size)}
    shown = read((await loaded.get(PAGE, params=asked)).text)
    assert "Definisi 2" not in shown.text
    nothing = read((await loaded.get(PAGE, params=END | {"ukuran": "0"})).text)
    assert "Belum ada definisi yang diketahui" in nothing.text


async def test_an_annulled_version_stays_readable(loaded: Client) -> None:
    await redefined(loaded)
    history = await loaded.says("/indicators/IKU-1")
    place = history["definitions"][1]["version"]
    undone = {"type": "annulled", "annuls": place, "reason": "Salah <b>catat</b>"}
    await loaded.records("/indicators/IKU-1/events", undone)
    page = await loaded.get(PAGE, params={"per": "2022-06-30"})
    shown = read(page.text)
    assert "Berlaku: Definisi 1" in shown.text
    assert "dibatalkan, diketahui" in shown.text
    assert "Salah <b>catat</b>" in shown.text
    assert "<b>" not in page.text


async def test_options_are_tried_side_by_side_and_nothing_is_recorded(
    reader: Client,
) -> None:
    tried = END | {"minimum_level": "kekerasan"}
    page = await reader.get(PAGE, params=tried)
    shown = read(page.text)
    said = await reader.says(
        "/indicators/IKU-1/comparison", as_of="2021-12-31", minimum_level="kekerasan"
    )
    held, trial = said["columns"]
    for name in ("numerator", "denominator"):
        assert shown.numbers[f"comparison.1.{name}"][0] == str(held[name])
        assert shown.numbers[f"comparison.trial.{name}"][0] == str(trial[name])
    assert held["denominator"] != trial["denominator"]
    assert '<option value="kekerasan" selected>' in page.text
    for item in said["items"]:
        assert (f"/konflik/{item['id']}", END) in shown.links
    assert f"Yang dihitung berbeda: {said['differing']}" in shown.text


async def test_versions_are_compared_side_by_side(loaded: Client) -> None:
    await redefined(loaded)
    address = f"{PAGE}?per=2021-12-31&definition=1&definition=2"
    shown = read((await loaded.get(address)).text)
    assert "comparison.1.numerator" in shown.numbers
    assert "comparison.2.numerator" in shown.numbers
    wrong = await loaded.get(PAGE, params=END | {"definition": "9"})
    assert wrong.status_code == 400


async def test_an_indicator_of_organisations_has_its_own_options(
    reader: Client,
) -> None:
    path = f"{SITE}/indikator/IKU-2/definisi"
    page = await reader.get(path, params=END | {"participation_threshold": "2"})
    shown = read(page.text)
    assert "Banyaknya partisipasi agar organisasi aktif" in shown.text
    assert 'value="2"' in page.text
    assert "comparison.trial.numerator" in shown.numbers
    foreign = await reader.get(path, params=END | {"minimum_level": "kekerasan"})
    assert foreign.status_code in {400, 422}
    assert "minimum_level" in foreign.text


async def test_a_version_is_proposed_today_only(reader: Client) -> None:
    past = read((await reader.get(PAGE, params=END)).text)
    assert "Kembali ke hari ini untuk mencatat" in past.text
    today = read((await reader.get(PAGE)).text)
    assert "Usulkan versi" in today.text
