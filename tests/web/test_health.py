"""Liveness, readiness and metrics."""

from dataclasses import replace
from pathlib import Path

from iku.app import App, open_app
from iku.domain.account import Role
from iku.postgres import migrations
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.conftest import SETTINGS
from tests.web.conftest import CASE, Client, client_of, problem
from tests.web.test_authentication import invited


async def test_it_lives_and_is_ready(visitor: Client) -> None:
    assert await visitor.says("/health/live") == {"status": "alive"}
    assert await visitor.says("/health/ready") == {
        "status": "ready",
        "mode": "local",
        "size": 4,
        "replica": False,
        "alarm": None,
        "signed": None,
        "witnessed": None,
        "witnesses": 0,
        "lost_keys": [],
        "quarantine": {"files": 0, "bytes": 0, "oldest": None},
    }


async def test_it_names_the_mode_to_everyone(app: App, client: Client) -> None:
    assert (await client.says("/health/ready"))["mode"] == "local"
    await invited(app, Role.ADMIN)
    assert (await client.says("/health/ready"))["mode"] == "accounts"


async def test_it_works_on_without_its_keys_and_says_that_they_are_lost(
    database: Database, tmp_path: Path
) -> None:
    """Reported while the program runs, although it still caches the keys."""
    mine = replace(SETTINGS, keys=tmp_path / "keys")
    async with open_app(mine, database) as app, client_of(app) as client:
        await client.records("/conflicts", CASE)
        assert (await client.says("/health/ready"))["status"] == "ready"
        assert "iku_vault_lost_keys 0.0" in (await client.get("/metrics")).text
        [epoch] = app.vault.keys.epochs()
        (tmp_path / "keys" / f"{epoch}.key").unlink()
        shown = await client.says("/health/ready")
        assert (shown["status"], shown["lost_keys"]) == ("degraded", [epoch])
        assert shown["alarm"] is None
        assert "iku_vault_lost_keys 1.0" in (await client.get("/metrics")).text


async def test_it_is_not_ready_before_it_is_migrated(
    client: Client, owner: Plain
) -> None:
    last = len(migrations.load())
    forget = "delete from public.schema_migration where version = $1"
    await owner.execute(forget, last)
    answer = await client.get("/health/ready")
    problem(answer, 503)
    assert answer.headers["Retry-After"]
    assert (await client.get("/health/live")).status_code == 200


async def test_it_is_not_ready_on_a_newer_database(
    client: Client, owner: Plain
) -> None:
    await owner.execute(
        """
        insert into public.schema_migration (version, name, sha256)
        values ($1, $2, $3)
        """,
        999,
        "later",
        b"",
    )
    problem(await client.get("/health/ready"), 503)


async def test_requests_are_counted_by_route(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await client.get("/conflicts/K14")
    await client.get("/conflicts/K15")
    await client.get("/nowhere")
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=1")
    text = answer.text
    route = 'method="GET",route="/api/v1/conflicts/{conflict_id}"'
    assert f'iku_http_requests_total{{{route},status="200"}} 1.0' in text
    assert f'iku_http_requests_total{{{route},status="404"}} 1.0' in text
    assert 'route="none",status="404"} 1.0' in text
    assert f"iku_http_request_seconds_count{{{route}}} 2.0" in text
    assert "iku_log_size 5.0" in text
    assert "iku_append_waiting 0.0" in text
    assert "iku_append_batches 1.0" in text
    assert 'iku_append_fallbacks{reason="failed_assumption"} 0.0' in text


async def test_the_agency_says_what_it_is_for(client: Client, app: App) -> None:
    shown = await client.says("/agency")
    assert shown["name"] == app.agency.name
    assert shown["mission"]["number"] == "V"
    assert {area["code"] for area in shown["areas"]} == app.agency.area_codes
    assert {"vision", "main_task", "functions", "objective", "city"} <= shown.keys()
