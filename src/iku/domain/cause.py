"""Why a figure moved: by which kind of event, or by which step between two figures."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a figure moved: by which kind of event, or by which step."""

    LATE_DATA = "late_data"
    VERIFICATION = "verification"
    CORRECTION = "correction"
    ANNULMENT = "annulment"
    REJECTION = "rejection"
    MERGER = "merger"
    DEFINITION = "definition"
    TARGET = "target"
    TIME = "time"
