"""Programs of the system that some tests need."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of a program, also where only administrators have it in their PATH.

    Without it the test is skipped on a developer's machine, and fails where CI is set:
    `.ci/run` installs it.
    """
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"{name} is not installed")
    return found
