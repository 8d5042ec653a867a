"""Explanations of figures, over HTTP."""

import csv
import io
from base64 import urlsafe_b64encode
from typing import Any, get_args

import pytest

from iku.commands import decision
from iku.domain.conflict import DIMENSIONS, Category, Dimension
from iku.domain.organisation import OrganisationKind
from iku.exchange import csv_output, explanation_table
from iku.exchange.table_output import XLSX
from iku.queries import explanation
from iku.queries.explanation import Part
from tests.domain.register import FIGURES
from tests.exchange.workbooks import cells
from tests.web.conftest import BEFORE_ANY, CASE, VERIFIED, Client, problem

IKU_1 = "/indicators/IKU-1/explanation"
YEAR_END = {"as_of": "2021-12-31"}
CSV = {"Accept": "text/csv"}


async def items(client: Client, path: str = IKU_1, **asked: Any) -> list[Any]:
    """The items of all pages."""
    found: list[Any] = []
    while True:
        page = await client.says(path, **asked)
        found += page["items"]
        if page["next"] is None:
            return found
        asked["cursor"] = page["next"]


async def sheet(client: Client, path: str = IKU_1, **asked: Any) -> list[list[str]]:
    answer = await client.get(path, params=asked, headers=CSV)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbfnomor,judul,")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_the_items_add_up_to_every_figure_of_the_register(reader: Client) -> None:
    for code, as_of, known_on, numerator, denominator, *_ in FIGURES:
        path = f"/indicators/{code}/explanation"
        asked = {"as_of": as_of, "known_on": known_on}
        found = await items(reader, path, **asked, limit=13)
        assert sum(item["numerator"] for item in found) == numerator
        assert sum(item["denominator"] for item in found) == denominator
        page = await reader.says(path, **asked)
        figure = await reader.says(f"/indicators/{code}/figure", **asked)
        assert page["figure"] == figure


async def test_each_item_says_why_and_by_which_event(reader: Client) -> None:
    found = {item["id"]: item for item in await items(reader, **YEAR_END)}
    told = {n: item["why_numerator"]["id"] for n, item in found.items()}
    assert told["K06"].startswith("tidak dihitung: digabung ke K07, peristiwa ")
    annulled = "masih terbuka: penutupan 15-10-2021 dibatalkan, peristiwa "
    assert told["K10"].startswith(annulled)
    k10 = found["K10"]
    history = await reader.history("/conflicts/K10")
    position = history[3]["position"]
    assert k10 == {
        "id": "K10",
        "number": "K10",
        "title": "Perkara",
        "part": "politik",
        "district": "35.76.02",
        "denominator": True,
        "numerator": False,
        "expired": False,
        "why_denominator": k10["why_denominator"],
        "why_numerator": {
            "rule": "closing_annulled",
            "events": [
                {
                    "position": position,
                    "version": 4,
                    "type": "annulled",
                    "effective_on": None,
                    "known_on": "2022-01-20",
                }
            ],
            "id": f"{annulled}{position}",
            "en": "still open: the closing of 2021-10-15 was annulled, "
            f"event {position}",
        },
    }
    before = await items(reader, known_on="2022-01-15", subject="K10", **YEAR_END)
    assert before[0]["why_numerator"]["rule"] == "resolved"


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"counted": "open"}, ["K10", "K12"]),
        ({"counted": "none", "rule": "merged"}, ["K06"]),
        ({"rule": "open_on_eve"}, ["K01", "K02"]),
        ({"counted": "numerator", "part": "budaya"}, ["K05"]),
        ({"counted": "denominator", "district": "35.76.01"}, ["K02", "K05"]),
        ({"district": ""}, []),
        ({"subject": "K07"}, ["K07"]),
        ({"subject": "K99"}, []),
    ],
)
async def test_items_are_looked_for(
    reader: Client, asked: dict[str, str], numbers: list[str]
) -> None:
    found = await items(reader, **YEAR_END, **asked)
    assert [item["number"] for item in found] == numbers
    assert [row[0] for row in (await sheet(reader, **YEAR_END, **asked))[1:]] == numbers


def test_any_part_there_is_can_be_looked_for() -> None:
    counted = [d for d in Dimension if d not in DIMENSIONS[Category.LAINNYA]]
    assert list(get_args(Part)) == [*counted, *OrganisationKind]


async def test_the_pages_speak_of_one_log_whatever_is_recorded_meanwhile(
    loaded: Client,
) -> None:
    first = await loaded.says(IKU_1, limit=3)
    await loaded.records("/conflicts", CASE | {"number": "Z1"})
    await loaded.records("/conflicts/Z1/events", VERIFIED)
    rest = await loaded.says(IKU_1, cursor=first["next"])
    assert rest["figure"] == first["figure"]
    assert "Z1" not in {item["id"] for item in rest["items"]}
    assert (await items(loaded))[-1]["id"] == "Z1"


