"""The command line as somebody types it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pytest

from iku.exchange import example
from iku.postgres.database import Database


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


Type: TypeAlias = Callable[..., Said]
COMMAND = (sys.executable, "-m", "iku.cli")


@pytest.fixture
def environ(database: Database, tmp_path: Path) -> dict[str, str]:
    """The environment of a command that uses the test's own database."""
    mine = {n: v for n, v in os.environ.items() if not n.startswith("IKU_")}
    return {
        **mine,
        "IKU_DATABASE_URL": database.application_dsn,
        "IKU_OWNER_URL": database.owner_dsn,
        "IKU_SIGNER_URL": database.signer_dsn or "",
        "IKU_HOME": str(tmp_path / "var"),
    }


@pytest.fixture
def iku(environ: dict[str, str], tmp_path: Path) -> Type:
    """Type a command, and what it asks for; variables may be given by name."""

    def run(*arguments: object, typed: str = "", **variables: str) -> Said:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env={**environ, **variables},
            cwd=tmp_path,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The example register as files."""
    for name, content in example.read().items():
        (tmp_path / name).write_bytes(content)
    return {name.removesuffix(".csv"): tmp_path / name for name in example.NAMES}
