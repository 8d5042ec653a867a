from uuid import uuid4

from iku.access import text_access_log
from tests.access.enrolling import Office


async def test_openings_are_listed_by_subject_and_by_account(office: Office) -> None:
    ani, budi = str(uuid4()), str(uuid4())
    await text_access_log.record(
        office.connection, ani, [("conflict-K1", 1), ("conflict-K1", 2)]
    )
    await text_access_log.record(office.connection, budi, [("conflict-K2", 1)])
    await text_access_log.record(office.connection, budi, [])
    found = await text_access_log.entries(office.connection)
    assert {(one.account, one.stream, one.version) for one in found} == {
        (ani, "conflict-K1", 1),
        (ani, "conflict-K1", 2),
        (budi, "conflict-K2", 1),
    }
    by_subject = await text_access_log.entries(office.connection, stream="conflict-K1")
    assert {one.account for one in by_subject} == {ani}
    by_account = await text_access_log.entries(office.connection, account=budi)
    assert {one.stream for one in by_account} == {"conflict-K2"}
    assert (
        await text_access_log.entries(
            office.connection, stream="conflict-K1", account=budi
        )
        == []
    )


async def test_openings_of_one_hour_are_one_row(office: Office) -> None:
    events = [("conflict-K1", 1), ("conflict-K1", 1)]
    await text_access_log.record(office.connection, ani := str(uuid4()), events)
    await text_access_log.record(office.connection, ani, events)
    assert len(await text_access_log.entries(office.connection)) == 1
    await office.later("1 hour")
    await text_access_log.record(office.connection, ani, events)
    assert len(await text_access_log.entries(office.connection)) == 2


async def test_many_openings_are_recorded_at_once_and_read_page_by_page(
    office: Office,
) -> None:
    events = [(f"conflict-K{n:05}", 1) for n in range(2_000)]
    await text_access_log.record(office.connection, str(uuid4()), events)
    read: list[str] = []
    before = None
    while page := await text_access_log.entries(
        office.connection, before=before, limit=300
    ):
        read += [one.stream for one in page]
        before = page[-1].number
    assert sorted(read) == [stream for stream, _ in events]
    assert len(read) == 2_000
