"""The error of a note, key, checkpoint, proof or policy that cannot be parsed."""


class Malformed(ValueError):
    """The bytes are not a valid note, key or checkpoint; the message says why."""
