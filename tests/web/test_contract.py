"""The server conforms to the OpenAPI document, as schemathesis verifies."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from iku.ledger import checkpoint_signing
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.forked import Forker
from tests.samples import sample
from tests.web.test_server import serving, told

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
EXAMPLES = 1  # per operation, after those of the schema; a long manual run had 400


async def test_schemathesis_finds_nothing(
    forker: Forker, database: Database, signer: Plain, tmp_path: Path, described: Any
) -> None:
    operations = sorted(
        operation["operationId"]
        for path in described["paths"].values()
        for operation in path.values()
    )
    with serving(forker, **told(database, tmp_path / "var")) as served:
        # Half of the proof routes need a signed checkpoint.
        home = SignerFolder(tmp_path / "signer")
        await checkpoint_signing.sign(signer, home, home.make_key("iku.test/log").name)
        found = await asyncio.to_thread(
            subprocess.run,
            [
                str(Path(sys.executable).with_name("schemathesis")),
                f"--config-file={CONFIG}",
                "run",
                f"{served.address}/api/v1/openapi.json",
                f"--max-examples={EXAMPLES}",
                "--checks=all",
                "--continue-on-failure",
                "--no-color",
                "--warnings=off",
                "--seed=17",
                *(f"--include-operation-id={one}" for one in sample(operations, 12)),
            ],
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS)},
            check=False,
            capture_output=True,
            text=True,
        )
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
