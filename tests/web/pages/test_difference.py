"""The page that compares two figures, and replays one."""

from typing import Any

import pytest

from tests.web.conftest import CASE, VERIFIED, Client
from tests.web.pages.showing import read
from tests.web.pages.test_indicator import charts
from tests.web.test_publications import YEAR, publish

SITE = "http://iku.test"
PAGE = f"{SITE}/indikator/IKU-1/perbandingan"
END = {"per": "2021-12-31"}


async def test_it_compares_with_what_was_published_for_the_day(
    loaded: Client,
) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on="2022-01-15")
    page = await loaded.get(PAGE, params=END)
    shown = read(page.text)
    assert "Dari 8/9 = 88,89% menjadi 7/9 = 77,78%." in shown.text
    assert "Dibandingkan dengan angka yang diterbitkan: 2021" in shown.text
    # The causes add up, in the table and in the chart.
    assert "Angka pembanding 8 pembatalan -1 Angka yang diminta 7" in shown.text
    assert set(charts(page.text)) == {"numerator", "denominator"}
    assert ("/konflik/K10", END) in shown.links


async def test_without_a_publication_it_compares_with_the_year_before(
    reader: Client,
) -> None:
    shown = read((await reader.get(PAGE, params=END)).text)
    assert "Dari 0/2 = 0,00% menjadi 7/9 = 77,78%." in shown.text
    assert "Angka pembanding: Keadaan 31 Desember 2020" in shown.text


async def test_the_address_names_the_other_figure_as_people_write_days(
    reader: Client,
) -> None:
    asked = END | {"lawan_per": "30 Juni 2021", "lawan_diketahui": "1/7/2021"}
    page = await reader.get(PAGE, params=asked)
    shown = read(page.text)
    said = await reader.says(
        "/indicators/IKU-1/difference",
        as_of="2021-12-31",
        against_as_of="2021-06-30",
        against_known_on="2021-07-01",
    )
    before = said["against"]
    assert f"Dari {before['numerator']}/{before['denominator']}" in shown.text
    assert "menurut yang diketahui 1 Juli 2021" in shown.text
    for item in said["items"]:
        assert (f"/konflik/{item['id']}", END) in shown.links


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lawan_per", "31-13-2021", "bukan tanggal"),
        ("lawan_diketahui", "1-1-9999", "tidak boleh setelah hari ini"),
        ("lawan_ukuran", "banyak", "bukan jumlah peristiwa"),
        ("lawan_ukuran", "999999", "999999"),
        ("langkah", "-1", "Langkah harus"),
    ],
)
async def test_a_wrong_coordinate_of_the_other_figure_is_named(
    reader: Client, name: str, value: str, said: str
) -> None:
    page = await reader.get(PAGE, params=END | {name: value})
    assert page.status_code == 400
    assert said in read(page.text).text


async def test_a_replay_leads_step_by_step_to_the_figure(reader: Client) -> None:
    asked: dict[str, Any] = END | {"langkah": "0"}
    seen = []
    while True:
        shown = read((await reader.get(PAGE, params=asked)).text)
        counts = [
            shown.numbers.get(f"replay.{name}", ("0", ""))[0]
            for name in ("numerator", "denominator")
        ]
        seen.append("/".join(counts))
        steps = {
            query["langkah"]
            for path, query in shown.links
            if path.endswith("/perbandingan") and "langkah" in query
        }
        later = [int(one) for one in steps if int(one) > int(asked["langkah"])]
        if not later:
            break
        asked = END | {"langkah": str(min(later))}
    assert seen[0] == "0/0"
    assert seen[-1] == "7/9"
    assert len(seen) > 10
    backwards = read((await reader.get(PAGE, params=asked)).text)
    assert "langkah sebelumnya" in backwards.text


async def test_many_causes_are_summed_by_step_and_shown_in_pages(
    loaded: Client,
) -> None:
    for n in range(55):
        case = CASE | {"number": f"Z{n:02}"}
        await loaded.records("/conflicts", case)
        await loaded.records(f"/conflicts/Z{n:02}/events", VERIFIED)
    page = await loaded.get(PAGE, params=END)
    shown = read(page.text)
    assert "Waktu +62" in shown.text
    following = [q for _, q in shown.links if "cursor" in q]
    assert following
    second = read((await loaded.get(PAGE, params=following[0])).text)
    assert "Waktu +62" in second.text


async def test_two_equal_figures_have_no_causes(reader: Client) -> None:
    asked = END | {"lawan_per": "2021-12-31"}
    shown = read((await reader.get(PAGE, params=asked)).text)
    assert "berubah hitungannya." in shown.text
