"""Every error has a status, a message, and the path of the fault."""

import logging
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Any

import pytest

from iku.app import App
from iku.commands.command import StaleVersion
from iku.commands.handler import CommandHandler
from iku.domain.decider import Refused
from iku.ledger.appender import OutOfSpace, Overloaded, Unavailable
from iku.ledger.log import KnownOnDecreased, VersionConflict
from iku.ledger.record import TooLarge, Unrecordable
from iku.web.app import LARGEST_BODY
from iku.web.problems import KINDS
from tests.web.conftest import CASE, VERIFIED, Client, problem

JSON = {"Content-Type": "application/json"}


async def post(client: Client, body: bytes, **headers: str) -> Any:
    return await client.post("/conflicts", content=body, headers=JSON | headers)


def altered(**fields: str) -> bytes:
    """The body of a report, its fields written as given."""
    plain = {name: f'"{value}"' for name, value in CASE.items()} | fields
    return ("{" + ",".join(f'"{n}":{v}' for n, v in plain.items()) + "}").encode()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"null", ""),
        (b"\xef\xbb\xbf{}", ""),
        (b'{"title": "\xff"}', ""),
        (altered() + b" trailing", ""),
        (b"[" * 100_000, ""),
        (b'{"title": ' + b"[" * 100_000, ""),
        (b'{"title": ' + b'{"a":' * 100_000, ""),
        (altered(colour='"red"'), "colour"),
        (altered(title='"\\ud800"'), ""),
        (altered(title='"\\u0000"'), "title"),
        (altered(title='"   "'), "title"),
        (altered(title='""'), "title"),
        (altered(title='"a\\nb"'), "title"),
        (altered(title='"' + "x" * 501 + '"'), "title"),
        (altered(title="7"), "title"),
        (altered(category='"perang"'), "category"),
        (altered(dimension='"agama"'), "dimension"),
        (altered(effective_on='"2021-02-30"'), "effective_on"),
        (altered(effective_on='"2021-02-09T00:00:00"'), "effective_on"),
        (altered(effective_on="20210209"), "effective_on"),
        (altered(number='"../x"'), "number"),
        (altered(number='"K14\\n"'), "number"),
        (altered(area='"\\u0000"'), "area"),
    ],
)
async def test_a_malformed_body_is_told_by_its_path(
    visitor: Client, body: bytes, path: str
) -> None:
    problem(await post(visitor, body), 400, path)


async def test_an_event_is_of_a_type_there_is(client: Client) -> None:
    await client.records("/conflicts", CASE)
    for event, path in (
        ({"effective_on": "2021-02-10"}, "type"),
        ({"type": "sealed", "effective_on": "2021-02-10"}, "type"),
        ({"type": 7}, "type"),
        (VERIFIED | {"note": 7}, "note"),
        ({"type": "corrected", "corrects": "1", "reason": "x"}, "corrects"),
        ({"type": "corrected", "corrects": 0, "reason": "x"}, "corrects"),
        ({"type": "corrected", "corrects": 2**31, "reason": "x"}, "corrects"),
        ({"type": "annulled", "annuls": 1.5, "reason": "x"}, "annuls"),
    ):
        problem(await client.post("/conflicts/K14/events", json=event), 400, path)


