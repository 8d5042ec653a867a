"""The error of a note, key, checkpoint, proof or policy that cannot be parsed."""


class Malformed(ValueError):
    """The bytes are not valid in their format; the message contains the reason."""
