"""The page of a figure."""

import re
from typing import Any

import pytest

from iku.app import App
from tests.exchange.charts.drawn import check_inside, of_class, parsed
from tests.web.conftest import Client
from tests.web.pages.showing import read
from tests.web.test_publications import YEAR, publish

SITE = "http://iku.test"
PAGE = f"{SITE}/indikator/IKU-1"
END = {"per": "2021-12-31"}
CHART = re.compile(r'<svg class="chart".*?</svg>', re.DOTALL)


def charts(text: str) -> dict[str, Any]:
    """The charts of a page by name, each checked to be inside of its image."""
    found = {}
    for svg in CHART.findall(text):
        root = parsed(svg)
        check_inside(root)
        name = (root.get("aria-labelledby") or "").split("-title")[0]
        found[name] = root
    return found


async def test_it_shows_the_formula_the_number_and_a_code_to_check_it(
    reader: Client,
) -> None:
    page = await reader.get(PAGE, params=END)
    figure = await reader.says("/indicators/IKU-1/figure", as_of="2021-12-31")
    shown = read(page.text)
    assert "7/9 × 100 = 77,78%" in shown.text
    assert figure["number"] in shown.text
    assert (f"/f/{figure['number']}", END) in shown.links
    assert '<svg role="img"' in page.text
    assert "Kode QR menuju pemeriksaan angka ini" in page.text
    assert len(page.content) < 40_000
    assert not re.search(r"\sstyle=|<style", page.text)


async def test_another_period_or_definition_is_chosen_by_the_address(
    reader: Client,
) -> None:
    page = await reader.get(PAGE, params=END | {"period": "quarter"})
    said = await reader.says(
        "/indicators/IKU-1/figure", as_of="2021-12-31", period="quarter"
    )
    shown = read(page.text)
    assert shown.numbers["IKU-1.denominator"][0] == str(said["denominator"])
    assert "Triwulan IV 2021" in shown.text
    # The pages that belong to the figure keep the period.
    assert (
        "/indikator/IKU-1/penjelasan",
        END | {"period": "quarter", "counted": "denominator"},
    ) in shown.links
    wrong = await reader.get(PAGE, params=END | {"definition": "9"})
    assert wrong.status_code == 400
    assert "versi terakhir" in wrong.text
    gone = await reader.get(f"{SITE}/indikator/IKU-9", params=END)
    assert gone.status_code == 404


async def test_the_parts_add_up_to_the_figure(reader: Client) -> None:
    page = await reader.get(PAGE, params=END)
    numbers = read(page.text).numbers
    for sums in ("parts", "district", "dimension"):
        for name, total in (("numerator", 7), ("denominator", 9)):
            found = [
                int(value)
                for key, (value, _) in numbers.items()
                if key.startswith(f"IKU-1.{sums}.") and key.endswith(f".{name}")
            ]
            assert sum(found) == total, (sums, name)


async def test_the_series_marks_what_was_first_published(loaded: Client) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on="2022-01-15")
    page = await loaded.get(PAGE, params=END)
    shown = read(page.text)
    series = charts(page.text)["series"]
    assert len(of_class(series, "now")) == 5  # three days have nothing to count
    assert len(of_class(series, "published")) == 1
    assert "8/9 = 88,89% 2021" in shown.text
    assert "Berubah sejak terbit: yang diterbitkan 8/9 = 88,89%" in shown.text
    assert ("/publikasi/2021", END) in shown.links
    # Before the publication was recorded, nothing was published.
    size = (await loaded.says("/publications/2021"))["size"]
    before = await loaded.get(PAGE, params=END | {"ukuran": str(size)})
    assert not of_class(charts(before.text)["series"], "published")
    assert "Berubah sejak terbit" not in before.text


async def test_a_figure_that_has_not_changed_says_so(loaded: Client) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded)
    shown = read((await loaded.get(PAGE, params=END)).text)
    assert "Sama dengan yang diterbitkan: 2021" in shown.text
    assert "Berubah sejak terbit" not in shown.text


async def test_the_time_control_offers_the_last_publications(
    loaded: Client, app: App
) -> None:
    none = await loaded.get(PAGE, params=END)
    assert "seperti saat terbit" not in none.text
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on="2022-01-15")
    size = (await loaded.says("/publications/2021"))["size"]
    asked = END | {"diketahui": "2022-01-15", "ukuran": str(size)}
    for path in ("/", "/indikator/IKU-1", "/indikator/IKU-1/penjelasan"):
        shown = read((await loaded.get(SITE + path)).text)
        assert "seperti saat terbit: 2021" in shown.text
        assert (path, asked) in shown.links
    then = read((await loaded.get(PAGE, params=asked)).text)
    assert "8/9 × 100 = 88,89%" in then.text
    # The publications are folded again only after a step of one was recorded.
    records = await app.publications.records(app.pool)
    assert await app.publications.records(app.pool) is records
    await loaded.records("/publications", YEAR | {"restates": "2021"})
    assert len(await app.publications.records(app.pool)) == 2


async def test_the_time_control_leads_to_the_days_on_which_the_figure_moved(
    reader: Client,
) -> None:
    shown = read((await reader.get(PAGE, params=END)).text)
    assert "perubahan sebelumnya: 20-12-2021" in shown.text
    assert "perubahan berikutnya: 05-01-2022" in shown.text
    assert ("/indikator/IKU-1", {"per": "2021-12-20"}) in shown.links
    earlier = read((await reader.get(PAGE, params={"per": "2021-12-19"})).text)
    assert earlier.numbers["IKU-1.numerator"] != shown.numbers["IKU-1.numerator"]


async def test_each_age_leads_to_the_list_of_these_cases(reader: Client) -> None:
    page = await reader.get(PAGE, params=END)
    shown = read(page.text)
    lists = re.findall(r'href="/konflik\?([^"]*status=open[^"]*)"', page.text)
    counts = [
        int(value)
        for name, (value, _) in shown.numbers.items()
        if name.startswith("IKU-1.ages.")
    ]
    assert counts == [1, 0, 1, 0]
    for query, count in zip(lists, counts, strict=True):
        of_api = query.replace("&amp;", "&").replace("per=", "as_of=", 1)
        said = await reader.says(f"/conflicts?{of_api}")
        assert said["total"] == count
    assert set(charts(page.text)) == {"series", "achievement", "ages", "flow"}


async def test_an_indicator_of_organisations_has_no_flow_of_cases(
    reader: Client,
) -> None:
    page = await reader.get(f"{SITE}/indikator/IKU-2", params=END)
    assert set(charts(page.text)) == {"series", "achievement"}
    assert "dengan SKT kedaluwarsa" in read(page.text).text


async def test_a_day_without_cases_is_empty_and_says_so(visitor: Client) -> None:
    page = await visitor.get(PAGE)
    shown = read(page.text)
    assert page.status_code == 200
    assert "Tidak ada yang dihitung dalam periode ini" in shown.text
    assert "Tanpa target tidak ada capaian." in shown.text
    assert "tidak ada persentase yang dapat digambarkan" in shown.text
    assert set(charts(page.text)) == {"ages", "flow"}


@pytest.mark.parametrize("kind", ["half", "quadrimester", "quarter", "month"])
async def test_a_series_has_the_last_periods_of_its_kind(
    reader: Client, kind: str
) -> None:
    page = await reader.get(PAGE, params=END | {"period": kind})
    days = re.findall(r'<th scope="row" class="day">.*?>([\d-]+)</a>', page.text)
    assert len(days) == 8
    assert days[-1] == "31-12-2021"
    assert len(set(days)) == 8
