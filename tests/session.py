"""A long random session over HTTP: concurrent commands, then questions.

Every command must be answered with a status below 500, and every refusal with a
message. Then random figures are requested at random coordinates. All answers about one
figure must agree: the recount from the log, the last line of the replay, the cases of
the explanation, the parts, and the lists. The changes since each publication must add
up to its difference.

``python -m tests.session --commands 5000 --coordinates 500`` runs it at full length on
an embedded server of its own; tests/test_session.py runs a short one.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import msgspec

from iku.app import App, migrate_and_open
from iku.domain.conflict import DIMENSIONS, Category, Level, Manner, Phase, Source
from iku.domain.organisation import Activity, OrganisationKind
from iku.domain.period import Kind as PeriodKind
from iku.ledger.integrity_check import check_ledger
from iku.postgres.embedded import lease
from iku.postgres.pool import connect_as_owner
from iku.settings import Settings
from tests.web.conftest import Client, client_of

# The commands without which a session means little.
ESSENTIAL = {"reported", "registered", "corrected", "annulled", "merged", "targeted"}
FIRST = date(2020, 11, 1)
SPAN = 800  # days; includes two turns of the year and boundaries of every period
CODES = ("IKU-1", "IKU-2", "IKU-3")
AREAS = ("35.76.01.1003", "35.76.02.1009", "35.76.03.1001", None)
ACTORS = ("ani", "budi", "siti")
DEFINITIONS = 24  # versions of an indicator; each one slows every later event
REFUSED = frozenset({400, 404, 409, 412, 422})
LEVELS = tuple(Level)
VOID = frozenset({"rejected", "merged", "annulled"})
GONE = VOID | {"dissolved", "revoked", "moved_out"}


class Contradiction(AssertionError):
    """Two answers that must agree differ; the message has both."""


@dataclass
class Known:
    """The last known version, event and day of a subject."""

    version: int
    day: date
    last: str
    references: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Proposed:
    """A command as it is sent; *kind* is its name in the tally."""

    kind: str
    path: str
    body: dict[str, Any]
    actor: str
    subject: str | None = None
    day: date | None = None


class Commands:
    """Random commands on the recorded subjects, weighted towards likely ones."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.conflicts: dict[str, Known] = {}
        self.organisations: dict[str, Known] = {}
        self.publications: dict[str, str] = {}  # the last step, by identifier
        self.definitions: Counter[str] = Counter()
        self.indicators: Counter[str] = Counter()  # the last version, by code

    def next(self) -> Proposed:
        """The next command."""
        r = self.random
        makers: list[tuple[int, Callable[[], Proposed]]] = [
            (10 if len(self.conflicts) < 150 else 1, self._report),
            (8 if len(self.organisations) < 80 else 1, self._register),
            (40, self._conflict_event),
            (30, self._organisation_event),
            (2, self._target),
            (1, self._definition),
            (2, self._indicator_event),
            (2, self._draft),
            (5, self._step),
            (1, self._erasure),
        ]
        weights = [weight for weight, _ in makers]
        [(_, maker)] = r.choices(makers, weights)
        return maker()

    def learn(self, proposed: Proposed, answer: httpx.Response) -> None:
        """Update the known subjects from the answer to a command."""
        receipt = answer.json()
        if proposed.kind in {"reported", "registered"}:
            known = self.conflicts
            if proposed.kind == "registered":
                known = self.organisations
            assert proposed.day is not None
            known.setdefault(receipt["id"], Known(1, proposed.day, proposed.kind))
        elif proposed.kind == "drafted":
            self.publications[answer.headers["Location"].rpartition("/")[2]] = "drafted"
        elif proposed.path.startswith("/indicators/"):
            self.indicators[proposed.path.split("/")[2]] = receipt["version"]
        elif proposed.path.startswith("/publications/"):
            self.publications[proposed.path.split("/")[2]] = proposed.body["type"]
        elif proposed.subject is not None:
            one = self.conflicts.get(proposed.subject)
            one = one or self.organisations.get(proposed.subject)
            if one is not None:
                one.version = max(one.version, receipt["version"])
                if proposed.day is not None:
                    one.day, one.last = proposed.day, proposed.body["type"]

    def day(self, after: date | None = None) -> date:
        """A day of the session's span, mostly soon after the day *after*."""
        r = self.random
        day = FIRST + timedelta(days=r.randrange(SPAN))
        if after is not None and r.random() < 0.7:
            day = min(after + timedelta(days=r.randrange(60)), FIRST + timedelta(SPAN))
        if r.random() < 0.2:  # the boundary of a month
            day = day.replace(day=1) - timedelta(days=r.randrange(2))
        return max(day, FIRST)

    def _proposed(
        self,
        kind: str,
        path: str,
        body: dict[str, Any],
        subject: str | None = None,
        day: date | None = None,
    ) -> Proposed:
        if day is not None:
            body["effective_on"] = day.isoformat()
        actor = self.random.choice(ACTORS)
        return Proposed(kind, path, body, actor, subject, day)

    def _classified(self) -> dict[str, Any]:
        category = self.random.choice([*Category][:2])
        dimension = self.random.choice([*DIMENSIONS[category]])
        return {"category": category.value, "dimension": dimension.value}

    def _report(self) -> Proposed:
        r, day = self.random, self.day()
        body: dict[str, Any] = {
            **self._classified(),
            "title": f"Perselisihan {r.randrange(10_000)}",
            "level": r.choice(LEVELS).value,
            "occurred_on": (day - timedelta(days=r.choice([0, 3, 40]))).isoformat(),
            "source": r.choice([*Source]).value,
        }
        if area := r.choice(AREAS):
            body["area"] = area
        if r.random() < 0.3:  # sometimes a number that is taken
            body["number"] = f"X{r.randrange(60)}/{day.year}"
        return self._proposed("reported", "/conflicts", body, day=day)

    def _register(self) -> Proposed:
        r, day = self.random, self.day()
        body: dict[str, Any] = {
            "kind": r.choice([*OrganisationKind]).value,
            "name": f"Organisasi {r.randrange(10_000)}",
            "legal_basis": r.choice(["skt", "badan_hukum", "none"]),
        }
        if body["legal_basis"] == "skt":
            body["valid_until"] = (day + timedelta(days=200)).isoformat()
        if body["kind"] == "parpol":
            body["legal_basis"] = "parpol" if r.random() < 0.5 else "badan_hukum"
            body.pop("valid_until", None)
        if area := r.choice(AREAS):
            body["area"] = area
        return self._proposed("registered", "/organisations", body, day=day)

    def _conflict_event(self) -> Proposed:
        if not self.conflicts:
            return self._report()
        r = self.random
        number = r.choice([*self.conflicts])
        known = self.conflicts[number]
        day: date | None = self.day(known.day)
        kinds = {
            "verified": 8,
            "handled": 4,
            "referred": 2,
            "resolved": 9,
            "reopened": 5,
            "reclassified": 3,
            "corrected": 7,
            "annulled": 5,
            "merged": 3,
            "rejected": 1,
            "returned": 1,
        }
        kind = self._follows(known.last) or r.choices([*kinds], [*kinds.values()])[0]
        body: dict[str, Any] = {"type": kind}
        match kind:
            case "handled":
                body["phase"] = r.choice([*Phase]).value
            case "resolved":
                body["manner"] = r.choice([*Manner]).value
            case "reclassified":
                body |= self._classified()
            case "corrected":
                day = None
                body |= {"corrects": r.randint(1, known.version), **self._restated()}
            case "annulled":
                day = None
                body["annuls"] = r.randint(1, known.version)
            case "merged":
                day = None
                body["into"] = r.choice([*self.conflicts])
            case "rejected":
                day = None
            case "returned":
                body["missing"] = r.choice(["Kronologi", "Surat pelapor"])
            case _:
                pass
        return self._event("conflicts", kind, body, number, day)

    def _follows(self, last: str) -> str | None:
        """The usual successor of that event; None, half of the time, for any event."""
        return _NEXT.get(last) if self.random.random() < 0.5 else None

    def _restated(self) -> dict[str, Any]:
        """The fields of a correction of a case: new values, or null to clear one."""
        r = self.random
        restated: list[dict[str, Any]] = [
            {"effective_on": self.day().isoformat()},
            self._classified(),
            {"level": r.choice(LEVELS).value},
            {"area": r.choice(AREAS)},
            {"manner": r.choice([*Manner]).value},
            {"title": f"Diralat {r.randrange(1_000)}"},
            {"occurred_on": r.choice([None, self.day().isoformat()])},
            {"number": f"Z{r.randrange(90)}"},
        ]
        return r.choice(restated)

    def _organisation_event(self) -> Proposed:
        if not self.organisations:
            return self._register()
        r = self.random
        number = r.choice([*self.organisations])
        known = self.organisations[number]
        day: date | None = self.day(known.day)
        kinds = {
            "participated": 14,
            "participation_verified": 4,
            "renewed": 3,
            "suspended": 3,
            "restored": 3,
            "dissolved": 1,
            "revoked": 1,
            "moved_out": 1,
            "corrected": 6,
            "annulled": 4,
            "merged": 2,
            "rejected": 1,
        }
        kind = self._follows(known.last) or r.choices([*kinds], [*kinds.values()])[0]
        body: dict[str, Any] = {"type": kind}
        match kind:
            case "participated":
                reference = f"P{r.randrange(1_000)}"
                known.references.append(reference)
                activity = r.choice([*Activity]).value
                body |= {"participation": reference, "activity": activity}
                body["verified"] = r.random() < 0.6
            case "participation_verified":
                day = None
                body["participation"] = r.choice([*known.references, "P0"])
            case "renewed":
                assert day is not None
                body["valid_until"] = (day + timedelta(r.choice([60, 400]))).isoformat()
            case "corrected":
                day = None
                body |= {
                    "corrects": r.randint(1, known.version),
                    **r.choice(
                        [
                            {"effective_on": self.day().isoformat()},
                            {"kind": r.choice([*OrganisationKind]).value},
                            {"activity": r.choice([*Activity]).value},
                            {"verified": r.random() < 0.5},
                            {"valid_until": r.choice([None, self.day().isoformat()])},
                            {"name": f"Diralat {r.randrange(1_000)}"},
                        ]
                    ),
                }
            case "annulled":
                day = None
                body["annuls"] = r.randint(1, known.version)
            case "merged":
                day = None
                body["into"] = r.choice([*self.organisations])
            case "rejected":
                day = None
            case _:
                pass
        return self._event("organisations", kind, body, number, day)

    def _event(
        self,
        place: str,
        kind: str,
        body: dict[str, Any],
        number: str,
        day: date | None,
    ) -> Proposed:
        needed = {"corrected", "annulled", "merged", "rejected"}
        if kind in needed or self.random.random() < 0.2:
            body["reason"] = f"Uji {self.random.randrange(1_000)}"
        path = f"/{place}/{number}/events"
        return self._proposed(kind, path, body, number, day)

    def _target(self) -> Proposed:
        r, day = self.random, self.day()
        body = {"year": day.year, "target": str(r.randint(50, 100)), "basis": "PK"}
        path = f"/indicators/{r.choice(CODES)}/targets"
        return self._proposed("targeted", path, body, day=day)

    def _definition(self) -> Proposed:
        r = self.random
        code = r.choice(CODES)
        if self.definitions[code] >= DEFINITIONS:
            return self._target()
        self.definitions[code] += 1
        options: dict[str, list[Any]] = {
            "minimum_level": [level.value for level in LEVELS],
            "date_basis": ["reported", "occurred"],
            "carry_over": ["include", "exclude"],
            "reopening": ["latest_state", "first_closure_counts"],
            "resolution_manners": [[m.value for m in r.sample([*Manner], 3)]],
        }
        if code == "IKU-2":
            options = {
                "kinds": [["ormas"], [kind.value for kind in OrganisationKind]],
                "expired_registration": ["keep", "drop"],
                "participation_threshold": [1, 2],
                "population": ["stock_at_date", "any_time_in_period"],
            }
        chosen = r.sample(sorted(options), r.randint(1, 2))
        body = {
            "basis": "SK",
            "reason": "Uji",
            **{name: r.choice(options[name]) for name in chosen},
        }
        path = f"/indicators/{code}/definitions"
        return self._proposed("defined", path, body, day=self.day())

    def _indicator_event(self) -> Proposed:
        """A correction or annulment of a target or definition."""
        r = self.random
        code = r.choice(CODES)
        if self.definitions[code] >= DEFINITIONS:
            return self._target()
        version = r.randint(1, self.indicators[code] + 1)
        body: dict[str, Any] = {"type": "annulled", "annuls": version}
        if r.random() < 0.7:
            restated: list[dict[str, Any]] = [
                {"target": str(r.randint(50, 120))},
                {"effective_on": self.day().isoformat()},
                {"basis": f"SK {r.randrange(100)}"},
            ]
            body = {"type": "corrected", "corrects": version, **r.choice(restated)}
            self.definitions[code] += 1  # a corrected definition is a new version
        body["reason"] = "Uji"
        kind = f"indicator {body['type']}"
        return self._proposed(kind, f"/indicators/{code}/events", body)

    def _draft(self) -> Proposed:
        r = self.random
        body: dict[str, Any] = {
            "period": r.choice([*PeriodKind]).value,
            "as_of": self.day().isoformat(),
            "reason": "LKjIP",
        }
        if self.publications and r.random() < 0.3:
            body["restates"] = r.choice([*self.publications])
        return self._proposed("drafted", "/publications", body)

    def _step(self) -> Proposed:
        if not self.publications:
            return self._draft()
        r = self.random
        name = r.choice([*self.publications])
        kinds = ("closed", "reviewed", "published", "returned", "withdrawn")
        kind = self._follows(self.publications[name]) or r.choice(kinds)
        body: dict[str, Any] = {"type": kind, "reason": f"Uji {kind}"}
        if kind == "closed" and r.random() < 0.3:
            body["known_on"] = (FIRST + timedelta(days=SPAN)).isoformat()
        path = f"/publications/{name}/events"
        return self._proposed(f"publication {kind}", path, body)

    def _erasure(self) -> Proposed:
        r = self.random
        if not self.conflicts or r.random() < 0.7:
            return self._conflict_event()
        body = {"decision": f"B/{r.randrange(1_000)}", "legal_basis": "UU 27/2022"}
        path = f"/subjects/conflict-{r.choice([*self.conflicts])}/erasure"
        return self._proposed("erased", path, body)


