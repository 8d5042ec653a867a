"""Numbers and days in words."""

from datetime import date

import pytest

from iku.exchange.papers import spelled


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "nol"),
        (11, "sebelas"),
        (12, "dua belas"),
        (20, "dua puluh"),
        (31, "tiga puluh satu"),
        (100, "seratus"),
        (119, "seratus sembilan belas"),
        (1000, "seribu"),
        (1945, "seribu sembilan ratus empat puluh lima"),
        (2021, "dua ribu dua puluh satu"),
        (9999, "sembilan ribu sembilan ratus sembilan puluh sembilan"),
    ],
)
def test_a_number_is_spelled_out(value: int, words: str) -> None:
    assert spelled.number(value) == words


def test_a_day_is_spelled_out_with_the_day_of_the_week() -> None:
    assert spelled.day(date(2021, 12, 31)) == (
        "Jumat tanggal tiga puluh satu bulan Desember tahun dua ribu dua puluh satu"
    )
