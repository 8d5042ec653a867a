"""The example register: fictional, made to show late data, reopenings and corrections.

Small enough to be counted by hand. `iku example` imports it; docs/importing.md uses it.
"""

from importlib.resources import files

NAMES = ("target.csv", "organisasi.csv", "konflik.csv")


def read_journals() -> dict[str, bytes]:
    """The content of each file by its name, in the order to import them in."""
    return {name: (files(__name__) / name).read_bytes() for name in NAMES}
