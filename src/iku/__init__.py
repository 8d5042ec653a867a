"""A register of conflict cases whose indicators are counted from what was recorded.

Every fact is an event in one log that is only ever added to; figures, lists and
reports are derived from it. The rooms, from the ground up: `domain` (what may
happen) and `ledger` (what was recorded), `handling` and `projections`, `exchange`,
`web` and `cli`.
"""

from importlib.metadata import version

__version__ = version("iku")