_NEXT = {
    "reported": "verified",
    "verified": "resolved",
    "resolved": "reopened",
    "reopened": "resolved",
    "registered": "participated",
    "suspended": "restored",
    "drafted": "closed",
    "closed": "reviewed",
    "reviewed": "published",
    "returned": "closed",
}


@dataclass
class Session:
    """Clients that send commands concurrently, and the outcomes.

    Attributes:
        tally: Number of answers of each status, by kind of command.
    """

    client: Client
    commands: Commands
    tally: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def perform(self, count: int, clients: int = 8) -> None:
        """Send *count* commands from *clients* concurrent clients."""
        rest = iter(range(count))

        async def work() -> None:
            for _ in rest:
                await self._send(self.commands.next())

        await asyncio.gather(*(work() for _ in range(clients)))

    async def _send(self, proposed: Proposed) -> None:
        r = self.commands.random
        headers = {"Iku-Actor": proposed.actor}
        if again := r.random() < 0.1:
            headers["Idempotency-Key"] = str(UUID(int=r.getrandbits(128)))
        answer = await self._post(proposed, headers)
        if _lacks_reason(answer):
            body = proposed.body | {"reason": "Data terlambat"}
            proposed = Proposed(
                f"{proposed.kind} (reason)",
                proposed.path,
                body,
                proposed.actor,
                proposed.subject,
                proposed.day,
            )
            answer = await self._post(proposed, headers)
        if answer.status_code == 201:
            self.commands.learn(proposed, answer)
        if again and answer.status_code == 201:
            repeated = await self._post(proposed, headers)
            if repeated.json() != answer.json():
                raise Contradiction(f"{answer.text} repeated is {repeated.text}")

    async def _post(
        self, proposed: Proposed, headers: dict[str, str]
    ) -> httpx.Response:
        answer = await self.client.post(
            proposed.path, json=proposed.body, headers=headers
        )
        self.tally[proposed.kind, answer.status_code] += 1
        if answer.status_code != 201:
            _check_refusal(proposed, answer)
        return answer

    @property
    def recorded(self) -> Counter[str]:
        """The number of recorded commands of each kind."""
        found: Counter[str] = Counter()
        for (kind, status), count in self.tally.items():
            if status == 201:
                found[kind.removesuffix(" (reason)")] += count
        return found