async def test_a_page_that_looked_at_many_and_found_none_goes_on(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explanation, "EXAMINED", 4)
    page = await reader.says(IKU_1, subject="K12", **YEAR_END)
    assert len(page["items"]) == 1
    page = await reader.says(IKU_1, rule="merged", **YEAR_END)
    assert (page["items"], page["examined"]) == ([], 4)
    assert page["next"]
    found = await items(reader, rule="merged", **YEAR_END)
    assert [item["number"] for item in found] == ["K06"]


async def test_as_csv_all_items_come_with_the_figures_number(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await items(reader, **YEAR_END)
    head, *rows = await sheet(reader, **YEAR_END)
    assert head == [*explanation_table.HEADINGS]
    assert [row[0] for row in rows] == [item["number"] for item in found]
    figure = await reader.says("/indicators/IKU-1/figure", **YEAR_END)
    assert {row[-1] for row in rows} == {figure["number"]}
    assert sum(row[head.index("penyebut")] == "ya" for row in rows) == 9
    assert sum(row[head.index("pembilang")] == "ya" for row in rows) == 7
    for row, item in zip(rows, found, strict=True):
        assert row[head.index("alasan_pembilang")] == item["why_numerator"]["id"]
        cited = [str(e["position"]) for e in item["why_denominator"]["events"]]
        assert row[head.index("peristiwa_penyebut")] == " ".join(cited)
    monkeypatch.setattr(explanation, "EXAMINED", 3)
    monkeypatch.setattr("iku.web.api.explanations.EXAMINED", 3)
    assert await sheet(reader, **YEAR_END) == [head, *rows]
    for limit in (1, 3, 4, 16):
        assert await sheet(reader, limit=limit, **YEAR_END) == [head, *rows[:limit]]
    page = await reader.says(IKU_1, limit=2, **YEAR_END)
    rest = await sheet(reader, cursor=page["next"], **YEAR_END)
    assert rest == [head, *rows[2:]]


async def test_a_title_is_never_a_formula(client: Client) -> None:
    """ASVS 1.2.10."""
    titles = ["=1+1", "+62", "-2", "@a", "wajar", "'=1"]
    for number, title in enumerate(titles):
        body = CASE | {"number": f"K{number}", "title": title}
        await client.records("/conflicts", body)
    _, *rows = await sheet(client)
    assert [row[1] for row in rows] == ["'=1+1", "'+62", "'-2", "'@a", "wajar", "'=1"]
    for prefix in ("\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"):
        assert csv_output.formula_safe(f"{prefix}=1") == f"'{prefix}=1"


async def test_what_cannot_be_explained_is_refused_by_name(visitor: Client) -> None:
    for name, value in (
        ("as_of", "2999-01-01"),
        ("known_on", "yesterday"),
        ("size", "99999"),
        ("definition", "7"),
        ("period", "week"),
        ("counted", "all"),
        ("rule", "because"),
        ("part", "x"),
        ("district", "Magersari"),
        ("subject", "~"),
        ("limit", "0"),
        ("cursor", "!"),
        ("colour", "red"),
    ):
        for headers in ({}, CSV):
            answer = await visitor.get(IKU_1, params={name: value}, headers=headers)
            problem(answer, 400, name)
    problem(await visitor.get("/indicators/IKU-4/explanation"), 404)


async def test_a_cursor_that_no_page_gave_is_refused(reader: Client) -> None:
    page = await reader.says(IKU_1, limit=3, **YEAR_END)
    for said in (
        b"",
        b"x",
        b"{}",
        b"\xff\xfe",
        b"5.2021123120220101.l.K01",  # of a list
        b"-1.2021123120220101.e.K01",
        b"5.2021123120220101.e.K01/",
        b"5.2021123120229901.e.K01",
    ):
        cursor = urlsafe_b64encode(said).decode().rstrip("=") or "A"
        answer = await reader.get(IKU_1, params={"cursor": cursor})
        problem(answer, 400, "cursor")
    for name, value in (
        ("as_of", "2021-12-30"),
        ("known_on", "2021-12-30"),
        ("size", "9"),
    ):
        asked = {"cursor": page["next"], name: value}
        problem(await reader.get(IKU_1, params=asked), 400, "cursor")
    size = page["figure"]["size"]
    same = await reader.says(IKU_1, cursor=page["next"], size=size, **YEAR_END)
    assert same == await reader.says(IKU_1, cursor=page["next"])


async def test_csv_with_semicolons_says_the_same_and_runs_no_formula(
    loaded: Client,
) -> None:
    """ASVS 1.2.10."""
    title = '=1+1; "kutip", koma'
    await loaded.records("/conflicts", CASE | {"number": "K95", "title": title})
    asked = {"as_of": "2021-12-31"}
    commas = await loaded.get(IKU_1, params=asked, headers=CSV)
    answer = await loaded.get(
        IKU_1, params=asked | {"delimiter": "semicolon"}, headers=CSV
    )
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbfnomor;judul;bagian;")
    text = answer.content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    assert rows == list(csv.reader(io.StringIO(commas.content.decode("utf-8-sig"))))
    assert [row[1] for row in rows if row[0] == "K95"] == [f"'{title}"]
    items = (await loaded.says(IKU_1, limit=200, **asked))["items"]
    assert [row[0] for row in rows[1:]] == [item["number"] for item in items]
    plain = await loaded.get(IKU_1, params=asked | {"delimiter": "comma"}, headers=CSV)
    assert plain.content == commas.content


@pytest.mark.parametrize("delimiter", ["comma", "semicolon"])
async def test_csv_differs_by_language_in_the_sentences_of_reasons_only(
    reader: Client, delimiter: str
) -> None:
    asked = {"as_of": "2021-12-31", "delimiter": delimiter}
    separator = {"comma": ",", "semicolon": ";"}[delimiter]
    read = []
    for language in (None, "id", "en"):
        named = {} if language is None else {"Accept-Language": language}
        answer = await reader.get(IKU_1, params=asked, headers=CSV | named)
        assert answer.headers["Content-Language"] == (language or "id")
        text = answer.content.decode("utf-8-sig")
        read.append(list(csv.DictReader(io.StringIO(text), delimiter=separator)))
    usual, indonesian, english = read
    assert usual == indonesian
    assert list(english[0]) == [*explanation_table.HEADINGS]
    for one, other in zip(indonesian, english, strict=True):
        for name in ("alasan_penyebut", "alasan_pembilang"):
            assert one.pop(name).startswith(("dihitung", "tidak", "selesai", "masih"))
            assert other.pop(name).startswith(("counted", "not", "resolved", "still"))
        assert one == other


async def test_a_delimiter_that_would_be_ignored_or_is_none_is_refused(
    visitor: Client,
) -> None:
    semicolon = {"delimiter": "semicolon"}
    said = problem(await visitor.get(IKU_1, params=semicolon), 400, "delimiter")
    assert "text/csv" in said["detail"]
    for value in (";", "tab"):
        answer = await visitor.get(IKU_1, params={"delimiter": value}, headers=CSV)
        said = problem(answer, 400, "delimiter")
        assert "comma, semicolon" in said["detail"]


async def test_the_workbook_of_an_explanation_has_the_rows_of_its_csv(
    reader: Client,
) -> None:
    answer = await reader.get(IKU_1, params=YEAR_END, headers={"Accept": XLSX})
    assert answer.headers["Content-Type"] == XLSX
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    assert cells(answer.content) == await sheet(reader, **YEAR_END)
    refused = await reader.get(IKU_1, params={"bom": "false"}, headers={"Accept": XLSX})
    assert "text/csv" in problem(refused, 400, "bom")["detail"]


@pytest.mark.parametrize("path", ["/conflicts", "/organisations"])
async def test_a_list_is_a_file_of_all_its_pages(reader: Client, path: str) -> None:
    asked: dict[str, Any] = {"limit": 2, "as_of": "2021-12-31"}
    numbers = [item["number"] for item in await items(reader, path, **asked)]
    bare = await reader.get(path, params={**asked, "bom": "false"}, headers=CSV)
    assert bare.status_code == 200, bare.text
    lines = bare.content.decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["nomor", *numbers]
    book = await reader.get(path, params=asked, headers={"Accept": XLSX})
    assert [row[0] for row in cells(book.content)] == ["nomor", *numbers]
    refused = await reader.get(path, params={"delimiter": "comma"})
    assert "text/csv" in problem(refused, 400, "delimiter")["detail"]


@pytest.mark.parametrize("code", ["IKU-1", "IKU-2"])
async def test_before_the_first_event_nothing_counts_and_each_says_why(
    reader: Client, code: str
) -> None:
    for day in BEFORE_ANY:
        page = await reader.says(f"/indicators/{code}/explanation", as_of=day)
        assert page["figure"]["denominator"] == 0
        assert page["items"]
        assert not any(item["denominator"] for item in page["items"])
        known = await reader.says(f"/indicators/{code}/explanation", known_on=day)
        assert known["items"] == []


async def test_the_csv_is_described_beside_the_json(visitor: Client) -> None:
    described = await visitor.says("/openapi.json")
    path = described["paths"]["/api/v1/indicators/{code}/explanation"]
    content = path["get"]["responses"]["200"]["content"]
    assert content["text/csv"]["schema"] == {"type": "string"}
    assert content["text/csv"]["example"].startswith(csv_output.MARK + "nomor,judul,")
    schema = content["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Explained"}


async def test_a_cell_shows_the_hidden_characters_of_an_older_record(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(decision, "refuse_hidden_characters", lambda _: None)
        await client.records("/conflicts", CASE | {"title": "Ali\u202e \u2066Budi"})
    rows = await sheet(client, **YEAR_END)
    assert [row[1] for row in rows if row[0] == "K14"] == ["Ali<U+202E> <U+2066>Budi"]
