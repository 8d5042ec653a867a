"""An invalid name of a subject is refused with the valid form."""

import pytest

from iku.domain.subject_name import not_found_message

PERSON = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("conflict", "K14"),
        ("conflict", "K~14~2021"),
        ("conflict", "K/14/2021"),
        ("conflict", "k" * 64),
        ("organisation", "O.41-b_2"),
        ("publication", "2021"),
        ("publication", "2021-W3.2"),
        ("subject", PERSON),
        ("subject", "conflict-K~14"),
        ("subject", "organisation-O41"),
        ("subject", "indicator-IKU-1"),
        ("subject", "publication-2021"),
        ("indicator", "iku 1"),  # whose codes are listed elsewhere
    ],
)
def test_a_name_that_is_one_is_only_said_to_be_nobodys(
    category: str, name: str
) -> None:
    noun = "case" if category == "conflict" else category
    assert not_found_message(category, name) == f"{noun} {name} does not exist"


@pytest.mark.parametrize(
    "name", ["", " ", "K 14", "-K14", "K14\n", "é", "K14;", "K\x0014", "k" * 65]
)
@pytest.mark.parametrize("category", ["conflict", "organisation"])
def test_what_is_no_number_is_told_what_a_number_is(category: str, name: str) -> None:
    noun = "case" if category == "conflict" else category
    assert not_found_message(category, name) == (
        f"{noun} {name!r} does not exist; "
        "a number consists of 1 to 64 letters, digits and . _ - /, of which the first "
        "is a letter or digit"
    )


@pytest.mark.parametrize(
    "name", ["", "abc", "21", "2021-", "2021-W3.", "publication-2021"]
)
def test_what_is_no_publication_is_told_what_one_is_called(name: str) -> None:
    assert not_found_message("publication", name) == (
        f"publication {name!r} does not exist; "
        "a publication identifier has the form 2021 or 2021-W3.2"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "K14", "Siti Nurhaliza", "siti", "person-1", "kasus-K14"),
        *("conflict", "conflict-", "conflict- K14", "Conflict-K14", "conflict:K14"),
        *("subject-K14", PERSON.upper(), PERSON[:-1], f"{PERSON}\n", f"{{{PERSON}}}"),
    ],
)
def test_what_is_no_subject_is_told_how_persons_and_cases_are_named(name: str) -> None:
    assert not_found_message("subject", name) == (
        f"subject {name!r} does not exist; "
        "a person is written as the identifier shown in a history, "
        "a case or organisation as conflict-K14 or organisation-O41"
    )


def test_a_very_long_name_is_not_repeated_in_full() -> None:
    assert not_found_message("conflict", "k" * 70_000).startswith(
        f"case '{'k' * 100}…' does not exist; "
    )
