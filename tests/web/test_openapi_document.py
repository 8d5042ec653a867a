"""The OpenAPI document agrees with the program."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from iku.domain.coordinates import Coordinates
from iku.domain.fact import dec_hook
from iku.domain.figure import Figure
from iku.web import examples, problems, routes
from iku.web.admission import Application
from iku.web.problems import KINDS
from tests.web.conftest import CASE, Client, assembled

ACCEPT_LANGUAGE = "#/components/parameters/AcceptLanguage"
CONTENT_LANGUAGE = "#/components/headers/ContentLanguage"
# The document's own routes are not in the document.
UNDESCRIBED = {"/openapi.json"}


@pytest.fixture
def asgi() -> Application:
    return assembled()


def operations(described: Any) -> list[Any]:
    return [one for path in described["paths"].values() for one in path.values()]


def parameters(operation: Any) -> list[Any]:
    """The operation's own parameters, without the reference to Accept-Language."""
    return [one for one in operation["parameters"] if "$ref" not in one]


def walk(node: Any) -> Any:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from walk(one)


async def test_it_is_served(visitor: Client, described: Any) -> None:
    answer = await visitor.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == described
    assert described["openapi"].startswith("3.1")
    beside = await visitor.get("http://iku.test/docs/openapi.json")
    assert beside.json() == described


def test_every_operation_is_named_summed_up_and_tagged(described: Any) -> None:
    names = [one["operationId"] for one in operations(described)]
    assert len(names) == len(set(names)) >= 32
    tags = {tag["name"] for tag in described["tags"]}
    for one in operations(described):
        assert one["summary"]
        assert one["description"]
        assert set(one["tags"]) <= tags


def test_every_route_stands_in_the_documents(described: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", page, re.MULTILINE))
    routes = {
        method.upper() + " " + re.sub(r"\w+_id}", "id}", path.removeprefix("/api/v1"))
        for path, methods in described["paths"].items()
        for method in methods
    }

    assert routes <= rows
    assert {path.partition(" ")[2] for path in rows - routes} <= UNDESCRIBED


def test_every_reference_leads_somewhere(described: Any) -> None:
    schemas = described["components"]["schemas"]
    references = {n["$ref"] for n in walk(described) if isinstance(n.get("$ref"), str)}
    for node in walk(described):
        references |= set(node.get("mapping", {}).values())
    shared = {ACCEPT_LANGUAGE, CONTENT_LANGUAGE}
    assert references == shared | {f"#/components/schemas/{name}" for name in schemas}


def test_every_error_is_a_problem(described: Any) -> None:
    documented = set()
    for one in operations(described):
        for status, answer in one["responses"].items():
            if int(status) < 400:
                continue
            documented.add(int(status))
            (content,) = answer["content"].items()
            assert content[0] == problems.MEDIA_TYPE
            assert content[1]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert documented == {int(status) for status, _ in KINDS.values()} - {405, 421}


def test_every_operation_takes_the_language_in_one_described_header(
    described: Any,
) -> None:
    (accepted,) = described["components"]["parameters"].values()
    assert (accepted["name"], accepted["in"]) == ("Accept-Language", "header")
    assert not accepted["required"]
    assert accepted["description"]
    for one in operations(described):
        assert one["parameters"].count({"$ref": ACCEPT_LANGUAGE}) == 1
        assert "Accept-Language" not in {p["name"] for p in parameters(one)}


async def test_an_answer_names_its_language_where_that_is_described(
    reader: Client, described: Any
) -> None:
    found = {}
    for one in operations(described):
        headers = one["responses"].get("200", {}).get("headers", {})
        found[one["operationId"]] = "Content-Language" in headers
    assert sum(found.values()) >= 14
    for operation, path in (
        ("getConflict", "/conflicts/K10"),
        ("listOrganisationEvents", "/organisations/O01/events"),
        ("listIndicators", "/indicators"),
        ("explainFigure", "/indicators/IKU-1/explanation"),
        ("getFigure", "/indicators/IKU-1/figure"),
        ("readLog", "/log/events"),
    ):
        answer = await reader.get(path)
        assert answer.status_code == 200
        assert found[operation] == ("Content-Language" in answer.headers)


def test_every_error_has_its_language_in_a_described_header(described: Any) -> None:
    (language,) = described["components"]["headers"].values()
    assert language["schema"]["enum"] == ["en", "id"]
    for one in operations(described):
        for status, answer in one["responses"].items():
            if int(status) >= 400:
                named = answer["headers"]["Content-Language"]
                assert named == {"$ref": CONTENT_LANGUAGE}


def test_every_post_says_how_it_is_repeated_and_answered(described: Any) -> None:
    for path, of in described["paths"].items():
        if "post" not in of:
            continue
        given = parameters(of["post"])
        headers = {p["name"] for p in given if p["in"] == "header"}
        recorded = of["post"]["responses"]["201"].get("headers", {})
        if "/accounts" in path:  # only an account takes such a step
            repeatable = {"Idempotency-Key"}
            expected = {
                "/api/v1/accounts": repeatable,
                "/api/v1/accounts/{account_id}/events": repeatable | {"If-Match"},
            }
            assert headers == expected.get(path, set())
            receipt = {"ETag", "Location", "Idempotency-Replayed"}
            assert set(recorded) <= {"Location"} or set(recorded) == receipt
            assert bool(headers) is ("Idempotency-Replayed" in recorded)
            continue
        about_known = {"If-Match"} if "{" in path and "proposals" not in path else set()
        named = {"Iku-File-Name"} if path.endswith("/attachments") else set()
        assert headers == {"Iku-Actor", "Idempotency-Key"} | about_known | named
        assert set(recorded) == {"ETag", "Location", "Idempotency-Replayed"}


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("getConflict", "/conflicts/K10"),
        ("getOrganisation", "/organisations/O01"),
        ("getIndicator", "/indicators/IKU-1"),
        ("getFigure", "/indicators/IKU-1/figure"),
        ("listConflicts", "/conflicts"),
    ],
)
async def test_a_version_is_described_where_the_response_has_one(
    reader: Client, described: Any, operation: str, path: str
) -> None:
    (one,) = (o for o in operations(described) if o["operationId"] == operation)
    answer = await reader.get(path)
    assert answer.status_code == 200
    versioned = "ETag" in one["responses"]["200"].get("headers", {})
    assert versioned == ("ETag" in answer.headers)


