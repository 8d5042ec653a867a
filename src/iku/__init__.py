"""An event-sourced, bitemporal register of conflict cases and organisations.

Every fact is an event in one append-only log. Figures, lists and reports are derived
from it. The packages, from the lowest layer: `domain` (rules), `ledger` (log and
proofs), `vault` (sealed texts) and `postgres`; `projections`; `commands` and `queries`;
`exchange`; `web` and `cli`.
"""

from importlib.metadata import version

__version__ = version("iku")
