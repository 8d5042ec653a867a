import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from iku.access import api_keys, token
from iku.access.api_keys import ApiKeyRefused, NewApiKey
from tests.access.enrolling import Office

MONTH = timedelta(days=30)


async def create(office: Office, account: str, **given: Any) -> NewApiKey:
    asked: dict[str, Any] = {
        "name": "monitor",
        "roles": ("petugas",),
        "rights": (),
        "held": ("petugas", "verifikator"),
        "lifetime": MONTH,
    }
    return await api_keys.create(office.connection, account, **asked | given)


async def test_a_key_names_its_account_roles_and_rights(office: Office) -> None:
    made = await create(office, account := str(uuid4()), rights=("log",))
    assert re.fullmatch(r"iku_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", made.key)
    assert made.key.split("_")[1] == made.id
    found = await api_keys.find(office.connection, made.key)
    assert found is not None
    assert (found.id, found.account, found.account_version) == (made.id, account, 0)
    assert (set(found.roles), set(found.rights)) == ({"petugas"}, {"log"})
    assert found.expires_at == made.expires_at


async def test_a_key_names_the_version_of_its_accounts_stream(office: Office) -> None:
    made = await create(office, account := str(uuid4()))
    await office.owner.execute(
        "insert into ledger.stream values ($1, 3, '2026-11-27')", f"account-{account}"
    )
    found = await api_keys.find(office.connection, made.key)
    assert found is not None
    assert found.account_version == 3


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"roles": ("admin", "petugas")}, "roles admin: the account holds petugas"),
        ({"roles": ()}, "neither a role nor a right"),
        ({"name": ""}, "0 characters"),
        ({"name": "x" * 81}, "81 characters"),
        ({"lifetime": timedelta(days=367)}, "367 days"),
        ({"lifetime": timedelta(0)}, "0 days"),
    ],
)
async def test_a_key_beyond_the_limits_is_refused(
    office: Office, given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ApiKeyRefused, match=reason):
        await create(office, str(uuid4()), **given)
    assert await office.owner.fetchval("select count(*) from access.api_key") == 0


async def test_a_key_may_have_the_right_to_the_log_alone(office: Office) -> None:
    made = await create(office, str(uuid4()), roles=(), rights=("log",), held=())
    found = await api_keys.find(office.connection, made.key)
    assert found is not None
    assert (set(found.roles), set(found.rights)) == (set(), {"log"})


async def test_a_changed_or_unknown_key_is_refused(office: Office) -> None:
    made = await create(office, str(uuid4()))
    other = await create(office, str(uuid4()))
    last = "A" if made.key[-2] != "A" else "B"
    secret = other.key.rsplit("_", 1)[0] + made.key[len("iku_") + 12 :]
    for key in (
        *("", "iku", made.key[:-1], f"{made.key} ", made.key[:-2] + last + "A"),
        *(secret, made.key.upper(), token.generate()),
    ):
        assert await api_keys.find(office.connection, key) is None, key


async def test_a_key_expires(office: Office) -> None:
    made = await create(office, account := str(uuid4()))
    await office.later("30 days 1 second")
    assert await api_keys.find(office.connection, made.key) is None
    [listed] = await api_keys.of_account(office.connection, account)
    assert (listed.valid, listed.revoked_at) == (False, None)


async def test_a_revoked_key_is_refused_at_once(office: Office) -> None:
    made = await create(office, account := str(uuid4()))
    kept = await create(office, account)
    assert not await api_keys.revoke(office.connection, str(uuid4()), made.id)
    assert await api_keys.find(office.connection, made.key) is not None
    assert await api_keys.revoke(office.connection, account, made.id)
    assert not await api_keys.revoke(office.connection, account, made.id)
    assert await api_keys.find(office.connection, made.key) is None
    assert await api_keys.find(office.connection, kept.key) is not None
    assert await api_keys.revoke_all(office.connection, account) == 1
    assert await api_keys.find(office.connection, kept.key) is None


async def test_a_keys_last_use_is_listed(office: Office) -> None:
    made = await create(office, account := str(uuid4()))
    [listed] = await api_keys.of_account(office.connection, account)
    assert (listed.name, listed.valid, listed.last_used_at) == ("monitor", True, None)
    await api_keys.find(office.connection, made.key)
    [first] = await api_keys.of_account(office.connection, account)
    assert first.last_used_at is not None
    await api_keys.find(office.connection, made.key)
    [again] = await api_keys.of_account(office.connection, account)
    assert again.last_used_at == first.last_used_at
    await office.later("2 minutes")
    await api_keys.find(office.connection, made.key)
    [later] = await api_keys.of_account(office.connection, account)
    assert later.last_used_at is not None
    assert later.last_used_at > first.last_used_at


async def test_the_secret_of_a_key_is_stored_as_a_hash(office: Office) -> None:
    """ASVS 7.2.3."""
    made = await create(office, str(uuid4()))
    [row] = await office.owner.fetch("select * from access.api_key")
    assert row["secret"] == token.digest(made.key.split("_", 2)[2])


async def test_a_key_is_found_by_one_select_through_indexes(office: Office) -> None:
    await office.owner.execute(
        """
        insert into access.account (account)
        select gen_random_uuid() from generate_series(1, 3000);
        insert into access.api_key
               (key, secret, account, name, roles, rights, expires_at)
        select account::text, sha256(''), account, 'x', '{}', '{log}',
               now() + interval '1 day'
          from access.account;
        analyze access.api_key;
        """
    )
    body = await office.owner.fetchval(
        "select prosrc from pg_proc where oid = 'access.valid_api_keys'::regproc"
    )
    statement = body.replace("_keys, _secrets", "array['a'], array[sha256('')]")
    statement = statement.rstrip(" ;\n")
    rows = await office.owner.fetch(f"explain (costs off) {statement}")
    plan = "\n".join(row[0] for row in rows)
    assert "Index Scan using api_key_pkey" in plan, plan
    assert "Seq Scan on api_key" not in plan