def test_what_is_refused_is_described_as_refused(described: Any) -> None:
    schemas = described["components"]["schemas"]
    bodies = {"Report", "Registration", "Redefinition", "Target"}
    for name in bodies:
        assert schemas[name]["additionalProperties"] is False
        assert "type" not in schemas[name]["properties"]
    for category in ("conflicts", "organisations"):
        path = f"/api/v1/{category}/{{{category[:-1]}_id}}/events"
        body = described["paths"][path]["post"]["requestBody"]["content"]
        union = body["application/json"]["schema"]
        assert union["discriminator"]["propertyName"] == "type"
        for tag, reference in union["discriminator"]["mapping"].items():
            of = schemas[reference.rpartition("/")[2]]
            assert of["properties"]["type"] == {"enum": [tag], "type": "string"}
            assert of["additionalProperties"] is False


def test_parameters_are_never_null_and_bounds_are_whole(described: Any) -> None:
    for one in operations(described):
        for parameter in parameters(one):
            schema = parameter["schema"]
            assert isinstance(schema["type"], str)
            assert parameter["description"]
            assert not {"oneOf", "allOf", "anyOf", "$ref"} & schema.keys()
    size = next(
        p
        for p in parameters(described["paths"]["/api/v1/figures"]["get"])
        if p["name"] == "size"
    )
    numbers = [n for n in walk(described) if isinstance(n.get("maximum"), int | float)]
    assert len(numbers) > 40
    for node in numbers:
        assert isinstance(node["maximum"], int)
        assert isinstance(node.get("minimum", 0), int)
    bounds = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
    assert size["schema"] == bounds | {"examples": [140]}


