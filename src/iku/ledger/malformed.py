"""The error of whatever is parsed: notes, keys, checkpoints, proofs and policies."""


class Malformed(ValueError):
    """The bytes are not a valid note, key or checkpoint; the message says why."""
