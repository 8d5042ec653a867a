"""Request headers: content negotiation."""

import pytest

from tests.web.conftest import Client


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("text/csv", "text/csv"),
        ("application/json;q=0.1, Text/CSV ; q=0.5", "text/csv"),
        ("text/csv;q=1", "text/csv"),
        ("text/csv;q=0", "application/json"),
        ("text/csv; q=0.000, */*", "application/json"),
        ("text/csv-schema", "application/json"),
        ("x-text/csv", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
        (";,;q=x", "application/json"),
    ],
)
async def test_another_type_is_given_to_those_who_name_it_and_do_not_refuse_it(
    visitor: Client, accept: str, given: str
) -> None:
    path = "/indicators/IKU-1/explanation"
    answer = await visitor.get(path, headers={"Accept": accept})
    assert answer.headers["Content-Type"].partition(";")[0] == given
