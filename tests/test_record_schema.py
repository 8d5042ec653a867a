"""The page of formats, the JSON Schema and both programs agree on a record."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iku_verify
from iku.ledger import record
from iku.ledger.record import Unrecordable
from tests.exchange.forging import spell
from tests.kept.kept import records

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "ledger-format.md").read_text("utf-8")
SCHEMA = json.loads((DOCS / "record.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
SOUND: dict[str, Any] = {
    "actor": "u/siti",
    "command": "c-1",
    "data": {"a": [True, None, -1, "é"], "b": {}},
    "declared": False,
    "effective_on": "2021-02-01",
    "known_on": "2021-03-02",
    "recorded_at": "2021-03-02T03:04:05.123456Z",
    "schema": 2,
    "stream": "conflict-K01",
    "text": {"note": {"c": "0123456789abcdef" * 4, "s": "conflict-K01"}},
    "type": "noted",
    "version": 1,
}


def verdicts(said: Any) -> tuple[bool, bool, bool]:
    """Whether the schema, the verifier and the program take *said* for a record."""
    raw, found = spell(said), [VALIDATOR.is_valid(said)]
    for read, error in (
        (lambda: iku_verify.Records().read(1, raw), iku_verify.Finding),
        (lambda: record.decode(raw), Unrecordable),
    ):
        try:
            read()
            found.append(True)
        except error:
            found.append(False)
    by_schema, by_verifier, by_program = found
    return by_schema, by_verifier, by_program


def changed(path: str, value: Any) -> Any:
    """The sound record with another value at a path, such as ``text/note/c``."""
    said = deepcopy(SOUND)
    *above, name = path.split("/")
    inside = said
    for key in above:
        inside = inside[key]
    inside[name] = value
    return said


def test_the_table_of_the_page_and_the_schema_are_the_same() -> None:
    table = PAGE.partition("| key | value |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    described = {n: one["description"] for n, one in SCHEMA["properties"].items()}
    assert rows == described
    assert [*rows] == SCHEMA["required"] == [*iku_verify.KEYS]
    words = {"string": str, "object": dict, "boolean": bool, "integer": int}
    types = [words[re.split("[ :]", row)[0]] for row in rows.values()]
    assert tuple(types) == iku_verify.DATED


def test_every_record_that_was_kept_is_one_by_the_schema() -> None:
    assert all(VALIDATOR.is_valid(json.loads(raw)) for raw in records())


WRONG_NAMES: list[Any] = [1, True, {}, "a\0"]
WRONG_VALUES: list[Any] = [0.5, 2**53, -(2**53), "\0", {"é": 1}]
WRONG_COMMITMENTS: list[Any] = [{}, [], None, 1, {"c": "0" * 64}]
IN_CLEAR: list[Any] = ["Budi", ["Budi"], {"note": "Budi"}]
CORRECTION = SOUND | {"type": "corrected", "data": {"cleared": ["area"], "corrects": 1}}


@pytest.mark.parametrize(
    "said",
    [
        SOUND,
        changed("effective_on", None),
        changed("declared", value=True),
        changed("data/a", 2**53 - 1),
        changed("data/a", 1 - 2**53),
        changed("data/a", [[{"a": []}]]),
        changed("text", {}),
        changed("effective_on", "2024-02-29"),
        changed("stream", "a--"),
        changed("stream", "indicator-IKU-1\n2"),
        CORRECTION | {"schema": 3},
    ],
    ids=str,
)
def test_what_the_profile_allows_is_a_record_to_everybody(said: Any) -> None:
    assert verdicts(said) == (True, True, True)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *((name, None) for name in SOUND if name != "effective_on"),
        *((name, 1.5) for name in SOUND),
        *((name, []) for name in SOUND),
        *(("actor", one) for one in WRONG_NAMES),
        *(("command", one) for one in (1, False)),
        *(("data", one) for one in ("a", 1)),
        *(("data/a", one) for one in WRONG_VALUES),
        ("data/é", 1),
        *(("declared", one) for one in (0, 1, "false")),
        *(("effective_on", one) for one in ("", "2021-02-29", "2021-13-01", 20210201)),
        *(("known_on", one) for one in ("2021-2-1", "2021-02-30", "0000-01-01", 1)),
        *(
            ("recorded_at", f"2021-03-{day}T{clock}")
            for day, clock in (
                *(("32", "03:04:05.123456Z"), ("02", "24:04:05.123456Z")),
                *(("02", "03:60:05.123456Z"), ("02", "03:04:60.123456Z")),
                *(("02", "03:04:05.12345Z"), ("02", "03:04:05.123456+00:00")),
                *(("02", "03:04:05Z"), ("02", "03:04:05.123456Z ")),
            )
        ),
        ("recorded_at", "2021-02-29T03:04:05.123456Z"),
        ("recorded_at", "2021-03-02 03:04:05.123456Z"),
        *(("schema", one) for one in (0, 1, 4, True, "2")),
        *(("stream", one) for one in ("", "a", "-a", "a-", 1)),
        *(("text", one) for one in IN_CLEAR),
        *(("text/note", one) for one in WRONG_COMMITMENTS),
        *(("text/note/c", one) for one in ("", "0" * 63, "A" * 64, "0" * 65, 0, None)),
        *(("text/note/s", one) for one in (1, None, "\0")),
        ("text/note/t", "Budi"),
        ("text/é", SOUND["text"]["note"]),
        *(("type", one) for one in (1, False)),
        *(("version", one) for one in (0, -1, "1", True)),
        ("more", 1),
    ],
    ids=str,
)
def test_what_the_profile_does_not_allow_is_a_record_to_nobody(
    path: str, value: Any
) -> None:
    assert verdicts(changed(path, value)) == (False, False, False)


def test_the_schema_number_of_a_correction_is_that_of_its_form() -> None:
    for said in (
        CORRECTION,
        CORRECTION | {"schema": 3, "stream": "indicator-IKU-1"},
        SOUND | {"schema": 3},
    ):
        assert verdicts(said)[:2] == (False, False)
    for name in SOUND:
        lacking = {key: value for key, value in SOUND.items() if key != name}
        assert verdicts(lacking) == (False, False, False)


keys = st.text("ab\u00e9", max_size=2)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.sampled_from(["", "a", "\u00e9", "a\0", "0" * 64, "conflict-K01"]),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(keys, inside, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from(["data", "data/a", "text", "text/note", "text/a", "actor"]), values
)
def test_any_value_is_one_to_all_or_to_none(path: str, value: Any) -> None:
    assert len({*verdicts(changed(path, value))}) == 1
