"""Idempotency keys for commands that were sent without one."""

import secrets
import time


def uuid7() -> str:
    """A UUID of version 7 (RFC 9562, section 5.7): a timestamp and random bits.

    Commands of about the same time are adjacent in the index of commands, so an append
    writes to one page of the index instead of one page for each command.
    """
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76  # version
    x = f"{number & ~(0b11 << 62) | 0b10 << 62:032x}"  # variant
    return f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}"
