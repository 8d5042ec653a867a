"""Programs of the system that some tests need."""

import os
import shutil

import pytest

# The headless shell lacks the windows of Chromium, which no test looks at. A tab of it
# takes a fifth of the processor time.
CHROMIUM = ("chromium-headless-shell", "chromium")


def program(*names: str) -> str:
    """The path of the first of the programs that is installed.

    Programs that only administrators have in their PATH are found as well. Without any
    the test is skipped on a developer's machine, and fails where CI is set: `.ci/run`
    installs the first.
    """
    path = f"{os.environ['PATH']}:/usr/sbin"
    paths = (shutil.which(name, path=path) for name in names)
    found = next(filter(None, paths), None)
    if found is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"{' or '.join(names)} is not installed")
    return found
