"""The example register: fictional, made to show late data, reopenings and corrections.

Small enough to be counted by hand. `iku example` imports it; docs/importing.md uses it.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from importlib.resources import files

import msgspec
from msgspec import Struct

from iku.commands.command import Command
from iku.commands.handler import CommandHandler
from iku.domain import paper_data
from iku.domain.access import LOCAL_ACTOR
from iku.domain.account import Invite, Role
from iku.domain.fact import Person
from iku.domain.paper_data import AnyStatement
from iku.ledger.log import Reader

AS_OF = date(2021, 12, 31)
KNOWN_ON = date(2022, 1, 15)  # about the day on which the yearly report was printed
NAMES = ("target.csv", "organisasi.csv", "konflik.csv")


def read_journals() -> dict[str, bytes]:
    """The content of each file by its name, in the order of import."""
    return {name: (files(__name__) / name).read_bytes() for name in NAMES}


class ExampleStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """A fictional statement about the agency, and the day on which it was known."""

    known_on: date
    statement: AnyStatement

    @property
    def command_id(self) -> str:
        """The idempotency key under which it is recorded, derived from its content."""
        content = msgspec.json.encode(self, order="sorted")
        return f"contoh-{hashlib.sha256(content).hexdigest()[:32]}"


def read_statements() -> Iterator[ExampleStatement]:
    """The data of the agency for papers, in the order in which they are recorded."""
    content = (files(__name__) / "data_instansi.json").read_bytes()
    yield from msgspec.json.decode(content, type=list[ExampleStatement])


async def state_paper_data(commands: CommandHandler, reader: Reader) -> None:
    """State the data of the agency in a demonstration, so that its papers are full."""
    for one in read_statements():
        command = Command(
            paper_data.decider.category,
            one.statement.subject,
            one.statement,
            LOCAL_ACTOR,
            one.command_id,
            known_on=one.known_on,
        )
        await commands.handle(reader, command)


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
