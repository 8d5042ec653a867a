from datetime import date
from pathlib import Path

import asyncpg
import pytest

from iku.access import totp
from iku.access.secrets import Sealed, Secrets
from iku.vault.keys import Keys, KeysError
from tests.access.enrolling import Office, code

TODAY = date(2026, 11, 27)


def test_the_keys_are_apart_from_those_of_texts(tmp_path: Path) -> None:
    texts = Keys(tmp_path / "keys")
    texts.current_epoch(TODAY)
    secrets = Secrets(tmp_path / "keys", lambda: TODAY)
    secrets.seal("a", b"seed")
    names = {str(p.relative_to(tmp_path / "keys")) for p in tmp_path.rglob("*.key")}
    assert names == {
        *("2026-11.key", "digest.key"),
        *("access/2026-11.key", "access/digest.key"),
    }
    assert texts.key("2026-11") != secrets.keys.key("2026-11")
    assert texts.epochs() == ["2026-11"]
    assert (tmp_path / "keys" / "access").stat().st_mode & 0o777 == 0o700


def test_a_seed_opens_for_its_owner_only(secrets: Secrets, tmp_path: Path) -> None:
    sealed = secrets.seal("a", b"seed")
    assert b"seed" not in sealed.bytes
    assert secrets.unseal("a", sealed) == b"seed"
    for owner, other in (
        ("b", sealed),
        ("a", Sealed(sealed.epoch, sealed.bytes[:-1] + b"x")),
    ):
        with pytest.raises(KeysError, match="cannot be decrypted"):
            secrets.unseal(owner, other)
    with pytest.raises(KeysError, match="lacks the key of epoch 2020-01"):
        secrets.unseal("a", Sealed("2020-01", sealed.bytes))


def test_hashes_of_names_and_addresses_need_the_key(tmp_path: Path) -> None:
    one, other = (Secrets(tmp_path / name, lambda: TODAY) for name in ("a", "b"))
    assert one.digest("name", "siti") == one.digest("name", "siti")
    assert one.digest("name", "siti") != one.digest("address", "siti")
    assert one.digest("name", "siti") != other.digest("name", "siti")


async def test_a_rotation_seals_every_seed_under_a_new_key(office: Office) -> None:
    holder = await office.enrolled()
    other = await office.enrolled("budi")
    assert await office.secrets.rotate(office.connection) == ("2026-11.2", 2)
    epochs = await office.owner.fetch("select distinct key_epoch from access.totp")
    assert [row[0] for row in epochs] == ["2026-11.2"]
    await office.secrets.destroy(office.connection, "2026-11")
    assert office.secrets.keys.epochs() == ["2026-11.2"]
    for one in (holder, other):
        assert await totp.verify(
            office.connection, office.secrets, one.account, code(one.seed)
        )


async def test_a_key_that_the_folder_lacks_is_not_destroyed(office: Office) -> None:
    with pytest.raises(KeysError, match="2020-01 is not in the key folder"):
        await office.secrets.destroy(office.connection, "2020-01")


async def test_a_key_in_use_is_not_destroyed(office: Office) -> None:
    holder = await office.enrolled()
    with pytest.raises(KeysError, match="still encrypts"):
        await office.secrets.destroy(office.connection, "2026-11")
    assert await totp.verify(
        office.connection, office.secrets, holder.account, code(holder.seed)
    )


async def test_no_seed_is_sealed_under_a_key_that_was_destroyed(
    office: Office,
) -> None:
    holder = await office.enrolled()
    stale = office.secrets.seal("a", b"seed")
    await office.secrets.rotate(office.connection)
    await office.secrets.destroy(office.connection, stale.epoch)
    with pytest.raises(asyncpg.SerializationError, match="destroyed meanwhile"):
        await office.connection.execute(
            "select access.add_totp(gen_random_uuid(), $1, $2, $3)",
            holder.account,
            stale.epoch,
            stale.bytes,
        )


async def test_a_rotation_that_cannot_open_a_seed_changes_nothing(
    office: Office,
) -> None:
    await office.enrolled()
    await office.enrolled("budi")
    await office.owner.execute(
        """
        update access.totp set sealed = 'x'
         where totp = (select totp from access.totp order by totp desc limit 1)
        """
    )
    with pytest.raises(KeysError, match="cannot be decrypted"):
        await office.secrets.rotate(office.connection)
    epochs = await office.owner.fetch("select distinct key_epoch from access.totp")
    assert [row[0] for row in epochs] == ["2026-11"]