@pytest.mark.parametrize(
    ("added", "path"),
    [
        (b'"title":"Yang kedua"', "title"),
        (b'"\\u0074itle":"Yang kedua"', "title"),
        (b'"t\\u0069tl\\u0065" : "Yang kedua"', "title"),
        (b'"effective_on":"2021-02-09"', "effective_on"),
        (b'"reporter":{"name":"Siti","name":"Budi"}', "reporter.name"),
        (b'"parties":[{"name":"A"},{"name":"B","n\\u0061me":"C"}]', "parties[1].name"),
    ],
)
async def test_a_key_that_is_given_twice_is_refused_by_its_path(
    visitor: Client, added: bytes, path: str
) -> None:
    answer = await post(visitor, altered()[:-1] + b"," + added + b"}")
    shown = problem(answer, 400, path)
    assert shown["detail"] == f"{path} occurs more than once"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            b"\xef\xbb\xbf{}",
            "begins with a byte order mark (U+FEFF); send the body without it",
        ),
        (b'{"title": "\xff"}', "invalid byte 0xff at offset 11"),
        (b'{"title": "\xed\xa0\x80"}', "invalid byte 0xed at offset 11"),
        (b'{"title"', "is not JSON: the input ends unexpectedly"),
        (b'{"title": "\\ud800"}', "a \\u escape is an unpaired surrogate"),
        (
            b'{"title": "\\udc00"}',
            "a \\u escape is an unpaired surrogate, at offset",
        ),
        (b'{"title": NaN}', "NaN and Infinity are not numbers, at offset 10"),
        (b'{"title": -Infinity}', "NaN and Infinity are not numbers, at offset 11"),
        (b'{"title": "x",}', "trailing comma in object, at offset 14"),
        (altered() + b" {}", "trailing characters, at offset 134"),
    ],
)
async def test_what_is_no_json_is_refused_with_what_is_wrong_and_where(
    visitor: Client, body: bytes, sentence: str
) -> None:
    assert sentence in problem(await post(visitor, body), 400, "")["detail"]


@pytest.mark.parametrize("number", ["1" + "0" * 5_000, "1e999", "1" * 200])
async def test_a_number_beyond_all_bounds_is_refused_by_its_path(
    visitor: Client, number: str
) -> None:
    body = f'{{"type":"corrected","corrects":{number},"reason":"x"}}'
    answer = await visitor.post("/conflicts/K14/events", content=body, headers=JSON)
    shown = problem(answer, 400, "corrects")
    sentence = "corrects must be a whole number from 1 to 2147483647, not "
    assert shown["errors"][0]["message"].startswith(sentence)


async def test_text_that_can_be_written_in_two_ways_is_kept_in_one(
    client: Client,
) -> None:
    decomposed = altered(title='"Ke\\u0301butuhan"')
    assert (await post(client, decomposed)).status_code == 201
    found = await client.says("/conflicts", text="Ke\u0301but")
    assert [item["title"] for item in found["items"]] == ["K\xe9butuhan"]


