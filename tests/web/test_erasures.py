"""Erasure over HTTP: the texts are destroyed, and nothing else changes."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iku.app import App
from iku.ledger.integrity_check import check_ledger
from iku.postgres.pool import Plain
from iku.settings import Settings
from tests.conftest import SETTINGS, copy_keys
from tests.restoring import Restored
from tests.web.conftest import CASE, VERIFIED, Client, client_of, problem

DECIDED = {
    "decision": "B/12/2022",
    "legal_basis": "UU 27/2022 Pasal 8",
    "effective_on": "2022-05-01",
}
ERASED = {
    "why": "erased",
    "erased": {
        "decision": "B/12/2022",
        "legal_basis": "UU 27/2022 Pasal 8",
        "on": "2022-05-01",
    },
}
SECRET = "Rahasia Pak Tono"
GONE = "dihapus (B/12/2022)"
FIGURES = [
    {"as_of": as_of, "known_on": known_on, "size": "146"}
    for as_of in ("2021-03-31", "2021-06-30", "2021-12-31")
    for known_on in ("2021-04-08", "2022-01-15", "2022-06-30")
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a key folder of its own, because erasures are recorded there."""
    return replace(SETTINGS, keys=copy_keys(tmp_path / "keys"))


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> str:
    return "imported" if "register" in request.fixturenames else "furnished"


@pytest.fixture
def register(client: Client) -> Client:
    """A client over the imported example register."""
    return client  # `contents` selects that template


async def everything(client: Client) -> str:
    """All responses of the API about cases, organisations, indicators and the log."""
    paths = ["/conflicts?limit=200", "/organisations?limit=200", "/indicators"]
    for kind in ("conflicts", "organisations"):
        for item in (await client.says(f"/{kind}?limit=200"))["items"]:
            paths += [f"/{kind}/{item['id']}", f"/{kind}/{item['id']}/events"]
    paths += ["/log/events?limit=1000", "/figures", "/subjects/conflict-K01"]
    return "".join([(await client.get(path)).text for path in paths])


FIGURE = "/indicators/IKU-1/{}?as_of=2021-12-31&known_on=2022-06-30&{}"
SHOWN = (
    *(FIGURE.format("explanation", "limit=200"), FIGURE.format("replay", "")),
    FIGURE.format("difference", "against_known_on=2022-01-15&limit=200"),
    "/indicators/IKU-1/comparison?as_of=2021-12-31&minimum_level=potensi&limit=200",
    *("/publications", "/publications/2021", "/publications/2021/changes?limit=200"),
)


async def test_wherever_a_text_is_shown_it_is_opened_and_once_erased_it_is_gone(
    register: Client,
) -> None:
    draft = {"period": "year", "as_of": "2021-12-31", "title": SECRET}
    await register.records("/publications", draft | {"reason": f"{SECRET} 1"})
    closed = {"type": "closed", "known_on": "2022-01-15", "reason": f"{SECRET} 2"}
    await register.records("/publications/2021/events", closed)
    titles = {i["title"] for i in (await register.says("/conflicts"))["items"]}

    async def told() -> str:
        answers = [await register.get(path) for path in SHOWN]
        assert {answer.status_code for answer in answers} == {200}
        csv = await register.get(SHOWN[0], headers={"Accept": "text/csv"})
        return "".join(answer.text for answer in (*answers, csv))

    said = await told() + await everything(register)
    assert "u001a" not in said.lower()
    assert "\x1a" not in said
    assert sum(title in said for title in titles) > 10
    assert SECRET in said
    shown = await register.says(SHOWN[0])
    assert all(item["title"] in titles for item in shown["items"])
    cases = [item["id"] for item in (await register.says("/conflicts"))["items"]]
    for subject in (*(f"conflict-{case}" for case in cases), "publication-2021"):
        await register.records(f"/subjects/{subject}/erasure", DECIDED)
    said = await told() + await everything(register)
    assert not [title for title in titles if title in said]
    assert SECRET not in said
    assert "u001a" not in said.lower()
    items = (await register.says(SHOWN[0]))["items"]
    assert {item["title"] for item in items} == {GONE}


async def live_rows(owner: Plain) -> str:
    """Every row of every table, as text; binary columns as their bytes."""
    tables = await owner.fetch(
        """
        select format('%I.%I', schemaname, tablename) as name
          from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema')
        """
    )
    found = []
    for table in tables:
        for row in await owner.fetch(f"select * from {table['name']}"):
            found += [
                value.decode(errors="replace") if isinstance(value, bytes) else value
                for value in row.values()
            ]
    return "\n".join(map(str, found))


