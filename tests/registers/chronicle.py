"""A long random register, as live entries and imports produce one."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

from iku.commands.command import Command
from iku.domain import conflict, organisation
from iku.domain.decider import DecisionContext, Refused
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Annulled
from iku.domain.indicator import (
    CarryOver,
    DateBasis,
    ExpiredRegistration,
    Population,
    Redefinition,
    Reopening,
    Targeted,
)
from tests.registers.world import AREAS, FIRST, Chance, World

HARBOUR = "K0000"  # the survivor of mergers
REPORT = conflict.Reported(
    category=conflict.Category.SARA,
    dimension=conflict.Dimension.AGAMA,
    title="Pelabuhan",
    effective_on=FIRST,
)
TITLES = ("Sengketa 100% batas", "Pasar_Tanjung", "PERSELISIHAN É", "Ricuh C:\\dusun")
KNOWN = frozenset(filter(None, (*AREAS, "35.76.03.1001")))


MERGERS: dict[str, Any] = {
    "conflict": conflict.Merged,
    "organisation": organisation.Merged,
}


class OrderedCommand(NamedTuple):
    """A command, and the key by which it is ordered in the log."""

    order: int
    command: Command


def generate_commands(seed: int, count: int) -> list[Command]:
    """At least *count* legal commands, in the order in which they are recorded.

    Three subjects in ten come from older registers: their facts are recorded months
    after facts of other subjects that became known later.
    """
    random = Random(seed)
    told = [
        OrderedCommand(0, Command("conflict", HARBOUR, REPORT, "uji", known_on=FIRST))
    ]
    number = 0
    while len(told) < count:
        number += 1
        lag = random.randint(60, 500) if random.random() < 0.3 else 0
        category = random.choice(["conflict", "conflict", "organisation"])
        subject = f"{'K' if category == 'conflict' else 'O'}{number:04}"
        for known_on, event in _subject_events(random, category, subject):
            command = Command(category, subject, event, "uji", known_on=known_on)
            told.append(OrderedCommand(known_on.toordinal() + lag, command))
    return [t.command for t in sorted(told, key=lambda t: t.order)]


def _subject_events(
    random: Random, category: str, name: str
) -> Iterator[tuple[date, Any]]:
    """The facts of one subject with the days on which they became known, in order."""
    chance = Chance(random, cases=[name, HARBOUR], organisations=[name])
    decider, state, known_on = DECIDERS[category], None, FIRST
    facts = [_creation_event(chance, category)]
    if category == "conflict" and random.random() < 0.85:
        facts.append(conflict.Verified(effective_on=facts[0].effective_on))
    draw = chance.case if category == "conflict" else chance.organisation
    facts += [draw()[1] for _ in range(random.randint(0, 24))]
    for event in facts:
        said = getattr(event, "effective_on", None) or known_on
        day = max(known_on, said) + timedelta(days=random.choice([0, 0, 0, 1, 3, 30]))
        context = DecisionContext(
            day, name, KNOWN, {HARBOUR: conflict.evolve(None, REPORT)}
        )
        try:
            decided = decider.decision(event, state, context).events
        except Refused:
            continue
        for one in decided:
            state, known_on = decider.evolve(state, one), day
            yield day, one


def _creation_event(chance: Chance, category: str) -> Any:
    if category == "organisation":
        return chance.registered()
    return chance.reported(title=chance.random.choice(TITLES))


def definitions() -> Sequence[tuple[str, Any, date]]:
    """New definitions and targets, each with the day on which it became known."""
    return [
        (
            "IKU-1",
            Redefinition(
                effective_on=date(2021, 1, 1),
                carry_over=CarryOver.EXCLUDE,
                minimum_level=conflict.Level.POTENSI,
                basis="SK",
                reason="Uji",
            ),
            date(2021, 6, 30),
        ),
        (
            "IKU-2",
            Redefinition(
                effective_on=date(2021, 7, 1),
                population=Population.ANY_TIME_IN_PERIOD,
                expired_registration=ExpiredRegistration.DROP,
                participation_threshold=2,
                basis="SK",
                reason="Uji",
            ),
            date(2021, 8, 17),
        ),
        (
            "IKU-3",
            Redefinition(
                effective_on=date(2022, 1, 1),
                reopening=Reopening.FIRST_CLOSURE_COUNTS,
                date_basis=DateBasis.OCCURRED,
                basis="SK",
                reason="Uji",
            ),
            date(2022, 1, 31),
        ),
        (
            "IKU-1",
            Targeted(
                year=2021,
                target="80.00",
                effective_on=date(2021, 1, 4),
                basis="PK 2021",
            ),
            date(2021, 9, 1),
        ),
    ]


async def fill(world: World, seed: int, count: int) -> None:
    """Load a chronicle, with definitions in between that count earlier events, too."""
    commands = generate_commands(seed, count)
    stops = definitions()
    part = len(commands) // (len(stops) + 1)
    for index, (code, said, known_on) in enumerate(stops):
        await world.load(commands[index * part : (index + 1) * part])
        done = await world.do("indicator", code, said, known_on=known_on)
        assert done.added
    await world.load(commands[len(stops) * part :])
    await merge(world, seed, commands)


async def merge(world: World, seed: int, commands: Sequence[Command]) -> None:
    """Merge a tenth of the subjects into others, some in chains; annul every third."""
    random = Random(seed)
    for category, merged in MERGERS.items():
        subjects = sorted({c.subject for c in commands if c.category == category})
        for n in range(len(subjects) // 10):
            one, into = random.sample(subjects, 2)
            merger = merged(into=into, reason="Sama")
            done = await world.try_to(category, one, merger)
            if done is not None and n % 3 == 0:
                undone = Annulled(annuls=done.receipt.version, reason="Keliru")
                await world.try_to(category, one, undone)
