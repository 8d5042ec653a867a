"""Verification of printed figures and of the log, on the command line."""

import pytest

from tests.cli.conftest import Type

PRINTED = "IKU-1.1.T.20211231.20220115.145.5C"


@pytest.mark.usefixtures("indonesian")
def test_paper_that_says_what_the_log_gives_ends_with_0(register: Type) -> None:
    for typed in ("8/9", "88,89%", "88.89%", "88,89"):
        said = register("verify", "figure", PRINTED, "--expect", typed)
        assert (said.code, said.err) == (0, "")
        assert said.out.splitlines()[-1] == "sama"
    said = register("verify", "figure", PRINTED, "--expect", "8/9")
    assert "  yang tercetak  8/9\n" in said.out
    told = register("verify", "figure", PRINTED, "--expect", "88.89%", "--json").json
    assert (told["expected"], told["expected_verdict"]) == ("88.89%", "same")
    assert told["recounted"]["percentage"] == "88.89"


def test_paper_that_says_another_ends_with_1_and_names_both(register: Type) -> None:
    for typed, sentence in (
        ("7/9", "is 8/9 according to the log, not 7/9"),
        ("88,9%", "is 88.89% (8/9) according to the log, not 88.9%"),
        ("77,78%", "is 88.89% (8/9) according to the log, not 77.78%"),
    ):
        said = register("verify", "figure", PRINTED, "--expect", typed)
        assert said.code == 1
        assert said.err == f"iku: figure {PRINTED} {sentence}\n"
        assert said.out.splitlines()[-1] == "different"
    said = register("verify", "figure", PRINTED, "--expect", "7/9", "--json")
    assert (said.code, said.json["expected_verdict"]) == (1, "differs")
    assert said.json["verdict"] == "same"


def test_what_is_no_value_ends_with_2(register: Type) -> None:
    for typed in ("8", "delapan", "8/", ""):
        said = register("verify", "figure", PRINTED, "--expect", typed)
        assert (said.code, said.out) == (2, "")
        assert "but must be counts, such as 8/9, or a percentage" in said.err
        assert said.err.count("\n") == 1