async def test_a_body_is_json_and_said_to_be(client: Client) -> None:
    body = altered()
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; charset=latin-1"},
    ):
        answer = await client.post("/conflicts", content=body, headers=headers)
        problem(answer, 415)
    problem(await client.post("/conflicts", content=body), 415)
    said = await post(
        client, body, **{"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert said.status_code == 201


async def test_a_body_is_of_bounded_size(client: Client) -> None:
    async def chunks() -> Any:
        for _ in range(11):
            yield b" " * (1 << 20)

    shown = problem(await post(client, b" " * (10 << 20)), 413)
    assert f"longer than the maximum of {LARGEST_BODY} bytes" in shown["detail"]
    problem(await client.post("/conflicts", content=chunks(), headers=JSON), 413)
    problem(await post(client, b" " * LARGEST_BODY), 400, "")
    problem(await post(client, b"", **{"Content-Length": "ten"}), 400)


async def test_a_record_is_of_bounded_size(client: Client) -> None:
    sources = ["x" * 400] * 200
    redefinition = {
        "effective_on": "2022-01-01",
        "basis": "Contoh",
        "reason": "Banyak sumber",
        "sources": sources,
    }
    answer = await client.post("/indicators/IKU-1/definitions", json=redefinition)
    assert "65535" in problem(answer, 413)["detail"]


async def test_what_is_nowhere_and_what_cannot_be_done_there(visitor: Client) -> None:
    problem(await visitor.get("/nowhere"), 404)
    problem(await visitor.get("http://iku.test/nowhere"), 404)
    allowed = {"GET", "HEAD", "POST", "OPTIONS"}
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        answer = await visitor.request(method, "/conflicts")
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == allowed
    options = await visitor.options("/conflicts")
    assert (options.status_code, options.headers["Allow"]) == (
        204,
        "GET, OPTIONS, POST, HEAD",
    )


@pytest.mark.parametrize(
    "address",
    [
        "/conflicts/%00",
        "/conflicts/%ff",
        "/conflicts/%",
        "/conflicts/%g0",
        "/conflicts?text=%00",
        "/conflicts?text=%ed%a0%80",
        "/conflicts?text=%c3",
        "/conflicts?text=%",
        "/conflicts?%ff=1",
    ],
)
async def test_a_malformed_address_is_refused(visitor: Client, address: str) -> None:
    raw = f"/api/v1{address}".encode()
    url = visitor.base_url.copy_with(raw_path=raw)
    problem(await visitor.get(url), 400)


Raise = Callable[[Exception], None]


@pytest.fixture
def office_raises(monkeypatch: pytest.MonkeyPatch) -> Raise:
    """Makes every command raise an error."""

    def raise_(error: Exception) -> None:
        async def handle(*_: Any) -> Any:
            raise error

        monkeypatch.setattr(CommandHandler, "handle", handle)

    return raise_


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Refused("no"), 409, "refused"),
        (VersionConflict("conflict-K14", 1, 2), 409, "overtaken"),
        (KnownOnDecreased("conflict-K14", None, date.max), 409, "refused"),
        (StaleVersion(2, 1), 412, "outdated"),
        (TooLarge("long"), 413, "too-large"),
        (Unrecordable("odd"), 400, "invalid"),
        (Unavailable("gone"), 503, "unavailable"),
        (Overloaded("busy"), 503, "overloaded"),
        (OutOfSpace("no space left on device"), 503, "full"),
        (ConnectionResetError("gone"), 503, "unavailable"),
        (ZeroDivisionError("secret"), 500, "fault"),
    ],
)
async def test_each_error_of_the_program_has_its_status(
    visitor: Client, office_raises: Raise, error: Exception, status: int, kind: str
) -> None:
    office_raises(error)
    answer = await visitor.post("/conflicts", json=CASE)
    shown = problem(answer, status)
    assert shown["type"] == f"urn:iku:problem:{kind}"
    assert ("Retry-After" in answer.headers) == (status == 503)


async def test_a_database_without_room_is_not_said_to_be_away(
    client: Client, office_raises: Raise
) -> None:
    office_raises(OutOfSpace("no space left on device"))
    shown = problem(await client.post("/conflicts", json=CASE), 503)
    assert shown["title"] == "Service Unavailable"
    assert "out of disk space or memory" in shown["detail"]


async def test_a_fault_of_ours_is_logged_and_not_told(
    client: Client, office_raises: Raise, caplog: pytest.LogCaptureFixture
) -> None:
    office_raises(ZeroDivisionError("secret"))
    with caplog.at_level(logging.ERROR):
        answer = await client.post("/conflicts", json=CASE)
    assert "secret" not in problem(answer, 500)["detail"]
    (record,) = [r for r in caplog.records if r.name == "iku.web.problems"]
    assert record.exc_info
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_nothing_is_recorded_by_what_is_refused(client: Client, app: App) -> None:
    before = (await client.says("/log/events"))["size"]
    for body in (b"{", altered(area='"99"'), altered(effective_on='"2999-01-01"')):
        assert (await post(client, body)).status_code in {400, 409}
    assert (await client.says("/log/events"))["size"] == before


def test_statuses_are_errors() -> None:
    assert all(status >= HTTPStatus.BAD_REQUEST for status, _ in KINDS.values())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "   ", "not blank"),
        ("title", "a\x00b", "without control characters"),
        ("number", "K 14", "letters, digits and"),
    ],
)
async def test_no_pattern_is_shown_to_whoever_misses_it(
    visitor: Client, field: str, value: str, words: str
) -> None:
    answer = await visitor.post("/conflicts", json=CASE | {field: value})
    shown = problem(answer, 400, field)
    assert words in shown["detail"]
    assert "regex" not in shown["detail"]
