"""The data of the agency at any coordinates, with nothing invented."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from msgspec import structs

from iku.domain.decider import Invalid
from iku.domain.fact import Annulled
from iku.domain.paper_data import (
    ActualSet,
    BaselineSet,
    EndTargetSet,
    LetterheadSet,
    NarrativeSet,
    OtherIndicatorSet,
    PlanSet,
    QuarterlyTargetsSet,
    ResponsibleSet,
    SignerSet,
    Statement,
)
from iku.queries.agency_data import (
    AgencyData,
    AgencyPlan,
    Baseline,
    IndicatorPlan,
    Letterhead,
    Narrative,
    QuarterlyTargets,
    Signer,
    agency_data,
)
from iku.queries.figure_parameters import Moment
from tests.registers.world import World

END = date(2021, 12, 31)
SIGNED = date(2022, 1, 20)
HEAD = SignerSet(
    office="kepala_badan",
    office_title="Kepala Badan",
    signer_name="Contoh Satu",
    effective_on=date(2020, 1, 1),
)
NARRATIVE = NarrativeSet(indicator="IKU-1", year=2021, quarter=3, obstacles="Cuaca")


async def state(
    world: World, statements: Sequence[Statement], known_on: date | None = None
) -> None:
    for one in statements:
        await world.do("paper_data", one.subject, one, known_on=known_on)


async def at(world: World, moment: Moment, signed_on: date = SIGNED) -> AgencyData:
    return await agency_data(world.view, moment, signed_on)


async def test_what_nobody_stated_is_missing(world: World) -> None:
    found = await at(world, Moment(END))
    assert found == AgencyData(
        moment=Moment(END),
        signed_on=SIGNED,
        size=0,
        letterhead=None,
        signers={},
        plan=None,
        indicators={},
        narratives=(),
        others=(),
    )
    assert found.indicator("IKU-1") == IndicatorPlan()
    assert found.indicator("IKU-1").narrative(2021, 3) is None
    assert found.narrative(2021, 3) is None


async def test_each_statement_is_found_where_papers_look_for_it(world: World) -> None:
    code = "IKU-1"
    responsible = ResponsibleSet(
        indicator=code,
        responsible_unit="Bidang",
        programme="Program",
        programme_code="8.01",
        effective_on=date(2021, 1, 1),
    )
    await state(
        world,
        [
            LetterheadSet(lines=("PEMKOT", "BADAN"), place="Mojokerto"),
            HEAD,
            PlanSet(document="Renstra", first_year=2019, last_year=2023),
            BaselineSet(indicator=code, year=2018, baseline="62,5"),
            EndTargetSet(
                indicator=code, end_target="95", effective_on=date(2019, 1, 1)
            ),
            ActualSet(indicator=code, year=2020, actual="75"),
            ActualSet(indicator=code, year=2019, actual="71,43"),
            QuarterlyTargetsSet(indicator=code, year=2021, first="20", third="60,5"),
            responsible,
            structs.replace(NARRATIVE, quarter=4, obstacles=None, follow_up="Rapat"),
            NARRATIVE,
            NarrativeSet(year=2021, quarter=4, driving_factors="Forum"),
        ],
    )
    found = await at(world, Moment(END), world.today)
    assert found.letterhead == Letterhead(("PEMKOT", "BADAN"), "Mojokerto", None)
    assert found.signers == {
        "kepala_badan": Signer(
            "kepala_badan", "Kepala Badan", "Contoh Satu", None, None
        )
    }
    assert found.plan == AgencyPlan("Renstra", 2019, 2023)
    assert found.indicators == {
        code: IndicatorPlan(
            baseline=Baseline(2018, Decimal("62.5")),
            end_target=Decimal(95),
            actuals={2019: Decimal("71.43"), 2020: Decimal(75)},
            quarterly_targets={
                2021: QuarterlyTargets(Decimal(20), None, Decimal("60.5"), None)
            },
            responsible_unit="Bidang",
            programme="Program",
            programme_code="8.01",
            narratives=(
                Narrative(2021, 3, obstacles="Cuaca"),
                Narrative(2021, 4, follow_up="Rapat"),
            ),
        )
    }
    own = found.indicator(code)
    assert own.narrative(2021, 3) == own.narratives[0]
    assert own.quarterly_targets[2021].of_quarter(3) == Decimal("60.5")
    assert found.narrative(2021, 4) == Narrative(2021, 4, driving_factors="Forum")


async def test_signers_are_those_of_the_day_of_signing_and_not_of_the_figures(
    world: World,
) -> None:
    successor = structs.replace(
        HEAD, signer_name="Contoh Dua", effective_on=date(2022, 1, 3)
    )
    await state(world, [HEAD, successor])
    names = [
        (await at(world, Moment(END), day)).signers["kepala_badan"].name
        for day in (END, SIGNED)
    ]
    assert names == ["Contoh Satu", "Contoh Dua"]
    now = await agency_data(world.view, Moment(END))
    assert now.signed_on == world.today
    assert now.signers["kepala_badan"].name == "Contoh Dua"


async def test_the_data_are_those_known_at_the_cut_offs(world: World) -> None:
    await state(world, [NARRATIVE], known_on=date(2021, 10, 5))
    size = (await at(world, Moment(END))).size
    rewritten = structs.replace(NARRATIVE, obstacles="Jarak", reason="x", corrects=1)
    await state(world, [rewritten], known_on=date(2022, 2, 1))
    wrong = Annulled(annuls=2, reason="Benar semula")
    await world.do("paper_data", NARRATIVE.subject, wrong, known_on=date(2022, 3, 1))

    async def obstacles(moment: Moment) -> str | None:
        own = (await at(world, moment)).indicator("IKU-1").narrative(2021, 3)
        return None if own is None else own.obstacles

    assert await obstacles(Moment(END, date(2021, 10, 4))) is None
    assert await obstacles(Moment(END, date(2022, 1, 31))) == "Cuaca"
    assert await obstacles(Moment(END, date(2022, 2, 1))) == "Jarak"
    assert await obstacles(Moment(END)) == "Cuaca"
    assert await obstacles(Moment(END, size=size)) == "Cuaca"
    assert await obstacles(Moment(END, size=size + 1)) == "Jarak"
    assert await obstacles(Moment(date(2021, 6, 30))) is None
    assert (await at(world, Moment(END, date(2022, 2, 1)))).size == size + 1


async def test_the_exact_achievement_of_an_indicator_outside_the_register(
    world: World,
) -> None:
    base = OtherIndicatorSet(code="IKU-4", year=2020, wording="x", measure="indeks")
    await state(
        world,
        [
            structs.replace(base, target="60", actual="85,15", code="IKU-5"),
            structs.replace(base, achievement="141,92"),
            structs.replace(base, code="IKU-6", actual="3"),
            structs.replace(base, code="IKU-7", target="0", actual="3"),
            structs.replace(base, year=2019, actual="1", target="3"),
        ],
    )
    found = (await at(world, Moment(END))).others_of(2020)
    assert [one.code for one in found] == ["IKU-4", "IKU-5", "IKU-6", "IKU-7"]
    exact = [one.achievement for one in found]
    assert exact == [Fraction("141.92"), Fraction(8515, 60), None, None]
    (earlier,) = (await at(world, Moment(END))).others_of(2019)
    assert earlier.achievement == Fraction(100, 3)


async def test_a_statement_about_an_unknown_indicator_is_not_recorded(
    world: World,
) -> None:
    unknown = structs.replace(NARRATIVE, indicator="IKU-9")
    with pytest.raises(Invalid, match="IKU-9, which does not exist"):
        await state(world, [unknown])
    assert (await at(world, Moment(END))).size == 0
