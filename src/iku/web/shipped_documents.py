"""The folders of ``docs/`` that pages show: the handbooks and their pictures."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import iku


def folder(name: str) -> Traversable:
    """A folder of ``docs/``, in the package or in the checkout."""
    installed = resources.files(iku) / name
    if installed.is_dir():
        return installed
    return Path(iku.__file__).parents[2] / "docs" / name
