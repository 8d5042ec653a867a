"""The files for Docker: their settings exist, and their health check works."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from iku.postgres.database import Database
from iku.settings import Settings
from tests.conftest import Clone
from tests.forked import Forker
from tests.web.certificates import NAME, make_pair
from tests.web.test_server import serving, told

ROOT = Path(__file__).parents[1]
HEALTHCHECK = ROOT / "docker" / "healthcheck.py"
COMPOSED = ("docker-compose.yml", "docker/tls.yml")
# Interpolated by Compose, or read by docker/logins.sql.
OUTSIDE = {
    *("IKU_SUPERUSER_PASSWORD", "IKU_OWNER_PASSWORD", "IKU_APPLICATION_PASSWORD"),
    *("IKU_SIGNER_PASSWORD", "IKU_TLS_FOLDER"),
}
URL = f"https://{NAME}"


@pytest.fixture(scope="module")
async def database(clone: Clone, furnished: str) -> Database:
    """A database that the servers of these tests do not write to."""
    return await clone(furnished)


def health(**environment: str) -> int:
    """The exit code of the health check."""
    command = [sys.executable, str(HEALTHCHECK)]
    return subprocess.run(command, env=environment, check=False).returncode


@pytest.mark.parametrize("name", COMPOSED)
def test_every_variable_of_the_containers_is_a_setting(name: str) -> None:
    settings = {f"IKU_{one.name.upper()}" for one in fields(Settings)}
    used = set(re.findall(r"\bIKU_[A-Z_]+", (ROOT / name).read_text()))

    assert used - OUTSIDE <= settings
    assert used & settings


def test_the_image_holds_what_it_names() -> None:
    image = (ROOT / "Dockerfile").read_text()
    included = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", image, re.MULTILINE)

    for path in " ".join(copied).split():
        assert (ROOT / path).exists()
        assert f"!{path}" in included
    assert 'CMD ["python", "/opt/iku/healthcheck.py"]' in image


def test_no_container_recommends_a_proxy_before_a_register_without_accounts() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert (
        "without accounts serves this machine only, and never through a proxy" in text
    )
    assert "Host: 127.0.0.1" not in text


def test_the_health_check_reaches_a_register_of_this_machine(
    forker: Forker, database: Database, tmp_path: Path
) -> None:
    with serving(forker, **told(database, tmp_path / "var")) as served:
        port = str(served.port)
        assert health(IKU_PORT=port) == 0
        # Another host is refused, so a wrong environment is noticed.
        assert health(IKU_PORT=port, IKU_PUBLIC_URL=URL) == 1
    assert health(IKU_PORT=port) == 1


@pytest.mark.parametrize("proxies", ["127.0.0.1", "10.1.2.3,127.0.0.0/8", "10.1.2.3"])
def test_the_health_check_reaches_a_register_behind_a_proxy(
    forker: Forker, database: Database, tmp_path: Path, proxies: str
) -> None:
    settings = {"IKU_PUBLIC_URL": URL, "IKU_TRUSTED_PROXY": proxies}
    environment = told(database, tmp_path / "var") | settings
    with serving(forker, MODE="accounts", **environment) as served:
        assert health(IKU_PORT=str(served.port), **settings) == 0
        assert health(IKU_PORT=str(served.port)) == 1


def test_the_health_check_reaches_a_register_with_tls(
    forker: Forker, database: Database, tmp_path: Path
) -> None:
    chain, key = make_pair().write(tmp_path / "tls")
    settings = {
        "IKU_PUBLIC_URL": URL,
        "IKU_TLS_CERT": str(chain),
        "IKU_TLS_KEY": str(key),
    }
    environment = told(database, tmp_path / "var") | settings
    with serving(forker, MODE="accounts", **environment) as served:
        assert health(IKU_PORT=str(served.port), **settings) == 0
        assert health(IKU_PORT=str(served.port), IKU_PUBLIC_URL=URL) == 1