def _lacks_reason(answer: httpx.Response) -> bool:
    if answer.status_code != 400:
        return False
    return any(one["path"] == "reason" for one in answer.json().get("errors", []))


def _check_refusal(proposed: Proposed, answer: httpx.Response) -> None:
    """Check that a refusal has its status, and a message that shows no internals."""
    told = f"{proposed.path} {proposed.body}: {answer.status_code} {answer.text}"
    if answer.status_code not in REFUSED:
        raise Contradiction(told)
    detail = answer.json()["detail"]
    if " " not in detail or any(word in detail for word in ("Traceback", "msgspec")):
        raise Contradiction(told)


class Questions:
    """Checks at random coordinates that all answers about a figure agree."""

    def __init__(
        self, client: Client, random: Random, compared: Counter[str] | None = None
    ) -> None:
        self.client = client
        self.random = random
        self.compared = Counter() if compared is None else compared

    async def ask(self, count: int, clients: int = 4) -> None:
        """Request *count* figures, and compare each with the other answers."""
        size = (await self.client.says("/health/ready"))["size"]
        shown = (await self.client.says("/indicators"))["indicators"]
        definitions = {
            one["code"]: {d["definition"]: d["options"] for d in one["definitions"]}
            for one in shown
        }
        # Each draws for itself, so that the order of the answers changes nothing.
        each = iter(
            [
                Questions(self.client, Random(self.random.random()), self.compared)
                for _ in range(count)
            ]
        )

        async def work() -> None:
            for one in each:
                await one._one(size, definitions)

        await asyncio.gather(*(work() for _ in range(clients)))

    async def _one(self, size: int, definitions: dict[str, dict[int, Any]]) -> None:
        """Check one figure; draw again if the figure cannot be counted."""
        while True:
            code, asked = self._coordinates(size, definitions)
            path = f"/indicators/{code}"
            answer = await self.client.get(f"{path}/figure", params=asked)
            if answer.status_code == 200:
                break
            if answer.status_code not in {400, 404} or " " not in answer.text:
                raise Contradiction(f"{path} {asked}: {answer.text}")
            self.compared["refused"] += 1
        figure = answer.json()
        self.compared["figures"] += 1
        self.compared["not empty"] += figure["denominator"] > 0
        await self._recounted(figure)
        await self._replayed(path, asked, figure)
        items = await self._explained(path, asked, figure)
        await self._parts(path, asked, figure)
        options = definitions[code][figure["definition"]]
        await self._listed(code, asked, items, options)
        await self._differs(path, asked, figure, size)

    def _coordinates(
        self, size: int, definitions: dict[str, dict[int, Any]]
    ) -> tuple[str, dict[str, Any]]:
        r = self.random
        code = r.choice(CODES)
        asked: dict[str, Any] = {"as_of": self._day(), "period": r.choice(_PERIODS)}
        if r.random() < 0.3:
            asked["known_on"] = self._day()
        if r.random() < 0.5:
            asked["size"] = r.randint(0, size)
        else:
            asked["size"] = size
        if r.random() < 0.5:
            asked["definition"] = r.randint(1, len(definitions[code]))
        return code, asked

    def _day(self) -> str:
        return (FIRST + timedelta(days=self.random.randrange(SPAN))).isoformat()

    async def _recounted(self, figure: dict[str, Any]) -> None:
        found = await self.client.says(f"/figures/{figure['number']}")
        _same(figure["number"], "same", found["verdict"])
        _same(figure["number"], _counts(figure), _counts(found["recounted"]))
        _same(figure["number"], _counts(figure), _counts(found))

    async def _replayed(
        self, path: str, asked: dict[str, Any], figure: dict[str, Any]
    ) -> None:
        order = self.random.choice(["known", "happened"])
        answer = await self.client.get(
            f"{path}/replay", params={**asked, "order": order}
        )
        lines = answer.text.splitlines()
        last = msgspec.json.decode(lines[-1]) if lines else _NOTHING
        _same(f"{figure['number']}, {order}", _counts(figure), _counts(last))

    async def _explained(
        self, path: str, asked: dict[str, Any], figure: dict[str, Any]
    ) -> list[dict[str, Any]]:
        items = [one async for one in self._pages(f"{path}/explanation", asked)]
        total = {
            part: sum(one[part] for one in items)
            for part in ("numerator", "denominator")
        }
        _same(f"{figure['number']} explained", _counts(figure), _counts(total))
        strays = [one["id"] for one in items if one["numerator"] > one["denominator"]]
        _same(f"{figure['number']} explained", [], strays)
        return items

    async def _parts(
        self, path: str, asked: dict[str, Any], figure: dict[str, Any]
    ) -> None:
        breakdown = self.random.choice(["dimension", "district"])
        found = await self.client.says(f"{path}/figure", **asked, breakdown=breakdown)
        total = {
            name: sum(part[name] for part in found["parts"])
            for name in ("numerator", "denominator")
        }
        _same(f"{figure['number']} by {breakdown}", _counts(figure), _counts(total))

    async def _listed(
        self,
        code: str,
        asked: dict[str, Any],
        items: Sequence[dict[str, Any]],
        options: dict[str, Any],
    ) -> None:
        """Compare the cases of the explanation with the list of the same day."""
        at = {name: asked[name] for name in _LIST if name in asked}
        path = "/organisations" if code == "IKU-2" else "/conflicts"
        listed = {one["id"]: one async for one in self._pages(path, at)}
        counted = {one["id"] for one in items if one["denominator"]}
        what = f"{code} {asked}, {path}"
        if code == "IKU-2":
            if options["population"] == "stock_at_date":
                self.compared["lists"] += 1
                _same(what, _stock(listed, options), counted)
            return
        void = {name for name in counted & {*listed} if listed[name]["status"] in VOID}
        _same(what, set(), void)
        if options["carry_over"] == "include" and options["date_basis"] == "reported":
            self.compared["lists"] += 1
            still = {name for name in counted if listed[name]["status"] == "open"}
            _same(what, _open(listed, options), still)

    async def _differs(
        self, path: str, asked: dict[str, Any], figure: dict[str, Any], size: int
    ) -> None:
        """Check that the steps of a difference add up to it."""
        against: dict[str, Any] = {
            "against_as_of": self._day(),
            "against_size": self.random.randint(0, size),
        }
        answer = await self.client.get(
            f"{path}/difference", params={**asked, **against, "limit": 1}
        )
        if answer.status_code != 200:
            if answer.status_code not in {400, 404}:
                raise Contradiction(
                    f"{path}/difference {asked} {against}: {answer.text}"
                )
            return
        self.compared["differences"] += 1
        found = answer.json()
        for part in ("numerator", "denominator"):
            steps = sum(step[part] for step in found["steps"])
            _same(
                f"{figure['number']} against {against}",
                figure[part],
                found["against"][part] + steps,
            )

    async def published(self) -> None:
        """Check that the changes since each publication add up to its difference."""
        for one in (await self.client.says("/publications"))["publications"]:
            path = f"/publications/{one['id']}/changes"
            answer = await self.client.get(path, params={"limit": 200})
            if answer.status_code == 404:
                continue  # a draft has no frozen figures
            first = answer.json()
            items = [item async for item in self._pages(path, {})]
            self.compared["publications"] += 1
            for figure in first["figures"]:
                code, moved = figure["indicator"], figure["difference"]
                for part in ("numerator", "denominator"):
                    effects = sum(
                        effect[part]
                        for item in items
                        for effect in item["effects"]
                        if effect["indicator"] == code
                    )
                    _same(f"{path}, {code}", moved[part], effects)
                    _same(
                        f"{path}, {code}",
                        figure["published"][part] + effects,
                        figure["present"][part],
                    )

    async def _pages(
        self, path: str, asked: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        more: dict[str, Any] = {"limit": 200}
        while True:
            answer = await self.client.get(path, params={**asked, **more})
            if answer.status_code != 200:
                raise Contradiction(f"{path} {asked} {more}: {answer.text}")
            page = answer.json()
            for item in page["items"]:
                yield item
            if page["next"] is None:
                return
            more["cursor"] = page["next"]


_PERIODS = [kind.value for kind in PeriodKind]
_LIST = ("as_of", "known_on", "size")
_NOTHING = {"numerator": 0, "denominator": 0}


def _counts(of: dict[str, Any]) -> tuple[int, int]:
    return of["numerator"], of["denominator"]


def _same(what: str, expected: Any, found: Any) -> None:
    if expected != found:
        raise Contradiction(f"{what}: expected {expected}, found {found}")


def _stock(listed: dict[str, dict[str, Any]], options: dict[str, Any]) -> set[str]:
    """The organisations of the denominator, derived from the list alone."""
    drops = options["expired_registration"] == "drop"
    return {
        name
        for name, one in listed.items()
        if one["status"] not in GONE
        and one["kind"] in options["kinds"]
        and not (drops and one["expired"])
    }


def _open(listed: dict[str, dict[str, Any]], options: dict[str, Any]) -> set[str]:
    """The open cases of the denominator, derived from the list alone."""
    least = LEVELS.index(Level(options["minimum_level"]))
    return {
        name
        for name, one in listed.items()
        if one["status"] == "open"
        and one["verified"]
        and one["category"] == options["category"]
        and LEVELS.index(Level(one["level"])) >= least
    }


async def run(
    app: App, seed: int, commands: int, coordinates: int
) -> tuple[Session, Questions]:
    """Run a whole session: commands, then questions.

    Answers of concurrent clients arrive in any order, so the seed does not fix what is
    recorded. If a kind of `ESSENTIAL` is not yet, up to four times as many commands
    follow.

    Raises:
        Contradiction: Two answers do not agree, or an answer is an error.
    """
    async with client_of(app) as client:
        session = Session(client, Commands(Random(seed)))
        for _ in range(5):
            await session.perform(commands)
            if session.recorded.keys() >= ESSENTIAL:
                break
        questions = Questions(client, Random(seed + 1))
        await questions.ask(coordinates)
        await questions.published()
    return session, questions


async def _main(home: Path, seed: int, commands: int, coordinates: int) -> None:
    began = time.monotonic()
    with lease(home) as held:
        async with migrate_and_open(Settings(home=home)) as app:
            session, questions = await run(app, seed, commands, coordinates)
        owner = await connect_as_owner(held.owner_dsn)
        findings = await check_ledger(owner)
        await owner.close()
    tally = session.tally
    lines = [
        *(f"{kind:32} {status} {n:6}" for (kind, status), n in sorted(tally.items())),
        ", ".join(f"{n} {name}" for name, n in questions.compared.items()),
        f"seed {seed}, {time.monotonic() - began:.0f} s, {findings or 'no finding'}",
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    if findings:
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A long random session over HTTP.")
    parser.add_argument("--commands", type=int, default=5_000)
    parser.add_argument("--coordinates", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iku-session-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, the embedded server runs as another user
        asyncio.run(_main(folder, given.seed, given.commands, given.coordinates))
