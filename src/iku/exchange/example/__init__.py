"""The example register: fictional, made to show late data, reopenings and corrections.

Small enough to be counted by hand. `iku example` imports it; docs/importing.md uses it.
"""

from datetime import date
from importlib.resources import files

from iku.domain.account import Invite, Role
from iku.domain.fact import Person

AS_OF = date(2021, 12, 31)
KNOWN_ON = date(2022, 1, 15)  # about the day on which the yearly report was printed
NAMES = ("target.csv", "organisasi.csv", "konflik.csv")


def read_journals() -> dict[str, bytes]:
    """The content of each file by its name, in the order of import."""
    return {name: (files(__name__) / name).read_bytes() for name in NAMES}


# The fictional people of the demonstration. Each division has a head, because a
# publication is closed after each head has confirmed the figures of the division.
PEOPLE = tuple(
    Invite(
        holder=Person(name),
        basis="SK/001/CONTOH/2022",
        role=role,
        division=division,
    )
    for role, name, division in (
        (Role.PETUGAS, "Petugas Contoh", "wasnas"),
        (Role.VERIFIKATOR, "Verifikator Contoh", "wasnas"),
        (Role.KEPALA_BIDANG, "Kepala Bidang Contoh", "wasnas"),
        (Role.KEPALA_BIDANG, "Kepala Bidang Poldagri Contoh", "poldagri"),
        (Role.KEPALA_BIDANG, "Kepala Bidang Iwasbang Contoh", "iwasbang"),
        (Role.KEPALA_BADAN, "Kepala Badan Contoh", None),
        (Role.PERENCANA, "Perencana Contoh", None),
        (Role.AUDITOR, "Auditor Contoh", None),
    )
)
