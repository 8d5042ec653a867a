"""The assembled application, and its seed definitions in an empty register."""

import asyncio
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from iku import agency
from iku.app import ACTOR, migrate_and_open, open_app, seed_definitions
from iku.commands import accounts
from iku.commands.command import Command
from iku.domain import access, fact, indicator, scale
from iku.domain.account import Invite, Role
from iku.domain.fact import Person
from iku.domain.indicator import Redefinition
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.postgres.database import Database
from iku.postgres.migrations import MigrationError
from iku.postgres.pool import Plain
from iku.settings import Settings
from tests.conftest import HOME, SETTINGS

AGENCY = Path(agency.__file__).parent / "kota_mojokerto"
BROUGHT = {"indicator-IKU-1", "indicator-IKU-2", "indicator-IKU-3", "scale-kinerja"}


async def recorded(connection: Connection) -> list[Recorded]:
    return [one async for one in log.read_log(connection)]


async def test_an_empty_register_is_given_its_definitions_and_its_scale(
    database: Database, connection: Connection
) -> None:
    async with open_app(SETTINGS, database) as app:
        assert app.commands.areas == app.agency.area_codes
    events = await recorded(connection)
    assert {one.stream for one in events} == BROUGHT
    assert [one.position for one in events] == [1, 2, 3, 4]
    brought = agency.load_seed_definitions(None)
    for one in events:
        if one.category == "indicator":
            defined = fact.decode_recorded(one, indicator.Event)
            assert defined == brought.indicators[one.subject]
        else:
            assert fact.decode_recorded(one, scale.Event) == brought.scale


async def test_what_is_brought_along_is_declared_as_known_on_new_years_day_2021(
    database: Database, connection: Connection
) -> None:
    async with open_app(SETTINGS, database):
        pass
    for one in await recorded(connection):
        assert one.known_on == date(2021, 1, 1)
        assert one.effective_on == date(2021, 1, 1)
        assert one.declared
        assert f'"actor":"{ACTOR}"'.encode() in one.record


async def test_bringing_along_again_adds_nothing(
    database: Database, connection: Connection
) -> None:
    async with open_app(SETTINGS, database) as app:
        brought = agency.load_seed_definitions(None)
        for _ in range(2):
            await seed_definitions(app.commands, app.pool, brought)
    async with open_app(SETTINGS, database):
        pass
    assert (await log.head(connection)).size == 4


async def test_houses_opened_at_once_bring_along_one_set_between_them(
    database: Database, connection: Connection
) -> None:
    async def open_one() -> None:
        async with open_app(replace(SETTINGS, pool_size=2), database):
            await asyncio.sleep(0.05)

    await asyncio.gather(*(open_one() for _ in range(4)))
    events = await recorded(connection)
    assert sorted(one.stream for one in events) == sorted(BROUGHT)
    assert await check_ledger(connection) == []


async def test_a_definition_changed_since_is_not_brought_back(
    database: Database, connection: Connection
) -> None:
    changed = Redefinition(
        effective_on=date(2022, 1, 1),
        basis="SK 2",
        reason="Rumusan baru",
        wording="Persentase perkara yang diselesaikan",
    )
    async with open_app(SETTINGS, database) as app:
        command = Command("indicator", "IKU-1", changed, "uji")
        async with app.pool.acquire() as pooled:
            assert (await app.commands.handle(pooled, command)).added
    async with open_app(SETTINGS, database) as app:
        known = await app.figures.indicators(connection)
    assert len(known["IKU-1"].definitions) == 2
    assert (await log.head(connection)).size == 5


async def test_a_house_over_an_empty_database_migrates_it_first(
    empty_database: Database,
) -> None:
    settings = Settings(
        database_url=empty_database.application_dsn,
        owner_url=empty_database.owner_dsn,
        home=HOME,
    )
    for _ in range(2):
        async with migrate_and_open(settings) as app, app.pool.acquire() as connection:
            assert {one.stream for one in await recorded(connection)} == BROUGHT
            assert (await app.figures.scale(connection)) is not None


