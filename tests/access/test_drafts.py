"""Drafts, and forms that were sent without a session."""

import re
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from iku.access import accounts, drafts, filled_forms
from iku.access.drafts import DraftTooLong, FormPlace
from iku.access.secrets import Purpose, Secrets, draft_owner
from iku.vault.keys import KeysError
from tests.access.enrolling import Office

PLACE = FormPlace("/konflik/K14/catat/handled", ("conflict-K14",))
NEW = FormPlace("/konflik/baru")
FIELDS = (("kunci", "abc"), ("title", "Sengketa di Balai\nkota"), ("note", "ä\x07"))
OWN, OTHER = str(uuid4()), str(uuid4())


async def keep(office: Office, account: str, place: FormPlace = NEW) -> datetime:
    return await drafts.save(office.connection, office.secrets, account, place, FIELDS)


async def find(
    office: Office, account: str, place: FormPlace = NEW
) -> drafts.FormDraft | None:
    return await drafts.find(office.connection, office.secrets, account, place.path)


async def test_a_draft_is_found_again_by_its_account_and_form_only(
    office: Office,
) -> None:
    saved_at = await keep(office, OWN)
    assert await find(office, OWN) == drafts.FormDraft(FIELDS, saved_at)
    assert await find(office, OTHER) is None
    assert await find(office, OWN, PLACE) is None


async def test_a_draft_is_sealed_in_the_database(office: Office) -> None:
    await keep(office, OWN)
    [row] = await office.owner.fetch("select sealed from access.draft")
    assert b"Sengketa" not in row["sealed"]
    epoch = office.secrets.keys.epochs()[0]
    await office.owner.execute("update access.draft set account = $1", OTHER)
    assert await find(office, OTHER) is None, epoch


async def test_a_form_has_one_draft_the_latest(office: Office) -> None:
    await keep(office, OWN)
    later = (("title", "Lain"),)
    await drafts.save(office.connection, office.secrets, OWN, NEW, later)
    found = await find(office, OWN)
    assert found is not None
    assert found.fields == later
    assert len(await drafts.listing(office.connection, OWN)) == 1


async def test_the_list_has_the_latest_draft_first(office: Office) -> None:
    for place in (NEW, PLACE):
        await keep(office, OWN, place)
    await office.owner.execute(
        "update access.draft set saved_at = now() - interval '1 hour' where path = $1",
        NEW.path,
    )
    listed = await drafts.listing(office.connection, OWN)
    assert [one.path for one in listed] == [PLACE.path, NEW.path]
    assert await drafts.listing(office.connection, OTHER) == []


async def test_a_removed_draft_is_gone(office: Office) -> None:
    await keep(office, OWN)
    assert await drafts.remove(office.connection, OWN, NEW.path)
    assert not await drafts.remove(office.connection, OWN, NEW.path)
    assert await find(office, OWN) is None


async def test_a_draft_is_deleted_after_thirty_days(office: Office) -> None:
    await keep(office, OWN)
    await office.owner.execute(
        "update access.draft set saved_at = now() - interval '30 days'"
    )
    assert await find(office, OWN) is None
    assert await drafts.listing(office.connection, OWN) == []
    await accounts.purge_expired_records(office.connection)
    assert await office.owner.fetchval("select count(*) from access.draft") == 0


async def test_an_account_keeps_its_latest_fifty_drafts(office: Office) -> None:
    for index in range(52):
        await keep(office, OWN, FormPlace(f"/konflik/K{index}/catat/handled"))
    await keep(office, OTHER)
    assert len(await drafts.listing(office.connection, OWN)) == 50
    assert len(await drafts.listing(office.connection, OTHER)) == 1


async def test_a_draft_that_is_too_long_is_refused(office: Office) -> None:
    long = (("note", "x" * drafts.LONGEST),)
    with pytest.raises(DraftTooLong, match="at most 262,144 are kept"):
        await drafts.save(office.connection, office.secrets, OWN, NEW, long)
    longest = (("note", "x" * (drafts.LONGEST - 20)),)
    await drafts.save(office.connection, office.secrets, OWN, NEW, longest)


