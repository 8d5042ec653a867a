"""Identifiers for commands that came without one."""

import secrets
import time
from uuid import UUID


def fresh() -> str:
    """A UUID of version 7 (RFC 9562, section 5.7): the time, then chance.

    What is recorded at the same time so lies side by side in the index of commands,
    however many there are: an append touches one of its pages, not one for each.
    """
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76  # version
    return str(UUID(int=number & ~(0b11 << 62) | 0b10 << 62))  # variant