def settings_of(database: Database) -> Settings:
    return Settings(
        database_url=database.application_dsn,
        owner_url=database.owner_dsn,
        signer_url=database.signer_dsn,
        home=HOME,
    )


async def test_the_owner_does_not_connect_to_a_prepared_database(
    database: Database,
) -> None:
    unknown = database.owner_dsn.replace("//postgres:", "//unknown:")
    assert unknown != database.owner_dsn
    settings = replace(settings_of(database), owner_url=unknown)
    async with migrate_and_open(settings) as app:
        assert (await log.head(app.pool)).size == 4


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("drop schema guard cascade", "to_regprocedure('guard.version()') is not null"),
        ("revoke iku_app from iku", "pg_has_role('iku', 'iku_app', 'set')"),
        (
            "revoke iku_signer from iku_sign",
            "pg_has_role('iku_sign', 'iku_signer', 'set')",
        ),
    ],
)
async def test_the_owner_restores_what_is_missing(
    database: Database, owner: Plain, change: str, state: str
) -> None:
    await owner.execute(change)
    assert await owner.fetchval(f"select {state}") is False
    async with migrate_and_open(settings_of(database)):
        assert await owner.fetchval(f"select {state}") is True


async def test_an_edited_migration_is_refused_at_a_start(
    database: Database, owner: Plain
) -> None:
    await owner.execute(
        r"update public.schema_migration set sha256 = '\x00' where version = 2"
    )
    with pytest.raises(MigrationError, match="0002_vault was edited"):
        async with migrate_and_open(settings_of(database)):
            pass


async def test_a_closed_house_takes_nothing_in(database: Database) -> None:
    async with open_app(SETTINGS, database) as app:
        pass
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await seed_definitions(
            app.commands, app.pool, agency.load_seed_definitions(None)
        )


async def test_a_start_records_the_rights_again_only_if_the_divisions_have_changed(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    async def rights() -> list[str]:
        events = await recorded(connection)
        return [one.type for one in events if one.stream == "access-rights"]

    first = Invite(holder=Person("Admin"), basis="SK/1", role=Role.ADMIN)
    async with open_app(SETTINGS, database) as app:
        assert await rights() == []  # without accounts no rights are stated
        async with app.pool.acquire() as pooled:
            await accounts.invite(
                app.commands, pooled, first, app.agency.division_ownership
            )
    for _ in range(2):
        async with open_app(SETTINGS, database):
            assert await rights() == ["rights_set"]
    profile = json.loads(AGENCY.joinpath("agency.json").read_text())
    profile["divisions"][0]["categories"] = []
    (tmp_path / "agency.json").write_text(json.dumps(profile))
    shutil.copy(AGENCY / "indicators.json", tmp_path)
    for _ in range(2):
        async with open_app(replace(SETTINGS, agency=tmp_path), database) as app:
            assert await rights() == ["rights_set", "rights_set"]
            register = (await app.commands.access.cached(connection)).value
            assert register.policy.divisions == app.agency.division_ownership


async def test_a_start_records_the_table_of_rights_of_a_newer_release(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Invite(holder=Person("Admin"), basis="SK/1", role=Role.ADMIN)
    with monkeypatch.context() as earlier:
        earlier.setattr(access, "TABLE_VERSION", access.TABLE_VERSION - 1)
        async with open_app(SETTINGS, database) as app, app.pool.acquire() as pooled:
            await accounts.invite(
                app.commands, pooled, first, app.agency.division_ownership
            )
    async with open_app(SETTINGS, database):
        tables = [
            one.body().data["table"]
            for one in await recorded(connection)
            if one.stream == "access-rights"
        ]
    assert tables == [access.TABLE_VERSION - 1, access.TABLE_VERSION]
