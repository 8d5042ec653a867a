"""The rating scale."""

from decimal import Decimal

import pytest

from iku.domain import scale
from iku.domain.scale import Band, Scale, Scaled, decider
from tests.domain.story import given, on, recorded, refused

BANDS = tuple(
    Band(Decimal(at_least), rating)
    for at_least, rating in (
        *(("91", "Sangat Tinggi"), ("76", "Tinggi"), ("66", "Sedang")),
        *(("51", "Rendah"), ("1", "Sangat Rendah")),
    )
)


def scaled(day: str = "2017-09-20", bands: tuple[Band, ...] = BANDS) -> Scaled:
    return Scaled(effective_on=on(day), basis="Permendagri 86/2017", bands=bands)


@pytest.mark.parametrize(
    ("achievement", "rating"),
    [
        *(("108.55", "Sangat Tinggi"), ("91", "Sangat Tinggi"), ("90.99", "Tinggi")),
        *(("76.00", "Tinggi"), ("75.99", "Sedang"), ("66", "Sedang")),
        *(("65.99", "Rendah"), ("51", "Rendah"), ("50.99", "Sangat Rendah")),
        ("0.00", "Sangat Rendah"),  # below every bound, even the last one
    ],
)
def test_an_achievement_is_rated_by_the_band_whose_bound_it_reaches(
    achievement: str, rating: str
) -> None:
    assert scaled().rating(Decimal(achievement)) == rating


def test_a_scale_is_recorded_once_and_each_version_serves_from_its_day() -> None:
    found = recorded(decider, None, scaled())
    other = scaled("2021-01-01", BANDS[:1])
    found = recorded(decider, found, other)
    assert found.first_version == scaled()
    days = ["2017-09-19", "2017-09-20", "2020-12-31", "2021-01-01"]
    assert [found.version_in_force(on(day)) for day in days] == [
        None,
        scaled(),
        scaled(),
        other,
    ]


def test_of_two_scales_of_one_day_the_one_recorded_later_counts() -> None:
    other = scaled(bands=BANDS[:2])
    assert given(decider, scaled(), other).version_in_force(on("2021-01-01")) == other


def test_the_first_version_serves_earlier_days_and_earlier_knowledge() -> None:
    other = scaled("2021-01-01", BANDS[:1])
    whole = Scale((scaled(), other))
    assert scale.applicable_version(None, whole, on("2021-01-01")) == scaled()
    known = Scale((scaled(),))
    assert scale.applicable_version(known, whole, on("2021-01-01")) == scaled()
    assert scale.applicable_version(whole, whole, on("2021-01-01")) == other
    assert scale.applicable_version(whole, whole, on("2000-01-01")) == scaled()


def test_a_scale_is_not_made_for_a_day_to_come_and_names_no_others() -> None:
    refused(decider, None, scaled("2022-07-01"), "2022-07-01", "2022-06-30")
    assert decider.premises_of(scaled(), "", None).related_subjects == ()
