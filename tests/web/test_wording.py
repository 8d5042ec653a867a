"""Whoever sends what is not taken is told what is: the form, the values, the bounds."""

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from iku.domain import conflict, organisation, publication
from iku.web import wording
from tests.web.conftest import CASE, VERIFIED, Client, problem

DAY = "must be a day, written YYYY-MM-DD"
VERSION = "must be a whole number, 1 to 2147483647"
CATEGORY = "must be one of ipoleksosbud, sara, lainnya"


@pytest.mark.parametrize(
    ("path", "asked", "sentence"),
    [
        ("figures", {"as_of": "2021-02-30"}, DAY),
        ("figures", {"known_on": "yesterday"}, DAY),
        ("figures", {"as_of": ""}, DAY),
        (
            "figures",
            {"period": "week"},
            "must be one of year, half, quadrimester, quarter, month",
        ),
        ("figures", {"breakdown": "sex"}, "must be one of dimension, district"),
        (
            "figures",
            {"size": "-1"},
            "must be a whole number, 0 to 9007199254740991",
        ),
        ("indicators/IKU-1/figure", {"definition": "0"}, VERSION),
        ("indicators/IKU-1/comparison", {"definition": "0"}, VERSION),
        (
            "indicators/IKU-1/comparison",
            {"definition": ["1", "2"] * 5},
            "must be a list of at most 8",
        ),
        ("indicators/IKU-1/difference", {"against_as_of": "x"}, DAY),
        ("indicators/IKU-1/difference", {"against_definition": "9" * 20}, VERSION),
        (
            "indicators/IKU-1/comparison",
            {"empty": "x"},
            "must be one of undefined, full, zero",
        ),
        ("indicators/IKU-1/series", {"from": "x"}, DAY),
        ("indicators/IKU-1/series", {}, "is required"),
        ("conflicts", {"limit": "201"}, "must be a whole number, 1 to 200"),
        ("conflicts", {"category": "perang"}, CATEGORY),
        ("conflicts", {"text": "x" * 501}, "must be text of at most 500 characters"),
        ("conflicts", {"cursor": "!"}, "must be what the page before gave as next"),
        (
            "conflicts",
            {"area": "x"},
            "must be the code of an area or a district, such as 35.76.02",
        ),
    ],
)
async def test_a_parameter_at_fault_is_told_what_it_must_be(
    visitor: Client, path: str, asked: dict[str, Any], sentence: str
) -> None:
    name = next(iter(asked), "from")
    shown = problem(await visitor.get(f"/{path}", params=asked), 400, name)
    assert shown["errors"][0]["message"] == sentence
    assert shown["detail"] == f"{name} {sentence}"


REPORT, EVENTS = "/conflicts", "/conflicts/K14/events"
OPTIONS = "/indicators/IKU-1/definitions"
TYPES = (
    *(
        "returned",
        "verified",
        "rejected",
        "handled",
        "referred",
        "resolved",
        "reopened",
    ),
    *("reclassified", "merged", "corrected", "annulled"),
)
CORRECTED = {"type": "corrected", "reason": "x"}


@pytest.mark.parametrize(
    ("path", "body", "at", "sentence"),
    [
        (REPORT, CASE | {"effective_on": "2021-02-30"}, "effective_on", DAY),
        (REPORT, CASE | {"effective_on": 20210209}, "effective_on", DAY),
        (REPORT, CASE | {"effective_on": None}, "effective_on", DAY),
        (REPORT, CASE | {"occurred_on": "x"}, "occurred_on", DAY),
        (REPORT, CASE | {"category": "perang"}, "category", CATEGORY),
        (REPORT, CASE | {"category": 7}, "category", CATEGORY),
        (
            REPORT,
            CASE | {"level": "x"},
            "level",
            "must be one of potensi, perseteruan, kekerasan, status_keadaan_konflik",
        ),
        (REPORT, CASE | {"title": ""}, "title", "must be text of 1 to 500 characters"),
        (REPORT, CASE | {"title": 7}, "title", "must be text of 1 to 500 characters"),
        (
            REPORT,
            CASE | {"title": "   "},
            "title",
            "must be one line of text, not blank, without control characters",
        ),
        (REPORT, CASE | {"colour": "red"}, "colour", "is no field there is"),
        (REPORT, {}, "category", "is required"),
        (EVENTS, CORRECTED | {"corrects": 0}, "corrects", VERSION),
        (EVENTS, CORRECTED | {"corrects": 2**31}, "corrects", VERSION),
        (EVENTS, CORRECTED | {"corrects": "1"}, "corrects", VERSION),
        (EVENTS, CORRECTED | {"corrects": 1.5}, "corrects", VERSION),
        (
            EVENTS,
            {"type": "sealed"},
            "type",
            f"must be one of {', '.join(TYPES)}",
        ),
        (EVENTS, {}, "type", "is required"),
        (OPTIONS, {"resolution_manners": []}, "resolution_manners", "must be a list"),
        (
            OPTIONS,
            {"resolution_manners": ["x"]},
            "resolution_manners[0]",
            "must be one of islah",
        ),
        (
            OPTIONS,
            {"participation_threshold": 1001},
            "participation_threshold",
            "must be a whole number, 1 to 1000",
        ),
        (
            "/indicators/IKU-1/targets",
            {"year": 1},
            "year",
            "must be a whole number, 1945 to 9999",
        ),
        (
            "/organisations/O41/events",
            {"type": "participated", "verified": "ya"},
            "verified",
            "must be true or false",
        ),
    ],
)
async def test_a_field_at_fault_is_told_what_it_must_be(
    visitor: Client, path: str, body: Any, at: str, sentence: str
) -> None:
    shown = problem(await visitor.post(path, json=body), 400, at)
    assert shown["errors"][0]["message"].startswith(sentence)
    assert shown["detail"].startswith(f"{at} {sentence}")


