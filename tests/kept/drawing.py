"""Random questions of every kind about the kept log.

    python -m tests.kept.drawing

It prints the questions. The kept answers are those of the program at commit 5c2b560 to
these questions and to the first 287 kept ones, collected by `kept.ask` from the
application of that commit over the same records.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.kept import kept

SEED, COUNT = 2021, 1715
CODES = ("IKU-1", "IKU-2", "IKU-3")
KINDS = ("year", "half", "quadrimester", "quarter", "month")
STEPS = ("year", "half", "quarter", "quarter", "month")
DEFINITIONS = {"IKU-1": 2, "IKU-2": 2, "IKU-3": 3}  # versions of each
DISTRICTS = ("35.76.01", "35.76.02", "35.76.03")
PARTS = {
    "IKU-1": ("ideologi", "politik", "ekonomi", "sosial", "budaya"),
    "IKU-2": ("ormas", "lsm", "parpol"),
    "IKU-3": ("suku", "agama", "ras", "antargolongan"),
}
CASES: dict[str, tuple[str, ...]] = {
    "status": ("open", "resolved", "rejected", "merged", "annulled"),
    "category": ("ipoleksosbud", "sara"),
    "area": (*DISTRICTS, "35.76.02.1001"),
}
ORGANISATIONS: dict[str, tuple[str, ...]] = {
    "status": ("active", "suspended", "dissolved", "revoked", "moved_out", "merged"),
    "kind": ("ormas", "lsm", "parpol"),
}
OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "conflict": {
        "minimum_level": ("potensi", "perseteruan", "kekerasan"),
        "date_basis": ("reported", "occurred"),
        "carry_over": ("include", "exclude"),
        "reopening": ("latest_state", "first_closure_counts"),
    },
    "organisation": {
        "kinds": ("ormas", "lsm", "parpol"),
        "expired_registration": ("keep", "drop"),
        "participation_threshold": ("1", "2", "3"),
        "population": ("stock_at_date", "any_time_in_period"),
    },
}
# The share of each kind, in per cent.
SHARES = {
    "figure": 39,
    "figures": 6,
    "series": 11,
    "explanation": 11,
    "difference": 7,
    "replay": 8,
    "comparison": 3,
    "listed_cases": 5,
    "listed_organisations": 5,
    "subject": 4,
    "history": 1,
}


class Drawing:
    """Draws addresses; the same ones from the same seed over the same records."""

    def __init__(self, seed: int, records: list[Any]) -> None:
        self.random = Random(seed)
        self.size = len(records)
        self.effective = sorted({r["effective_on"] for r in records} - {None})
        self.known = sorted({r["known_on"] for r in records})
        streams = sorted({record["stream"] for record in records})
        self.subjects = [s for s in streams if s.startswith(("conflict", "organis"))]

    def addresses(self) -> Iterator[str]:
        """An infinite sequence of addresses, some of them repeated."""
        while True:
            (kind,) = self.random.choices(list(SHARES), list(SHARES.values()))
            yield getattr(self, kind)()

    def day(self, recorded: list[str]) -> str:
        """The day of an event, a neighbouring day, or the end of a month."""
        day = date.fromisoformat(self.random.choice(recorded))
        edge = self.random.choice((-1, 0, 0, 1, None))
        if edge is not None:
            return str(min(day + timedelta(edge), date.fromisoformat(self.known[-1])))
        first = day.replace(day=1)
        return str(first - timedelta(1))

    def coordinates(self, *, against: bool = False) -> dict[str, Any]:
        """A valid time and a transaction time; half of the time at the last size."""
        prefix = "against_" if against else ""
        some = self.random.random() < 0.5
        size = self.random.randint(0, self.size) if some else self.size
        asked: dict[str, Any] = {"as_of": self.day(self.effective), "size": size}
        if self.random.random() < 0.6:
            asked["known_on"] = self.day(self.known)
        return {prefix + name: value for name, value in asked.items()}

    def question(self, code: str) -> dict[str, Any]:
        asked = self.coordinates() | {"period": self.random.choice(KINDS)}
        if self.random.random() < 0.25:
            asked["definition"] = self.random.randint(1, DEFINITIONS[code])
        return asked

    def some(
        self, values: Mapping[str, tuple[str, ...]], odds: float
    ) -> dict[str, Any]:
        """A random value for each of a random subset of the names."""
        return {
            name: self.random.choice(of)
            for name, of in values.items()
            if self.random.random() < odds
        }

    def indicator(self, what: str, more: dict[str, Any] | None = None) -> str:
        code = self.random.choice(CODES)
        return f"/indicators/{code}/{what}?" + urlencode(
            self.question(code) | (more or {})
        )

    def figure(self) -> str:
        parts = {"breakdown": ("dimension", "district")}
        return self.indicator("figure", self.some(parts, 0.5))

    def figures(self) -> str:
        period = self.random.choice(KINDS)
        return "/figures?" + urlencode(self.coordinates() | {"period": period})

    def series(self) -> str:
        code = self.random.choice(CODES)
        asked = self.question(code)
        first, last = sorted((asked.pop("as_of"), self.day(self.effective)))
        first = max(first, str(int(last[:4]) - 2) + last[4:8] + "01")
        span = {"from": first, "to": last, "step": self.random.choice(STEPS)}
        return f"/indicators/{code}/series?" + urlencode(span | asked)

    def explanation(self) -> str:
        code = self.random.choice(CODES)
        wanted = {
            "counted": ("numerator", "denominator", "open", "none"),
            "part": PARTS[code],
            "district": (*DISTRICTS, ""),
        }
        if self.random.random() < 0.3:
            subject = self.random.choice(self.subjects).partition("-")[2]
            some: dict[str, Any] = {"subject": subject}
        else:
            some = self.some(wanted, 0.3) | {"limit": 200}
        asked = self.question(code) | some
        return f"/indicators/{code}/explanation?" + urlencode(asked)

    def difference(self) -> str:
        against = self.coordinates(against=True)
        return self.indicator("difference", against | {"limit": 200})

    def replay(self) -> str:
        order = self.random.choice(("known", "happened"))
        return self.indicator("replay", {"order": order})

    def comparison(self) -> str:
        code = self.random.choice(CODES)
        asked = self.question(code)
        asked.pop("definition", None)
        options = OPTIONS["organisation" if code == "IKU-2" else "conflict"]
        tried = asked | self.some(options, 0.4) | {"limit": 200}
        return f"/indicators/{code}/comparison?" + urlencode(tried)

    def listed_cases(self) -> str:
        wanted = self.coordinates() | self.some(CASES, 0.4) | {"limit": 200}
        return "/conflicts?" + urlencode(wanted)

    def listed_organisations(self) -> str:
        wanted = self.coordinates() | self.some(ORGANISATIONS, 0.4) | {"limit": 200}
        return "/organisations?" + urlencode(wanted)

    def subject(self) -> str:
        category, _, name = self.random.choice(self.subjects).partition("-")
        return f"/{category}s/{name}?" + urlencode(self.coordinates())

    def history(self) -> str:
        category, _, name = self.random.choice(self.subjects).partition("-")
        return f"/{category}s/{name}/events"


def drawn(count: int = COUNT) -> list[str]:
    """*count* distinct questions."""
    drawing = Drawing(SEED, [json.loads(one) for one in kept.records()])
    found: set[str] = set()
    for address in drawing.addresses():
        if len(found) == count:
            break
        found.add(address)
    return sorted(found)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{one}\n" for one in drawn()))
