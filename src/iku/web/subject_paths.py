"""The paths of the pages of cases and organisations."""

from collections.abc import Mapping

from iku.domain.decider_registry import DECIDERS

PATHS: Mapping[str, str] = {"conflict": "/konflik", "organisation": "/organisasi"}
CATEGORIES: Mapping[str, str] = {path: category for category, path in PATHS.items()}


def streams_of(path: str) -> tuple[str, ...]:
    """The stream of the subject whose pages contain *path*; empty if there is none."""
    match path.split("/"):
        case ["", first, subject, _, *_] if category := CATEGORIES.get(f"/{first}"):
            return (DECIDERS[category].stream(subject),)
        case _:
            return ()
