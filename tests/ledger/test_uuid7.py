"""Identifiers contain their time of generation, and are unique."""

from uuid import RFC_4122, UUID

import pytest

from iku.ledger import uuid7


def test_an_identifier_is_a_uuid_of_version_7() -> None:
    drawn = UUID(uuid7.uuid7())

    assert (drawn.version, drawn.variant) == (7, RFC_4122)


def test_an_identifier_begins_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 9562, appendix A.6
    monkeypatch.setattr("time.time_ns", lambda: 0x017F22E279B0 * 1_000_000)

    assert uuid7.uuid7().startswith("017f22e2-79b0-7")


def test_no_two_identifiers_of_one_moment_are_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 0)

    assert len({uuid7.uuid7() for _ in range(1000)}) == 1000
