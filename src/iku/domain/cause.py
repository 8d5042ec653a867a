"""The causes of a change in a figure."""

from enum import StrEnum


class Cause(StrEnum):
    """The kind of event, or the step between two figures, that changed a figure."""

    LATE_DATA = "late_data"
    VERIFICATION = "verification"
    CORRECTION = "correction"
    ANNULMENT = "annulment"
    REJECTION = "rejection"
    MERGER = "merger"
    DEFINITION = "definition"
    TARGET = "target"
    TIME = "time"
