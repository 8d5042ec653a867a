"""Quarters are the year up to their last day, in monev and in E.81."""

from datetime import date

from msgspec import structs

from iku.domain.paper_data import (
    EndTargetSet,
    NarrativeSet,
    OtherIndicatorSet,
    QuarterlyTargetsSet,
)
from iku.domain.period import Kind
from iku.domain.publication import Draft
from iku.exchange.papers.document import Document, Paragraph, Row, printed
from tests.exchange.papers.conftest import YEAR, YEAR_END, Make
from tests.exchange.papers.test_published_tables import state
from tests.queries.test_publications import publish
from tests.registers.world import World


def k(row: Row, column: int) -> str:
    """The printed cell K of a column of E.81, from 5 to 15."""
    return printed(row.cells[4 + 2 * (column - 5)]).removesuffix("%")


def rp(row: Row, column: int) -> str:
    return printed(row.cells[5 + 2 * (column - 5)])


async def e81(world: World, make: Make, known_on: date | None = None) -> Document:
    return await make("e81", publication=await publish(world, YEAR, known_on))


async def test_column_12_of_e81_is_the_last_quarter_and_no_sum(
    world: World, make: Make
) -> None:
    document = await e81(world, make, date(2022, 6, 30))

    first, second, third = next(document.tables).rows
    quarters = [k(first, column) for column in (8, 9, 10, 11)]
    assert quarters == ["60,00", "83,33", "71,43", "77,78"]
    assert [k(first, column) for column in (7, 12, 13, 14)] == [
        *("80,00", "77,78", "97,22"),
        "77,78",
    ]
    assert [k(second, column) for column in (8, 9, 11, 12, 13)] == [
        *("68,42", "74,36", "86,84", "86,84"),
        "108,55",
    ]
    assert [k(third, column) for column in (8, 9, 11, 12)] == [
        *("0,00", "66,67", "75,00"),
        "75,00",
    ]
    assert {rp(row, n) for row in (first, second, third) for n in range(5, 16)} == {""}
    assert any("bukan 8+9+10+11" in note for note in next(document.tables).notes)


async def test_the_footer_of_e81_has_exact_means_their_rating_and_the_narrative(
    world: World, make: Make
) -> None:
    await state(
        world,
        EndTargetSet(indicator="IKU-1", end_target="90", effective_on=date(2021, 1, 1)),
        NarrativeSet(
            indicator="IKU-1", year=2021, quarter=4, hindering_factors="Cuaca"
        ),
    )

    document = await e81(world, make, date(2022, 6, 30))

    mean, rating, _, hindering, *_ = next(document.tables).footer
    # (7/9 ÷ 80 % + 33/38 ÷ 80 % + 3/4 ÷ 90 %) ÷ 3 and 7/9 ÷ 90 %
    assert (k(mean, 13), k(mean, 15)) == ("96,37", "86,42")
    assert (k(rating, 13), k(rating, 15)) == ("Sangat Tinggi", "Tinggi")
    assert hindering.cells[0] == "Faktor penghambat pencapaian kinerja: IKU-1: Cuaca"


async def test_an_indicator_that_the_agency_measures_is_a_row_of_e81(
    world: World, make: Make
) -> None:
    stated = OtherIndicatorSet(
        code="IKU-4",
        year=2021,
        wording="Indeks kerukunan",
        measure="indeks",
        target="75",
        actual="60",
        end_target="80",
        effective_on=date(2021, 3, 31),
    )
    in_december = structs.replace(stated, actual="77.25", effective_on=YEAR_END)
    before = structs.replace(
        stated, year=2020, actual="70.5", effective_on=date(2020, 12, 31)
    )
    await state(world, before, stated, in_december)

    document = await e81(world, make, date(2022, 6, 30))

    table = next(document.tables)
    other = table.rows[-1]
    assert other.cells[:4] == (4, None, None, "IKU-4 Indeks kerukunan")
    assert [k(other, column) for column in range(5, 16)] == [
        *("80", "70,5", "75", "60", "", "", "77,25", "77,25", "103,00"),
        *("77,25", "96,56"),
    ]
    assert other.cells[-1] == "indeks"
    # (97.22… + 108.55… + 83.33… + 103) ÷ 4: the exact achievements, rounded once
    assert k(table.footer[0], 13) == "98,03"
    assert k(table.footer[0], 15) == "96,56"
    assert any("IKU-4 tidak dihitung" in note for note in table.notes)
    lkjip = next((await make("lkjip", publication="2021")).tables).rows[-1]
    assert [printed(cell) for cell in lkjip.cells[5:9]] == ["", "70,5", "75", "77,25"]


async def test_the_quarters_after_the_day_of_the_publication_are_open(
    world: World, make: Make
) -> None:
    half = await publish(world, Draft(Kind.YEAR, date(2021, 6, 30), "Semester I"))

    first = next((await make("e81", publication=half)).tables).rows[0]

    assert [k(first, column) for column in (8, 9, 10, 11, 12)] == [
        *("60,00", "83,33", "", ""),
        "83,33",
    ]


async def test_monev_measures_against_the_target_of_the_quarter(
    world: World, make: Make
) -> None:
    await state(
        world,
        QuarterlyTargetsSet(indicator="IKU-1", year=2021, first="50", second="60"),
        NarrativeSet(indicator="IKU-1", year=2021, quarter=2, obstacles="Anggaran"),
    )
    half = await publish(world, Draft(Kind.YEAR, date(2021, 6, 30), "Semester I"))

    table = next((await make("monev-triwulan", publication=half)).tables)

    first, second, _ = [
        [
            printed(cell, column.kind)
            for cell, column in zip(row.cells, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    assert first[3:11] == [
        *("50,00%", "60,00%", "", ""),
        *("3/5\n60,00%", "5/6\n83,33%", "", ""),
    ]
    assert first[11:14] == ["138,89%", "Sangat Tinggi", "Anggaran"]
    assert second[11] == "99,15%"  # 29/39 against 75, the target of the year
    assert any("IKU-2: target TW II belum diisi" in note for note in table.notes)


async def test_a_publication_of_a_quarter_alone_says_so_and_monev_counts_the_year(
    world: World, make: Make
) -> None:
    quarter = Draft(Kind.QUARTER, date(2021, 6, 30), "Triwulan II")
    of = await publish(world, quarter)

    source = (await make("lkjip", publication=of)).sections[0].blocks[1]
    table = next((await make("monev-triwulan", publication=of)).tables)

    assert isinstance(source, Paragraph)
    assert "hanya untuk Triwulan II 2021" in source.text
    assert printed(table.rows[0].cells[8]) == "5/6\n83,33%"