async def test_erasing_a_case_of_the_example_moves_no_figure_and_leaves_no_text(
    register: Client, owner: Plain, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    case = await register.says("/conflicts/K01")
    history = await register.history("/conflicts/K01")
    texts = {t for event in history for t in event["text"].values()}
    assert case["title"] in texts
    before = [await register.says("/figures", **at) for at in FIGURES]
    there = await register.says("/subjects/conflict-K01")
    assert there["texts"] == sum(len(event["text"]) for event in history)

    await register.records("/subjects/conflict-K01/erasure", DECIDED)

    assert [await register.says("/figures", **at) for at in FIGURES] == before
    assert await check_ledger(owner) == []
    told = await everything(register)
    rows = await live_rows(owner)
    others = {
        text
        for item in (await register.says("/conflicts?limit=200"))["items"]
        for event in await register.history(f"/conflicts/{item['id']}")
        for text in event["text"].values()
    }
    gone = texts - others  # texts that another case also has remain there
    assert case["title"] in gone
    for text in gone:
        assert text not in told
        assert text not in caplog.text
    for text in texts:
        assert text not in rows  # it was never stored in clear text
    shown = await register.says("/conflicts/K01")
    assert shown == case | {
        "title": GONE,
        "reference": case["reference"] and GONE,
        "withheld": {
            name: ERASED for name in ("title", "reference") if case[name] is not None
        },
    }
    after = await register.history("/conflicts/K01")
    for was, now in zip(history, after, strict=True):
        assert now == was | {
            "text": dict.fromkeys(was["text"], GONE),
            "withheld": dict.fromkeys(was["text"], ERASED),
        }
    gone_now = await register.says("/subjects/conflict-K01")
    assert (gone_now["texts"], gone_now["held"]) == (0, [])
    assert [e["decision"] for e in gone_now["erasures"]] == ["B/12/2022"]


async def test_no_text_stands_in_clear_anywhere_in_the_database(
    client: Client, owner: Plain
) -> None:
    person = {"name": f"{SECRET} 1"}
    body = CASE | {"title": SECRET, "reference": f"{SECRET} 2", "reporter": person}
    await client.records("/conflicts", body | {"parties": [{"name": f"{SECRET} 3"}]})
    note = VERIFIED | {"note": f"{SECRET} 4"}
    await client.records("/conflicts/K14/events", note, Idempotency_Key="k-1")
    assert SECRET not in await live_rows(owner)
    shown = await client.says("/conflicts/K14")
    assert (shown["title"], shown["reporter"]["name"]) == (SECRET, f"{SECRET} 1")
    assert shown["parties"][0]["name"] == f"{SECRET} 3"


async def test_a_person_is_one_subject_in_several_cases_and_is_forgotten_in_all(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE | {"reporter": {"name": SECRET}})
    known = (await client.says("/conflicts/K14"))["reporter"]
    [event] = await client.history("/conflicts/K14")
    assert event["subjects"] == {
        "title": "conflict-K14",
        "reporter": known["subject"],
    }
    other = CASE | {"number": "K15", "parties": [known, {"name": "Orang lain"}]}
    await client.records("/conflicts", other)
    held = (await client.says(f"/subjects/{known['subject']}"))["held"]
    assert [(h["stream"], h["field"], h["count"]) for h in held] == [
        ("conflict-K14", "reporter", 1),
        ("conflict-K15", "parties", 1),
    ]
    await client.records(f"/subjects/{known['subject']}/erasure", DECIDED)
    first = await client.says("/conflicts/K14")
    second = await client.says("/conflicts/K15")
    assert (first["title"], first["reporter"]["name"]) == (CASE["title"], GONE)
    assert first["withheld"] == {"reporter": ERASED}
    assert [p["name"] for p in second["parties"]] == [GONE, "Orang lain"]
    assert second["withheld"] == {"parties.0": ERASED}


async def test_what_is_recorded_after_an_erasure_is_kept_and_can_be_erased_again(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/subjects/conflict-K14/erasure", DECIDED)
    await client.records("/conflicts/K14/events", VERIFIED | {"note": SECRET})
    first, second = await client.history("/conflicts/K14")
    assert (first["text"], second["text"]) == ({"title": GONE}, {"note": SECRET})
    again = await client.post("/subjects/conflict-K14/erasure", json=DECIDED)
    assert "carried out" in problem(again, 409)["detail"]
    other = DECIDED | {"decision": "B/13/2022"}
    await client.records("/subjects/conflict-K14/erasure", other)
    first, second = await client.history("/conflicts/K14")
    assert first["withheld"]["title"] == ERASED
    assert second["withheld"]["note"]["erased"]["decision"] == "B/13/2022"


async def test_erasing_twice_under_one_key_is_done_once(client: Client) -> None:
    await client.records("/conflicts", CASE)
    path, key = "/subjects/conflict-K14/erasure", {"Idempotency-Key": "hapus-1"}
    first = await client.post(path, json=DECIDED, headers=key)
    again = await client.post(path, json=DECIDED, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.post(path, json=DECIDED | {"decision": "X"}, headers=key)
    problem(other, 422)


@pytest.mark.parametrize(
    ("subject", "body", "status", "paths"),
    [
        ("conflict-K99", DECIDED, 404, ()),
        ("0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10", DECIDED, 404, ()),
        ("%20", DECIDED, 404, ()),
        ("K14", DECIDED, 404, ()),
        ("conflict-K14", {"decision": "B/1"}, 400, ("legal_basis",)),
        ("conflict-K14", DECIDED | {"decision": " "}, 400, ("decision",)),
        ("conflict-K14", DECIDED | {"colour": "red"}, 400, ("colour",)),
        ("conflict-K14", DECIDED | {"effective_on": "2999-01-01"}, 409, ()),
    ],
)
async def test_a_decision_that_cannot_be_carried_out_is_refused(
    client: Client, subject: str, body: Any, status: int, paths: tuple[str, ...]
) -> None:
    await client.records("/conflicts", CASE)
    answer = await client.post(f"/subjects/{subject}/erasure", json=body)
    problem(answer, status, *paths)
    if status == 404:
        read = problem(await client.get(f"/subjects/{subject}"), 404)
        assert read["detail"] == answer.json()["detail"]
        misnamed = subject in {"%20", "K14"}
        assert ("organisation as conflict-K14" in read["detail"]) is misnamed
    assert (await client.says("/conflicts/K14"))["title"] == CASE["title"]


async def test_a_text_is_looked_for_page_by_page_and_an_erased_one_not_found(
    register: Client,
) -> None:
    title = (await register.says("/conflicts/K01"))["title"]
    wanted = {"text": title.upper(), "limit": 200}
    assert (await register.says("/conflicts", **wanted))["items"][0]["id"] == "K01"
    await register.records("/subjects/conflict-K01/erasure", DECIDED)
    assert "K01" not in {
        item["id"] for item in (await register.says("/conflicts", **wanted))["items"]
    }
    assert (await register.says("/conflicts", text="k01"))["items"][0]["id"] == "K01"


async def test_whoever_erases_while_others_write_leaves_no_text_from_before(
    client: Client, owner: Plain
) -> None:
    await client.records("/conflicts", CASE)
    writes = [
        client.post("/conflicts/K14/events", json=VERIFIED | {"note": f"catatan {n}"})
        for n in range(12)
    ]
    erase = client.post("/subjects/conflict-K14/erasure", json=DECIDED)
    answers = await asyncio.gather(*writes[:6], erase, *writes[6:])
    assert {answer.status_code for answer in answers} <= {201, 409}
    [erased] = (await client.says("/subjects/conflict-K14"))["erasures"]
    for event in await client.history("/conflicts/K14"):
        gone = event["position"] < erased["position"]
        assert event["withheld"] == (
            dict.fromkeys(event["text"], ERASED) if gone else {}
        )
    assert await check_ledger(owner) == []


async def test_the_house_that_is_opened_on_no_folder_of_its_own_still_counts(
    app: App, register: Client, shared: Restored, tmp_path: Path
) -> None:
    figures = await register.says("/figures", **FIGURES[-1])
    other = replace(SETTINGS, keys=tmp_path / "other")
    async with shared.another(other) as there, client_of(there) as client:
        assert await client.says("/figures", **FIGURES[-1]) == figures
        shown = await client.says("/conflicts/K01")
        assert shown["title"] == "terkunci"
        assert shown["withheld"]["title"] == {"why": "locked", "erased": None}
        answer = await client.get("/conflicts/K01", headers={"Accept-Language": "en"})
        assert answer.json() == shown | {"title": "locked"}
        assert answer.headers["Content-Language"] == "en"
        assert answer.headers["Vary"] == "Accept-Language"
        listed = (await client.says("/conflicts"))["items"]
        assert {item["title"] for item in listed} == {"terkunci"}
        # Recording continues, with separate keys.
        handled = {
            "type": "handled",
            "phase": "pemulihan",
            "effective_on": "2021-02-20",
            "note": SECRET,
        }
        await client.records("/conflicts/K01/events", handled)
        events = await client.history("/conflicts/K01")
        assert (events[0]["text"]["title"], events[-1]["text"]) == (
            "terkunci",
            {"note": SECRET},
        )
    events = await register.history("/conflicts/K01")
    assert events[0]["text"]["title"] != "terkunci"
    assert events[-1]["text"] == {"note": "terkunci"}
