"""No response exposes internals, for any invalid request.

Every body field and every parameter in the OpenAPI document receives values of every
other type.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from iku.web import examples
from tests import samples
from tests.web.conftest import Client

SUBJECTS = {
    "{conflict_id}": "K10",
    "{organisation_id}": "O01",
    "{code}": "IKU-1",
    "{publication_id}": "2021",
    "{subject_id}": "conflict-K999",  # unknown, because all tests share the keys
    "{level}": "0",
    "{place}": "000",
    "{position}": "1",
    "{version}": "2",
    "{number}": "IKU-1",
}
# Phrases of decoders, drivers and frameworks; names of types and statements.
INTERNAL = re.compile(
    r"Expected|got `|`(?:str|int|bool|float|array|object|null)|\| null|codec|regex|"
    r"msgspec|litestar|asyncpg|uvicorn|sqlstate|Traceback|NoneType|Struct|Annotated|"
    r"Exception|[a-z]Error\b|Object (?:contains|missing)|Validation|<class|object at |"
    r"\brelation \"|\bcolumn \"|violates|\bconstraint|invalid input|deserializ|decode|"
    r"[Ii]nvalid (?:value|enum)|UUID\(|date\(|\bNone\b|\bTrue\b|\bFalse\b|\[\.\.\.\]"
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, "", " ", "x", "1", "2021-02-30", "9999-12-31"),
    *("a\x00b", "\u202ex", "x" * 5_000, [], [1], [None], ["x"], {}, {"a": 1}),
)
QUERIES = (
    *("", " ", "x", "-1", "1.5", "9" * 30, "null", "2021-02-30", "9999-12-31"),
    *("\u202ex", "a\nb", "x" * 600, "'; --"),
)


def filled(path: str) -> str:
    for placeholder, value in SUBJECTS.items():
        path = path.replace(placeholder, value)
    return path.removeprefix("/api/v1")


def mutations(value: Any) -> Iterator[Any]:
    """Copies of *value*, each with another value in one place."""
    yield from VALUES
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ({**value, name: other} for other in mutations(inner))
            yield {key: kept for key, kept in value.items() if key != name}
        yield {**value, "colour": "red"}
    if isinstance(value, list):
        for place, inner in enumerate(value):
            for other in mutations(inner):
                yield [*value[:place], other, *value[place + 1 :]]


def asked(description: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and contents of invalid requests of each operation."""
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            parameters = [p for p in operation["parameters"] if "$ref" not in p]
            needed = {
                p["name"]: "2021-01-01"
                for p in parameters
                if p["in"] == "query" and p.get("required")
            }
            for parameter in parameters:
                yield from _parameter((method, path), parameter, needed)
            for body in examples.BODIES.get(operation["operationId"], {}).values():
                for other in mutations(body):
                    yield method, filled(path), {"json": other}


def _parameter(
    of: tuple[str, str], parameter: Any, needed: dict[str, str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    (method, path), name = of, parameter["name"]
    body: Any = {} if method == "post" else None
    for value in QUERIES:
        if parameter["in"] == "query":
            params = needed | {name: value}
            yield method, filled(path), {"params": params, "json": body}
        elif parameter["in"] == "path":
            at = filled(path.replace(f"{{{name}}}", quote(value, safe="")))
            yield method, at, {"params": needed, "json": body}
        else:
            headers = [(name.encode(), value.encode())]
            yield method, filled(path), {"headers": headers, "json": body}


async def test_no_answer_shows_what_the_program_is_made_of(loaded: Client) -> None:
    description = await loaded.says("/openapi.json")
    refused = 0
    for method, path, contents in samples.sample([*asked(description)], 7):
        request = loaded.build_request(method, path, **contents)
        answer = await loaded.send(request)
        assert answer.status_code < 500, (request.url, request.content, answer.text)
        if answer.status_code < 400:
            continue
        refused += 1
        assert answer.headers["Content-Type"] == "application/problem+json"
        shown = answer.json()
        said = [shown["detail"], *(one["message"] for one in shown.get("errors", []))]
        for sentence in said:
            assert not INTERNAL.search(sentence), (request.url, request.content)
        # The quoted input is returned as text, without active control characters.
        assert "\u202e" not in answer.text
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", answer.text)
    assert refused > samples.examples(1_000, 140)


async def test_the_body_of_a_step_is_told_by_its_own_paths(loaded: Client) -> None:
    step = {"type": "withdrawn", "reason": "salah\u202e"}
    draft = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP"}
    await loaded.records("/publications", draft)
    answer = await loaded.post("/publications/2021/events", json=step)
    assert answer.status_code == 400
    assert [one["path"] for one in json.loads(answer.text)["errors"]] == ["reason"]
