"""A program that holds a lease of the embedded server in HOME until its input ends.

``python -m tests.postgres.holding HOME`` prints the owner's address when it has it.
"""

import sys
from pathlib import Path

from iku.postgres.embedded import lease

if __name__ == "__main__":
    with lease(Path(sys.argv[1]), {"fsync": "off"}) as held:
        print(held.owner_dsn, flush=True)  # noqa: T201 - the test reads the address
        sys.stdin.read()
