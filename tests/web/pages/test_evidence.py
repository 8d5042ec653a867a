"""The log as an auditor reads it, and what vouches for it."""

import io
import zipfile

from tests.web.conftest import CASE, Client
from tests.web.pages.showing import read
from tests.web.test_tree import home, vkey

__all__ = ["home", "vkey"]
SITE = "http://iku.test"


async def test_the_last_events_are_shown_first(reader: Client) -> None:
    size = (await reader.says("/log/events"))["size"]
    page = read((await reader.get(f"{SITE}/bukti")).text)
    assert page.numbers["log.size"] == (str(size), str(size))
    assert f" {size} " in page.text
    before = await reader.get(f"{SITE}/bukti", params={"after": "0"})
    assert "/konflik/" in before.text or "/organisasi/" in before.text


async def test_the_log_is_filtered_by_actor_day_and_type(loaded: Client) -> None:
    await loaded.records("/conflicts", CASE | {"number": "K77"}, Iku_Actor="dewi")
    shown = read((await loaded.get(f"{SITE}/bukti", params={"actor": "dewi"})).text)
    assert "K77" in shown.text
    none = await loaded.get(
        f"{SITE}/bukti", params={"actor": "dewi", "type": "verified"}
    )
    assert "Tidak ada peristiwa yang cocok." in none.text
    long_ago = {"from": "2020-01-01", "to": "2020-01-02"}
    none = await loaded.get(f"{SITE}/bukti", params=long_ago)
    assert "Tidak ada peristiwa yang cocok." in none.text
    wrong = await loaded.get(
        f"{SITE}/bukti", params={"from": "2021-01-02", "to": "2021-01-01"}
    )
    assert wrong.status_code == 400


async def test_it_shows_what_was_known_at_a_size(loaded: Client) -> None:
    await loaded.records("/conflicts", CASE | {"number": "K77"}, Iku_Actor="dewi")
    size = (await loaded.says("/log/events"))["size"]
    shown = await loaded.get(f"{SITE}/bukti", params={"ukuran": str(size - 1)})
    assert "dewi" not in shown.text
    beyond = await loaded.get(f"{SITE}/bukti", params={"ukuran": str(size + 1)})
    assert beyond.status_code == 400


async def test_events_of_a_later_day_are_left_out_and_counted(loaded: Client) -> None:
    await loaded.records("/conflicts", CASE | {"number": "K77"}, Iku_Actor="dewi")
    shown = await loaded.get(f"{SITE}/bukti", params={"per": "2020-01-01"})
    assert "K77" not in shown.text
    assert "baru berlaku pada tanggal yang lebih kemudian" in shown.text


async def test_without_a_checkpoint_there_is_no_bundle(reader: Client) -> None:
    answer = await reader.get(f"{SITE}/bukti/berkas")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_the_bundle_is_an_archive_of_the_signed_log(
    client: Client, vkey: str
) -> None:
    answer = await client.get(f"{SITE}/bukti/berkas")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
    assert "bukti/checkpoint" in names
    assert "bukti/policy.txt" in names
    assert vkey