def test_examples_are_what_their_types_read(asgi: Application) -> None:
    handlers = {
        handler.operation_id: handler
        for route in asgi.routes
        for handler, _ in getattr(route, "route_handler_map", {}).values()
        if handler.operation_id
    }
    for name, shown in examples.BODIES.items():
        of = routes.route_parameters(handlers[name]).command
        for example in shown.values():
            msgspec.convert(example, of)
    for name, answers in examples.ANSWERS.items():
        returned = handlers[name].parsed_fn_signature.return_type
        of = returned.inner_types[0].annotation if returned.inner_types else None
        # Of two types, the second is the response to a preview: 200.
        kinds = get_args(of or returned.annotation) or (of or returned.annotation,)
        for status, contents in answers.items():
            kind = kinds[1 if status == "200" and len(kinds) == 2 else 0]
            if (said := contents.get("application/json")) is None:
                continue
            read = msgspec.convert(said, kind, dec_hook=dec_hook)
            assert msgspec.json.decode(msgspec.json.encode(read)) == said


def test_the_example_figure_carries_its_own_number() -> None:
    example = examples.ANSWERS["getFigure"]["200"]["application/json"]
    shown = msgspec.convert(example, Figure)
    names = Coordinates.__struct_fields__
    coordinates = Coordinates(*(getattr(shown, name) for name in names))
    assert shown.number == coordinates.number


async def test_the_answer_to_the_example_has_its_shape(
    client: Client, described: Any
) -> None:
    given = await client.records("/conflicts", CASE)
    receipt = described["components"]["schemas"]["EntryReceipt"]
    assert given.keys() == set(receipt["required"])
    assert receipt["properties"].keys() - given.keys() == {"notes"}  # there are none
    assert receipt["properties"]["leaf"]["description"].startswith("The event's leaf")


def test_no_two_schemas_share_a_title_by_which_a_generator_names_them(
    described: Any,
) -> None:
    schemas = described["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items()} == {
        name: name for name in schemas
    }


# The media types of client generators: JSON, text and bytes.
READ = re.compile(r"application/(json|octet-stream|[a-z-]+\+json)|text/[a-z]+")
STREAMED = {"replayFigure"}  # NDJSON; a generated client returns the bytes


def test_a_generator_finds_in_each_operation_what_it_can_read(described: Any) -> None:
    for path, of in described["paths"].items():
        for one in of.values():
            name = one["operationId"]
            assert re.fullmatch(r"[a-z][A-Za-z]+", name)
            named = re.findall(r"\{(\w+)\}", path)
            declared = [p["name"] for p in parameters(one) if p["in"] == "path"]
            assert sorted(named) == sorted(declared)
            assert all(READ.fullmatch(kind) for kind in one_body(one)), name
            for status, answer in one["responses"].items():
                kinds = list(answer["content"])
                # A generator uses the first type that it supports.
                found = bool(READ.fullmatch(kinds[0]))
                assert found != (name in STREAMED and status == "200"), name


def one_body(operation: Any) -> list[str]:
    """The media types of the operation's request body."""
    return list(operation.get("requestBody", {}).get("content", ()))


def test_every_variant_of_a_body_is_told_apart_by_its_type(described: Any) -> None:
    for node in walk(described):
        variants = node.get("anyOf", []) or node.get("oneOf", [])
        named = [one for one in variants if "$ref" in one]
        if len(named) > 1:
            mapping = node["discriminator"]["mapping"]
            assert sorted(mapping.values()) == sorted(one["$ref"] for one in named)


def test_what_stands_for_a_parameter_that_is_left_out_is_described(
    described: Any,
) -> None:
    found = {
        (one["operationId"], parameter["name"]): parameter["schema"].get("default")
        for one in operations(described)
        for parameter in parameters(one)
    }
    assert found["getFigure", "period"] == "year"
    assert found["getSeries", "step"] == "month"
    assert found["replayFigure", "order"] == "known"
    assert found["listConflicts", "limit"] == 50
    assert found["readLog", "after"] == 0
    assert found["redefineIndicator", "preview"] is False
    assert found["setTarget", "Iku-Actor"] == "lokal"
    assert found["getFigure", "as_of"] is None
