from typing import Any

import pytest

from tests.domain.register import FIGURES

pytestmark = pytest.mark.usefixtures("reading")

NAMES = [
    *("indicator", "definition", "period", "as_of", "known_on", "size"),
    *("numerator", "denominator", "percentage", "empty", "expired"),
    *("target", "achievement", "rating", "number", "parts"),
]


@pytest.mark.usefixtures("writing")
def test_every_figure_of_the_register_comes_out_and_replays(
    iku: Any, files: dict[str, Any]
) -> None:
    assert iku("import", *files.values()).code == 0
    for code, as_of, known_on, numerator, denominator, percentage, achieved in FIGURES:
        asked = ("figure", code, "--as-of", as_of, "--known-on", known_on, "--json")
        figure = iku(*asked).json
        assert list(figure) == NAMES
        assert (figure["numerator"], figure["denominator"]) == (numerator, denominator)
        assert figure["percentage"] == percentage
        assert figure["achievement"] == achieved
        assert figure["empty"] == (None if denominator else "no_cases")
        assert iku(*asked, "--replay").json == figure


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("width", ["80", "76", "60"])
@pytest.mark.usefixtures("register")
def test_a_rating_of_two_words_stays_on_one_line(
    iku: Any, language: str, width: str
) -> None:
    asked = ("figure", "IKU-1", "--as-of", "2021-12-31", "--breakdown", "dimension")
    said = iku(*asked, COLUMNS=width, IKU_LANGUAGE=language)
    assert "Sangat Tinggi" in said.out
    assert max(map(len, said.out.splitlines())) <= int(width)


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_the_table_reads_as_on_indonesian_paper(iku: Any) -> None:
    said = iku("figure", "IKU-1", "--as-of", "2021-12-31", "--known-on", "2022-01-15")
    assert "Tahun 2021, per 31-12-2021, diketahui per 15-01-2022" in said.out
    for cell in ("Realisasi", "88,89%", "80,00%", "111,11%", "Sangat Tinggi"):
        assert cell in said.out
    assert "nomor IKU-1.1.T.20211231.20220115.146." in said.out
    assert "\x1b" not in said.out
    assert said.err == ""


@pytest.mark.usefixtures("register")
def test_several_codes_or_none_give_several_figures(iku: Any) -> None:
    def codes(*asked: str) -> list[str]:
        found = iku("figure", *asked, "--json").json["figures"]
        return [figure["indicator"] for figure in found]

    assert codes() == ["IKU-1", "IKU-2", "IKU-3"]
    assert codes("IKU-3", "IKU-1") == ["IKU-3", "IKU-1"]


@pytest.mark.usefixtures("register")
def test_parts_are_named_and_sum_to_the_whole(iku: Any) -> None:
    asked = ("figure", "IKU-1", "--as-of", "2021-12-31", "--breakdown")
    assert "Prajuritkulon" in iku(*asked, "district").out
    figure = iku(*asked, "dimension", "--json").json
    assert sum(part["denominator"] for part in figure["parts"]) == 9


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_a_figure_may_be_asked_of_a_period_and_a_size(iku: Any) -> None:
    asked = ("figure", "IKU-1", "--as-of", "2021-06-30", "--period", "quarter")
    assert "Triwulan II 2021" in iku(*asked).out
    figure = iku(*asked, "--size", 100, "--definition", 1, "--json").json
    assert figure["period"] == {
        "kind": "quarter",
        "from": "2021-04-01",
        "to": "2021-06-30",
    }
    assert figure["size"] == 100


@pytest.mark.usefixtures("register")
def test_before_the_first_event_there_is_nothing_to_count(iku: Any) -> None:
    for day in ("0001-01-01", "1900-01-01"):
        asked = ("figure", "IKU-1", "--as-of", day, "--known-on", day)
        figure = iku(*asked, "--json").json
        assert (figure["numerator"], figure["denominator"]) == (0, 0)
        assert iku(*asked, "--replay", "--json").json == figure
        assert iku(*asked).code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("IKU-9",),
            "indicator IKU-9 does not exist; known indicators: IKU-1, IKU-2, IKU-3",
        ),
        (
            ("--as-of", "2999-01-01"),
            "as_of is 2999-01-01, but must not be after today, ",
        ),
        (
            ("--known-on", "2999-01-01"),
            "known_on is 2999-01-01, but must not be after today, ",
        ),
        (("--size", "99999"), "size is 99999, but the log has only 4 events"),
        (("--definition", "7"), "definition is 7, but the last version is 1"),
    ],
)
def test_what_cannot_be_answered_ends_with_1_and_a_sentence(
    iku: Any, arguments: tuple[str, ...], sentence: str
) -> None:
    said = iku("figure", *arguments)
    assert said.code == 1
    assert said.out == ""
    assert sentence in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as-of", "2021-1-1"),
        ("--as-of", "2021-02-30"),
        ("--as-of", "yesterday"),
        ("--known-on", "20210101"),
        ("--size", "-1"),
        ("--size", "1" * 40),
        ("--definition", "0"),
        ("--period", "decade"),
        ("--breakdown", "colour"),
        ("--nonsense",),
    ],
)
def test_what_cannot_be_understood_ends_with_2_and_a_sentence(
    iku: Any, arguments: tuple[str, ...]
) -> None:
    said = iku("figure", *arguments)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("iku: ")
    assert said.err.endswith('(see "iku figure --help")\n')
    assert said.err.count("\n") == 1
