"""The permission to import a file, by its content."""

import pytest
from msgspec import structs

from iku.domain.import_permission import FileAllowed, decider
from tests.domain.story import HERE, assert_nothing_to_add, given, refused

ALLOWED = FileAllowed(effective_on=HERE.today)
FILE = structs.replace(HERE, subject="0a" * 32)


def test_a_file_is_allowed_once() -> None:
    permission = given(decider, ALLOWED, context=FILE)
    assert permission.allowed == ALLOWED
    assert_nothing_to_add(decider, permission, ALLOWED, FILE)


@pytest.mark.parametrize("subject", ["", "0A" * 32, "0a" * 31, "journal.csv"])
def test_a_permission_names_a_file_by_its_digest(subject: str) -> None:
    context = structs.replace(HERE, subject=subject)
    refused(decider, None, ALLOWED, "is not the SHA-256", context=context)
