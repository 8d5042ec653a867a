"""The page that explains a figure, and its download."""

import csv
import io
from html import unescape

from iku.app import App
from iku.queries import explanation
from tests.web.conftest import CASE, VERIFIED, Client
from tests.web.pages.showing import read

SITE = "http://iku.test"
PAGE = f"{SITE}/indikator/IKU-1/penjelasan"
END = {"per": "2021-12-31"}
HOSTILE = {"definisi": {"minimum_level": "kekerasan"}}  # what shows the case


async def test_it_says_of_each_case_whether_and_why_it_counts(reader: Client) -> None:
    shown = read((await reader.get(PAGE, params=END)).text)
    said = await reader.says("/indicators/IKU-1/explanation", as_of="2021-12-31")
    assert len(said["items"]) > 10
    for item in said["items"]:
        why = item["why_denominator"]["id"]
        assert why[1:] in shown.text
        assert (f"/konflik/{item['id']}", END) in shown.links


async def test_a_filter_shows_only_what_counts(reader: Client) -> None:
    for counted, number in (("denominator", 9), ("numerator", 7), ("open", 2)):
        page = await reader.get(PAGE, params=END | {"counted": counted})
        assert page.text.count('<th scope="row">') == number
        assert f'<option value="{counted}" selected>' in page.text
    none = await reader.get(PAGE, params=END | {"subject": "K99"})
    assert "Tidak ada yang cocok." in none.text
    one = await reader.get(PAGE, params=END | {"subject": "K10", "counted": "open"})
    assert one.text.count('<th scope="row">') == 1


async def test_a_long_explanation_has_pages(loaded: Client) -> None:
    for n in range(30):
        case = CASE | {"number": f"Z{n:02}"}
        await loaded.records("/conflicts", case)
        await loaded.records(f"/conflicts/Z{n:02}/events", VERIFIED)
    asked = END | {"counted": "denominator"}
    page = await loaded.get(PAGE, params=asked)
    assert page.text.count('<th scope="row">') == 25
    (following,) = [
        query
        for path, query in read(page.text).links
        if path.endswith("/penjelasan") and "cursor" in query
    ]
    assert following.items() >= asked.items()
    second = await loaded.get(PAGE, params=following)
    assert second.text.count('<th scope="row">') == 9 + 30 - 25
    assert "Halaman pertama" in second.text


async def test_the_download_has_the_sentence_and_every_row(
    loaded: Client, monkeypatch: object
) -> None:
    answer = await loaded.get(f"{PAGE}.csv", params=END)
    assert answer.headers["Content-Type"].startswith("text/csv")
    name = answer.headers["Content-Disposition"]
    assert name.startswith('attachment; filename="penjelasan-IKU-1.')
    *rows, gap, last = csv.reader(io.StringIO(answer.text[1:]), delimiter=";")
    assert gap == []
    assert last == ["keadaan 31 Desember 2021 menurut yang diketahui sekarang"]
    counted = [row[rows[0].index("pembilang")] for row in rows[1:]]
    assert counted.count("ya") == 7
    assert answer.text.count("\ufeff") == 1
    english = await loaded.get(
        f"{PAGE}.csv", params=END | {"bahasa": "en", "counted": "numerator"}
    )
    assert len([*csv.reader(io.StringIO(english.text))]) == 1 + 7 + 2


async def test_a_download_reads_all_pages(
    loaded: Client, app: App, monkeypatch: object
) -> None:
    whole = (await loaded.get(f"{PAGE}.csv", params=END)).text
    assert app.figures
    monkeypatch.setattr(explanation, "EXAMINED", 5)  # type: ignore[attr-defined]  # pytest's
    assert (await loaded.get(f"{PAGE}.csv", params=END)).text == whole


async def test_hostile_texts_are_shown_as_texts(loaded: Client) -> None:
    title = "<script>alert(1)</script> \u05d0\u05d1 " + "panjang " * 30
    await loaded.records("/conflicts", CASE | {"title": title.strip()})
    await loaded.records("/conflicts/K14/events", VERIFIED)
    for path in ("penjelasan", "perbandingan", "definisi"):
        address = f"{SITE}/indikator/IKU-1/{path}"
        page = await loaded.get(address, params=END | HOSTILE.get(path, {}))
        assert title.strip() in unescape(page.text), path
        assert "<script>alert" not in page.text
        assert 'dir="auto">&lt;script&gt;' in page.text