async def test_a_body_that_is_no_object_is_told_so(client: Client) -> None:
    for path in (REPORT, EVENTS):
        shown = problem(await client.post(path, json=[]), 400, "")
        assert shown["detail"] == "the body must be an object"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "If-Match",
            "3",
            'must be the version as ETag gave it, in quotes, such as "3", or *',
        ),
        ("Idempotency-Key", "two words", "must be printable ASCII without blanks"),
        ("Idempotency-Key", "k" * 256, "must be text of at most 255 characters"),
        (
            "Iku-Actor",
            " siti",
            "must be printable ASCII that neither begins nor ends with a blank",
        ),
    ],
)
async def test_a_header_at_fault_is_told_what_it_must_be(
    client: Client, name: str, value: str, sentence: str
) -> None:
    await client.records("/conflicts", CASE)
    headers = [(name.encode(), value.encode())]
    answer = await client.post(EVENTS, json=VERIFIED, headers=headers)
    assert problem(answer, 400, name)["detail"] == f"{name} {sentence}"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/conflicts/K%2014", "; a number is 1 to 64 letters, digits and"),
        ("/organisations/%C3%A9", "; a number is 1 to 64 letters, digits and"),
        ("/publications/abc", "; a publication is named as 2021 or 2021-W3.2"),
    ],
)
async def test_an_address_that_names_nothing_that_may_be_is_told_how_it_is_named(
    client: Client, path: str, told: str
) -> None:
    body = {
        "/organisations/%C3%A9": {"type": "dissolved", "effective_on": "2021-08-01"},
        "/publications/abc": {"type": "withdrawn", "reason": "Salah"},
    }.get(path, VERIFIED)
    answers = [await client.get(path), await client.post(f"{path}/events", json=body)]
    for answer in answers:
        assert told in problem(answer, 404)["detail"]


@pytest.mark.parametrize("subject", ["", "siti", "conflict-K14", "0B0E2D6C"])
async def test_a_person_that_is_misnamed_is_told_what_names_a_person(
    client: Client, subject: str
) -> None:
    reporter = {"name": "Siti (contoh)", "subject": subject}
    answer = await client.post("/conflicts", json=CASE | {"reporter": reporter})

    shown = problem(answer, 400, "reporter.subject")
    assert "must be the identifier of a person as an earlier entry" in shown["detail"]


@pytest.mark.parametrize("bound", ["ge", "le"])
def test_a_bound_to_one_side_is_told_as_such(bound: str) -> None:
    of = Annotated[int, Meta(**{bound: 7})]
    words = {"ge": "at least 7", "le": "at most 7"}[bound]
    assert wording.told("Expected", of, "") == f"must be a whole number, {words}"


@pytest.mark.parametrize(
    ("of", "path"), [(float, ""), (conflict.Event, "nowhere"), (int, "deeper.still")]
)
def test_of_a_kind_without_words_the_decoders_words_are_not_shown(
    of: Any, path: str
) -> None:
    said = wording.told("Expected `x`", of, path)
    assert said == "is not what the API's description says"


@pytest.mark.parametrize(
    "events", [conflict.Event, organisation.Event, publication.Event]
)
def test_a_field_is_of_one_kind_in_all_events_that_have_it(events: Any) -> None:
    # So it needs not be known which event was meant, where its type is not said.
    kinds: dict[str, set[str]] = {}
    for event in msgspec.inspect.type_info(events).types:  # type: ignore[attr-defined]
        for field in event.fields:
            of = {repr(kind) for kind in wording._plain(field.type)}
            kinds.setdefault(field.name, set()).update(of)
    several = {name for name, of in kinds.items() if len(of) > 1}
    assert not several, {name: kinds[name] for name in several}