async def test_the_erasure_of_a_subject_deletes_the_drafts_about_it(
    office: Office,
) -> None:
    person = str(uuid4())
    await keep(office, OWN, PLACE)
    await keep(office, OTHER, PLACE)
    about = (("reporter", f'{{"name": "A", "subject": "{person}"}}'),)
    await drafts.save(office.connection, office.secrets, OWN, NEW, about)
    await drafts.erase(office.connection, "conflict-K15")
    assert len(await drafts.listing(office.connection, OWN)) == 2
    await drafts.erase(office.connection, "conflict-K14")
    assert [d.path for d in await drafts.listing(office.connection, OWN)] == [NEW.path]
    assert await drafts.listing(office.connection, OTHER) == []
    await drafts.erase(office.connection, person)
    assert await drafts.listing(office.connection, OWN) == []


async def test_a_forgotten_account_has_no_drafts(office: Office) -> None:
    holder = await office.enrolled()
    await keep(office, holder.account)
    assert await accounts.delete_credentials(office.connection, holder.account)
    assert await drafts.listing(office.connection, holder.account) == []


async def test_a_restore_deletes_all_drafts(office: Office) -> None:
    await keep(office, OWN)
    await office.connection.execute("select access.end_all()")
    assert await find(office, OWN) is None


async def test_a_rotation_seals_drafts_under_the_new_key(office: Office) -> None:
    await keep(office, OWN)
    old = office.secrets.keys.epochs()[0]
    assert await office.secrets.rotate(office.connection) == ("2026-11.2", 0)
    await office.secrets.destroy(office.connection, old)
    found = await find(office, OWN)
    assert found is not None
    assert found.fields == FIELDS


async def test_a_key_that_seals_a_draft_is_not_destroyed(office: Office) -> None:
    await keep(office, OWN)
    old = office.secrets.keys.epochs()[0]
    office.secrets.keys.start_epoch(date(2026, 11, 27))
    with pytest.raises(KeysError, match="still encrypts"):
        await office.secrets.destroy(office.connection, old)


async def test_a_draft_whose_key_is_lost_is_no_draft(office: Office) -> None:
    await keep(office, OWN)
    await office.owner.execute("update access.draft set key_epoch = '2020-01'")
    assert await find(office, OWN) is None


def seal(secrets: Secrets, fields: drafts.Fields = FIELDS) -> str:
    sealed = filled_forms.seal(secrets, OWN, NEW.path, fields, NOW)
    assert sealed is not None
    return sealed


NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)


def test_a_sealed_form_opens_for_its_account_and_path_only(secrets: Secrets) -> None:
    sealed = seal(secrets)
    assert re.fullmatch(r"2026-11\.[\w-]+", sealed)
    assert "Sengketa" not in sealed
    assert filled_forms.unseal(secrets, OWN, NEW.path, sealed, NOW) == FIELDS
    assert filled_forms.unseal(secrets, OTHER, NEW.path, sealed, NOW) is None
    assert filled_forms.unseal(secrets, OWN, PLACE.path, sealed, NOW) is None


def test_a_sealed_form_expires(secrets: Secrets) -> None:
    sealed = seal(secrets)
    last = NOW + filled_forms.LIFETIME - timedelta(seconds=1)
    assert filled_forms.unseal(secrets, OWN, NEW.path, sealed, last) == FIELDS
    after = NOW + filled_forms.LIFETIME
    assert filled_forms.unseal(secrets, OWN, NEW.path, sealed, after) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB"),
        lambda sealed: sealed.replace("2026-11", "2026-10"),
        lambda sealed: sealed.replace("2026-11", "../digest"),
        lambda sealed: sealed.partition(".")[2],
        lambda _: "",
        lambda _: "2026-11.",
        lambda _: "2026-11.ä",
    ],
)
def test_a_changed_form_does_not_open(secrets: Secrets, change: object) -> None:
    changed = change(seal(secrets))  # type: ignore[operator]
    assert filled_forms.unseal(secrets, OWN, NEW.path, changed, NOW) is None


def test_a_sealed_form_is_no_draft(secrets: Secrets) -> None:
    owner = draft_owner(OWN, NEW.path)
    sealed = secrets.seal(owner, b"[]", Purpose.DRAFT)
    with pytest.raises(KeysError):
        secrets.unseal(owner, sealed, Purpose.FORM)


def test_a_form_that_is_too_long_is_not_sealed(secrets: Secrets) -> None:
    long = (("note", "x" * drafts.LONGEST),)
    assert filled_forms.seal(secrets, OWN, NEW.path, long, NOW) is None
