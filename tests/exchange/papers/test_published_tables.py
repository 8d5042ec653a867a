"""Tables as other agencies published them, from register data that has their counts."""

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from iku.domain.conflict import (
    Category,
    Dimension,
    Manner,
    Reported,
    Resolved,
    Verified,
)
from iku.domain.indicator import EmptyRatio, Redefinition, Targeted
from iku.domain.paper_data import ActualSet, EndTargetSet, OtherIndicatorSet
from iku.domain.period import Kind
from iku.domain.publication import Draft
from iku.exchange.papers.document import Document, Formula, printed
from tests.exchange.papers.conftest import Make
from tests.queries.test_publications import publish
from tests.registers.world import World

HUNDRED = Targeted(
    year=2020, target="100", effective_on=date(2020, 1, 1), basis="PK 2020"
)
SECOND = OtherIndicatorSet(
    code="IKU-4",
    year=2020,
    wording="Persentase kegiatan wawasan kebangsaan",
    measure="%",
    objective="Meningkatnya wawasan kebangsaan",
    target="70.46",
    actual="100.00",
    achievement="141.92",
)


@pytest.fixture
def origin(furnished: str) -> str:
    """A register without cases."""
    return furnished


async def resolve_all(world: World, year: int, cases: int) -> None:
    """*cases* of IKU-1 that were reported and resolved in *year*."""
    for number in range(1, cases + 1):
        name = f"{year}-{number}"
        day = date(year, 1, number)
        report = Reported(
            category=Category.IPOLEKSOSBUD,
            dimension=Dimension.SOSIAL,
            title="Perselisihan warga",
            effective_on=day,
        )
        for fact in (
            report,
            Verified(effective_on=day),
            Resolved(effective_on=date(year, 6, 1), manner=Manner.MEDIASI),
        ):
            await world.do("conflict", name, fact)


async def state(world: World, *statements: Any) -> None:
    """Enter data of the agency."""
    for one in statements:
        await world.do("paper_data", one.subject, one)


async def publish_year(world: World, year: int) -> str:
    return await publish(world, Draft(Kind.YEAR, date(year, 12, 31), f"LKjIP {year}"))


def cells(document: Document, indicator: str) -> dict[str, str]:
    """The printed cells of an indicator's row, by heading."""
    table = next(document.tables)
    [row] = [row for row in table.rows if str(row.cells[2]).startswith(f"{indicator} ")]
    return {
        column.title: printed(cell, column.kind)
        for column, cell in zip(table.columns, row.cells, strict=True)
    }


def mean(document: Document) -> str:
    table = next(document.tables)
    return printed(table.footer[0].cells[9], table.columns[9].kind)


async def test_the_table_of_an_agency_that_resolved_everything_comes_out(
    world: World, make: Make
) -> None:
    """Demak: 10 of 10 in 2019, 12 of 12 in 2020, mean achievement 120,96."""
    await resolve_all(world, 2019, 10)
    await resolve_all(world, 2020, 12)
    await publish_year(world, 2019)
    await world.do("indicator", "IKU-1", HUNDRED)
    await state(world, SECOND)

    document = await make("lkjip", publication=await publish_year(world, 2020))

    found = cells(document, "IKU-1")
    assert (found["Realisasi 2018"], found["Realisasi 2019"]) == ("", "100,00%")
    assert (found["Target 2020"], found["Realisasi 2020"]) == ("100,00%", "100,00%")
    assert (found["Capaian (%)"], found["Predikat"]) == ("100,00%", "Sangat Tinggi")
    assert cells(document, "IKU-4")["Capaian (%)"] == "141,92%"
    assert mean(document) == "120,96%"
    assert (
        "Tidak memiliki capaian, sehingga tidak diikutsertakan: IKU-2, IKU-3."
        in notes(document)
    )
    formulas = [one for one in document.sections[1].blocks if isinstance(one, Formula)]
    assert formulas[0].text == "(12 / 12) × 100% = 100,00%"


@pytest.mark.parametrize(
    ("policy", "shown", "average"),
    [
        (EmptyRatio.UNDEFINED, ("–", ""), "100,00%"),
        (EmptyRatio.FULL, ("100,00%", "111,11%"), "105,56%"),
        (EmptyRatio.ZERO, ("0,00%", "0,00%"), "50,00%"),
    ],
)
async def test_a_year_without_cases_is_printed_by_the_policy_of_the_definition(
    world: World, make: Make, policy: EmptyRatio, shown: tuple[str, str], average: str
) -> None:
    await resolve_all(world, 2022, 3)
    since = date(2022, 1, 1)
    await world.do("indicator", "IKU-1", in_2022("100"))
    await world.do("indicator", "IKU-3", in_2022("90"))
    if policy is not EmptyRatio.UNDEFINED:
        change = Redefinition(
            effective_on=since, basis="Keputusan", reason="Kebijakan", empty=policy
        )
        await world.do("indicator", "IKU-3", change)

    document = await make("lkjip", publication=await publish_year(world, 2022))

    found = cells(document, "IKU-3")
    assert (found["Realisasi 2022"], found["Capaian (%)"]) == shown
    assert mean(document) == average


def in_2022(target: str) -> Targeted:
    since = date(2022, 1, 1)
    return Targeted(year=2022, target=target, effective_on=since, basis="PK 2022")


async def test_the_mean_is_that_of_exact_achievements_and_rounded_once(
    world: World, make: Make
) -> None:
    """Three achievements of 33 1/3 % have a mean of 33,33, as printed ones would."""
    await world.do("indicator", "IKU-1", HUNDRED)
    thirds = [
        structs.replace(
            SECOND, code=f"IKU-{number}", target="3", actual="1", achievement=None
        )
        for number in (4, 5)
    ]
    sixth = structs.replace(
        SECOND, code="IKU-6", target="600", actual="200.01", achievement=None
    )
    await state(world, *thirds, sixth)

    document = await make("lkjip", publication=await publish_year(world, 2020))

    # 33.3333… + 33.3333… + 33.335 = 100.00166…; a third of it is 33.3338…
    assert [cells(document, f"IKU-{n}")["Capaian (%)"] for n in (4, 5, 6)] == [
        *("33,33%", "33,33%"),
        "33,34%",
    ]
    assert mean(document) == "33,33%"


async def test_years_before_the_register_are_data_of_the_agency_or_stay_open(
    world: World, make: Make
) -> None:
    await resolve_all(world, 2020, 2)
    await state(
        world,
        ActualSet(indicator="IKU-1", year=2018, actual="71.43"),
        EndTargetSet(indicator="IKU-1", end_target="95", effective_on=date(2019, 1, 1)),
    )

    document = await make("lkjip", publication=await publish_year(world, 2020))

    found = cells(document, "IKU-1")
    assert (found["Realisasi 2018"], found["Realisasi 2019"]) == ("71,43%", "")
    assert found["Target akhir Renstra"] == "95,00%"
    assert found["Capaian s.d. 2020 terhadap akhir Renstra (%)"] == "105,26%"
    assert "Realisasi IKU-1 tahun 2018: data instansi." in notes(document)
    assert cells(document, "IKU-2")["Realisasi 2018"] == ""


def notes(document: Document) -> str:
    return " ".join(next(document.tables).notes)
