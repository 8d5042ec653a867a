"""Import by pages: a file is checked, and then recorded as a whole or not at all."""

import asyncio
import io
import re
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from msgspec import structs

from iku.access.uploads import (
    BLOCK,
    LIFETIME_S,
    OF_ACCOUNT,
    SealedFile,
    Upload,
    Uploads,
)
from iku.app import App
from iku.exchange import example, journal_columns, kept_mappings
from iku.exchange.journal_layouts import LAYOUTS
from iku.exchange.table_output import XLSX
from iku.exchange.workbook_parts import column_letters
from iku.ledger import log
from iku.web.page_forms import KEY
from iku.web.pages import imports
from iku.web.pages.imports import LARGEST_FILE
from iku.web.visitor import form_key
from tests.exchange.test_column_mapping import HEADINGS as OWN_HEADINGS
from tests.exchange.test_column_mapping import MAPPING, ROW
from tests.exchange.workbooks import cells, filled, table, workbook
from tests.web.conftest import Client
from tests.web.pages.filling import read_form
from tests.web.pages.showing import read
from tests.web.pages.test_sizes import LARGEST_PAGE
from tests.web.people import Office
from tests.web.test_publications import THEN, YEAR, publish
from tests.web.test_rights import office

__all__ = ["office"]
SITE = "http://iku.test"
OWN = {"Origin": SITE}
HEADINGS = journal_columns.headings("konflik")
REPORT = {
    "diketahui_pada": "2021-05-03",
    "nomor": "K70",
    "peristiwa": "dilaporkan",
    "tanggal": "2021-05-03",
    "kategori": "ipoleksosbud",
    "dimensi": "politik",
    "judul": "Sengketa batas pasar malam",
}
WRONG = [*ROW[:6], "rembuk", None]
VERIFIED = {
    "diketahui_pada": "2021-05-04",
    "nomor": "K70",
    "peristiwa": "diverifikasi",
    "tanggal": "2021-05-04",
}


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def journal(*rows: dict[str, str]) -> bytes:
    lines = [",".join(quoted(row.get(name, "")) for name in HEADINGS) for row in rows]
    return "\n".join([",".join(HEADINGS), *lines, ""]).encode()


async def brought(client: Client, content: bytes, name: str = "konflik.csv") -> Any:
    """The answer to an uploaded file."""
    return await client.post(
        f"{SITE}/impor",
        data={KEY: "satu.x"},
        files={"berkas": (name, content, "text/csv")},
        headers=OWN,
    )


def digest(page: Any) -> str:
    """The field that carries the file."""
    found = re.search(r'name="sidik" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found[1]


async def recorded(client: Client, named: str, path: str = "/impor/catat") -> Any:
    return await client.post(
        f"{SITE}{path}", data={KEY: "dua.x", "sidik": named}, headers=OWN
    )


async def size(app: App) -> int:
    return (await log.head(app.pool)).size


async def test_a_file_is_checked_without_recording_and_then_recorded(
    loaded: Client, app: App
) -> None:
    before = await size(app)
    page = await brought(loaded, journal(REPORT, VERIFIED))
    assert page.status_code == 200
    assert "Impor 2 baris" in page.text
    assert "/konflik/K70" not in page.text  # it does not exist yet
    assert await size(app) == before
    done = await recorded(loaded, digest(page))
    assert done.status_code == 200
    assert await size(app) == before + 2
    shown = read(done.text)
    assert ("/konflik/K70", {}) in shown.links
    events = await loaded.history("/conflicts/K70")
    assert [one["type"] for one in events] == ["reported", "verified"]
    assert all(one["leaf"] in done.text for one in events)


async def test_the_effect_on_each_figure_is_what_is_counted_afterwards(
    loaded: Client,
) -> None:
    page = await brought(loaded, journal(REPORT, VERIFIED))
    numbers = read(page.text).numbers
    name = "IKU-1.2021-12-31.effect"
    before = await loaded.says("/figures", as_of="2021-12-31")
    done = await recorded(loaded, digest(page))
    assert done.status_code == 200
    after = await loaded.says("/figures", as_of="2021-12-31")
    for when, said in (("before", before), ("after", after)):
        [one] = [one for one in said["figures"] if one["indicator"] == "IKU-1"]
        for part in ("numerator", "denominator"):
            assert numbers[f"{name}.{when}.{part}"][0] == str(one[part])
    assert numbers[f"{name}.before.denominator"] != numbers[f"{name}.after.denominator"]


async def test_a_form_sent_twice_records_once(loaded: Client, app: App) -> None:
    before = await size(app)
    named = digest(await brought(loaded, journal(REPORT, VERIFIED)))
    both = await asyncio.gather(recorded(loaded, named), recorded(loaded, named))
    assert {one.status_code for one in both} == {200}
    assert await size(app) == before + 2
    leaf = (await loaded.history("/conflicts/K70"))[0]["leaf"]
    assert all(leaf in one.text for one in both)
    again = await brought(loaded, journal(REPORT, VERIFIED))
    assert "Impor 2 baris" not in again.text
    assert 'action="/impor/catat"' not in again.text


async def test_all_faults_are_shown_by_row_and_column(loaded: Client, app: App) -> None:
    before = await size(app)
    page = await brought(
        loaded,
        journal(
            REPORT,
            REPORT | {"nomor": "K71", "dimensi": "cuaca", "tanggal": "3 Mei 2021"},
            VERIFIED | {"nomor": "K999"},
            VERIFIED | {"judul": "tidak dipakai"},
        ),
    )
    assert page.status_code == 422
    shown = read(page.text)
    for row in (3, 4, 5):
        assert f"Baris {row}" in shown.text
    for column in ("dimensi", "tanggal", "judul"):
        assert f'href="/impor/konflik/kolom#{column}"' in page.text
    assert "cuaca" in shown.text
    assert 'action="/impor/catat"' not in page.text
    assert await size(app) == before


async def test_more_faults_than_are_listed_are_counted(loaded: Client) -> None:
    rows = [REPORT | {"nomor": f"Q{n}", "dimensi": "x"} for n in range(250)]
    page = await brought(loaded, journal(*rows))
    assert page.status_code == 422
    assert "200 pertama dari 250" in read(page.text).text
    assert len(page.text) < 80_000


async def test_the_workbook_of_the_faults_has_all_of_them_by_sheet_row_and_column(
    loaded: Client, app: App
) -> None:
    before = await size(app)
    rows = [REPORT | {"nomor": f"Q{n}", "dimensi": "=1+1"} for n in range(250)]
    page = await brought(loaded, workbook(Konflik=table(HEADINGS, *rows)), "a.xlsx")
    assert page.status_code == 422
    form = read_form(page.text, "/impor/periksa")
    book = await loaded.post(
        f"{SITE}{form.action}", data=dict(form.fields), headers=OWN
    )
    assert book.status_code == 200
    assert book.headers["Content-Type"] == XLSX
    headings, *found = [row for row in cells(book.content) if row[3:] and row[3]]
    assert headings[:4] == ["Lembar", "Baris", "Sel", "Kolom"]
    column = column_letters(HEADINGS.index("dimensi"))
    assert [row[:4] for row in found] == [
        ["Konflik", float(n), f"{column}{n}", "dimensi"] for n in range(2, 252)
    ]
    assert all("=1+1" in row[4] for row in found)
    assert await size(app) == before


async def test_a_workbook_of_faults_says_how_many_it_leaves_out(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MOST_IN_WORKBOOK", 10)
    page = await brought(reader, journal(*[REPORT | {"dimensi": "x"}] * 12))
    form = read_form(page.text, "/impor/periksa")
    book = await reader.post(
        f"{SITE}{form.action}", data=dict(form.fields), headers=OWN
    )
    rows = cells(book.content)
    assert sum(row[3] == "dimensi" for row in rows if len(row) > 3) == 10
    assert any("10 pertama dari 12" in str(row[0]) for row in rows)


async def test_the_workbook_of_what_was_recorded_records_nothing_more(
    loaded: Client, app: App
) -> None:
    done = await recorded(loaded, digest(await brought(loaded, journal(REPORT))))
    before = await size(app)
    form = read_form(done.text, "/impor/catat")
    book = await loaded.post(
        f"{SITE}{form.action}", data=dict(form.fields), headers=OWN
    )
    assert book.headers["Content-Type"] == XLSX
    leaf = (await loaded.history("/conflicts/K70"))[0]["leaf"]
    assert any(leaf in row for row in cells(book.content))
    assert await size(app) == before


async def test_a_file_that_is_no_longer_kept_is_asked_for_again(
    reader: Client,
) -> None:
    asked = {KEY: "dua.x", "sidik": "0" * 64}
    for query in ("", "?bentuk=xlsx"):
        lost = await reader.post(
            f"{SITE}/impor/periksa{query}", data=asked, headers=OWN
        )
        assert lost.status_code == 422
        assert 'id="berkas-error"' in lost.text
    other = await reader.post(
        f"{SITE}/impor/periksa?bentuk=ods", data=asked, headers=OWN
    )
    assert other.status_code == 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        "judul\n".encode("utf-16"),
        journal(REPORT | {"judul": "Café"}).decode().encode("latin-1"),
        b"PK\x03\x04\x14\x00\x06\x00\x08\x00\xff\xfe\x80",
        bytes(range(256)) * 40,
        b"\x00" * 2000,
        journal(REPORT) + b'"',
        (",".join([*HEADINGS, "warna"]) + "\n").encode(),
        (",".join(HEADINGS[1:]) + "\n").encode(),
        (",".join([*HEADINGS, "nomor"]) + "\n").encode(),
        journal(REPORT) + b"a,b\n",
        (",".join(HEADINGS) + "\n" + '"' + "x" * 200_000 + '"\n').encode(),
    ],
)
async def test_a_file_that_is_no_journal_gets_a_sentence(
    reader: Client, content: bytes
) -> None:
    page = await brought(reader, content)
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "Baris 1" in page.text or "Baris 2" in page.text or "Baris 3" in page.text
    assert 'action="/impor/catat"' not in page.text


@pytest.mark.parametrize(
    "title",
    [
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "a\u202eb",
        "a\x00b",
        "x" * 10_000,
        "'; drop table",
    ],
)
async def test_hostile_texts_are_shown_as_text(reader: Client, title: str) -> None:
    name = f"{title[:20]}.csv"
    page = await brought(reader, journal(REPORT | {"judul": title, "dimensi": title}))
    assert page.status_code == 422
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert "\x00" not in page.text
    assert len(page.text) < 40_000
    named = await brought(reader, journal(REPORT), name.replace("\x00", ""))
    assert named.status_code == 200
    assert "<script>alert" not in named.text
    assert "\u202e" not in named.text


async def test_rows_that_are_recorded_or_repeated_are_skipped_and_listed(
    loaded: Client,
) -> None:
    await recorded(loaded, digest(await brought(loaded, journal(REPORT))))
    longer = journal(REPORT, VERIFIED, VERIFIED)
    page = await brought(loaded, longer)
    shown = read(page.text)
    assert shown.numbers["import.repeated"][0] == "1"
    assert shown.numbers["import.identical"][0] == "1"
    assert "Impor 1 baris" in shown.text
    assert "Baris 4" in shown.text


async def test_a_report_like_a_case_of_the_register_is_pointed_out(
    loaded: Client,
) -> None:
    await recorded(loaded, digest(await brought(loaded, journal(REPORT))))
    twin = REPORT | {"nomor": "K72", "diketahui_pada": "2021-05-05"}
    page = await brought(loaded, journal(twin))
    assert ("/konflik/K70", {}) in read(page.text).links
    assert "Kasus serupa" in page.text


async def test_a_change_of_a_closed_period_is_announced_with_both_values(
    loaded: Client,
) -> None:
    await loaded.records("/publications", YEAR, Iku_Actor="ani")
    await publish(loaded, known_on=THEN)
    silent = await brought(loaded, journal(REPORT, VERIFIED))
    assert silent.status_code == 422  # the reason is missing
    assert "keterangan" in silent.text
    late = VERIFIED | {"keterangan": "Terlambat dilaporkan"}
    page = await brought(loaded, journal(REPORT, late))
    assert page.status_code == 200, page.text
    assert "Periode yang sudah ditutup akan berubah" in page.text
    assert re.search(r"IKU-1 .*2021.* (\d)/9 .*\1/10", read(page.text).text)


async def test_targets_are_shown_before_and_after(loaded: Client) -> None:
    content = (
        b"indikator,tahun,target,berlaku_mulai,dasar\nIKU-1,2021,91,2021-10-01,PK\n"
    )
    page = await brought(loaded, content, "target.csv")
    assert page.status_code == 200, page.text
    assert "91,00%" in page.text
    assert (await recorded(loaded, digest(page))).status_code == 200


async def test_a_journal_without_rows_is_no_fault(reader: Client) -> None:
    page = await brought(reader, journal())
    assert page.status_code == 200
    assert 'action="/impor/catat"' not in page.text


async def test_content_that_was_not_checked_is_not_recorded(
    loaded: Client, app: App
) -> None:
    before = await size(app)
    for named in ("", "0" * 64, "x", "\x00"):
        answer = await recorded(loaded, named)
        assert answer.status_code == 422
        assert 'id="berkas-error"' in answer.text
    assert await size(app) == before


async def test_a_register_that_has_changed_is_checked_again(
    loaded: Client, app: App
) -> None:
    page = await brought(loaded, journal(REPORT))
    other = journal(REPORT | {"judul": "Perkara lain"})
    assert (await recorded(loaded, digest(await brought(loaded, other)))).is_success
    before = await size(app)
    answer = await recorded(loaded, digest(page))
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert await size(app) == before


async def test_a_file_that_is_too_large_is_refused_with_the_limit(
    reader: Client,
) -> None:
    line = journal(REPORT).splitlines()[1] + b"\n"
    whole = journal() + line * (LARGEST_FILE // len(line) + 1)
    page = await brought(reader, whole)
    assert page.status_code == 413
    assert "8 MiB" in page.text
    assert 'action="/impor"' in page.text


async def test_a_form_that_is_no_upload_is_refused(reader: Client) -> None:
    plain = await reader.post(f"{SITE}/impor", data={KEY: "satu.x"}, headers=OWN)
    assert plain.status_code == 415
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\nContent-Disposition: form-data; name="berkas"; filename="a"\r\n\r\n1'
    for body in (cut, b"", b"--y\r\n\r\n", b"\xff" * 100):
        broken = await reader.post(f"{SITE}/impor", content=body, headers=OWN | kind)
        assert broken.status_code == 400, body
    empty = await reader.post(
        f"{SITE}/impor", files={"berkas": ("", b""), KEY: (None, "a")}, headers=OWN
    )
    assert empty.status_code == 422
    two = [("berkas", ("a", b"1")), ("berkas", ("b", b"2"))]
    assert (
        await reader.post(f"{SITE}/impor", files=two, headers=OWN)
    ).status_code == 400
    long = await reader.post(
        f"{SITE}/impor", files={"alasan": (None, "x" * 70_000)}, headers=OWN
    )
    assert long.status_code == 400


async def test_a_form_of_another_site_or_session_is_refused(office: Office) -> None:
    name = "verifikator-wasnas"
    files = {"berkas": ("a.csv", journal(REPORT), "text/csv")}
    stale = await office.ask(
        name, f"{SITE}/impor", "POST", data={KEY: "satu.x"}, files=files
    )
    assert stale.status_code == 403
    cross = {"Origin": "http://lain.test", "Sec-Fetch-Site": "cross-site"}
    forged = await office.ask(
        None, f"{SITE}/impor", "POST", data={KEY: "a"}, files=files, headers=cross
    )
    assert forged.status_code == 403


async def sent(office: Office, name: str, path: str, **fields: Any) -> Any:
    """The answer to a form of a member; `berkas` is a file."""
    member = office.members[name]
    content = fields.pop("berkas", None)
    data = {KEY: form_key(member.token, f"{name}{path}"), **fields}
    more = {} if content is None else {"files": {"berkas": ("a.csv", content)}}
    return await office.ask(name, f"{SITE}{path}", "POST", data=data, **more)


def today(office: Office, number: str, **more: str) -> dict[str, str]:
    day = office.app.commands.today().isoformat()
    return REPORT | {"nomor": number, "tanggal": day, "diketahui_pada": day} | more


async def test_whoever_may_not_import_is_refused(office: Office) -> None:
    for name in ("auditor", "perencana", "kepala_badan", "admin"):
        answer = await sent(
            office, name, "/impor", berkas=journal(today(office, "K80"))
        )
        assert answer.status_code == 403, name


async def test_a_verifier_imports_what_is_known_today(office: Office) -> None:
    name = "verifikator-wasnas"
    content = journal(today(office, "K81"))
    page = await sent(office, name, "/impor", berkas=content)
    assert "Impor 1 baris" in page.text
    done = await sent(office, name, "/impor/catat", sidik=digest(page))
    assert done.status_code == 200, done.text
    assert (await office.says(name, "/conflicts/K81"))["number"] == "K81"


async def test_a_checked_file_is_checked_again_for_its_account_alone(
    office: Office,
) -> None:
    name = "verifikator-wasnas"
    page = await sent(office, name, "/impor", berkas=journal(today(office, "K85")))
    path = "/impor/periksa?bentuk=xlsx"
    book = await sent(office, name, path, sidik=digest(page))
    assert book.headers["Content-Type"] == XLSX
    another = await sent(office, "petugas-wasnas", path, sidik=digest(page))
    assert another.status_code == 422
    for refused in ("auditor", "perencana", "kepala_badan", "admin"):
        answer = await sent(office, refused, path, sidik=digest(page))
        assert answer.status_code == 403, refused


async def test_a_row_of_another_division_is_a_fault(office: Office) -> None:
    name = "verifikator-poldagri"
    before = await size(office.app)
    page = await sent(office, name, "/impor", berkas=journal(today(office, "K82")))
    assert page.status_code == 422
    assert "Baris 2" in page.text
    assert await size(office.app) == before


async def test_declared_knowledge_is_recorded_after_another_person_approved(
    office: Office,
) -> None:
    name, content = "petugas-wasnas", journal(REPORT | {"nomor": "K83"})
    page = await sent(office, name, "/impor", berkas=content)
    assert page.status_code == 200, page.text
    assert "Impor 1 baris" not in page.text
    assert 'action="/impor/usulan"' in page.text
    named = digest(page)
    before = await size(office.app)
    early = await sent(office, name, "/impor/catat", sidik=named)
    assert early.status_code == 403
    silent = await sent(office, name, "/impor/usulan", sidik=named)
    assert silent.status_code == 422
    assert 'id="alasan-error"' in silent.text
    assert await size(office.app) == before
    made = await sent(office, name, "/impor/usulan", sidik=named, alasan="Buku 2021")
    assert made.status_code == 303, made.text
    proposal = made.headers["Location"]
    approved = await sent(office, "kepala_badan", proposal, type="approved")
    assert approved.status_code == 303, approved.text
    page = await sent(office, name, "/impor", berkas=content)
    assert "Impor 1 baris" in page.text
    done = await sent(office, name, "/impor/catat", sidik=digest(page))
    assert done.status_code == 200, done.text
    assert (await office.says(name, "/conflicts/K83"))["number"] == "K83"


async def test_the_file_of_another_account_is_not_found(office: Office) -> None:
    page = await sent(
        office, "verifikator-wasnas", "/impor", berkas=journal(today(office, "K84"))
    )
    answer = await sent(
        office, "kepala_bidang-wasnas", "/impor/catat", sidik=digest(page)
    )
    assert answer.status_code == 422
    assert 'id="berkas-error"' in answer.text


@pytest.mark.parametrize("name", LAYOUTS)
async def test_a_template_has_the_headings_and_is_an_empty_journal(
    reader: Client, name: str
) -> None:
    for delimiter in ("", "comma", "semicolon"):
        query = {"delimiter": delimiter} if delimiter else {}
        answer = await reader.get(f"{SITE}/impor/{name}/templat.csv", params=query)
        assert answer.headers["Content-Type"].startswith("text/csv")
        headings = answer.text.removeprefix("\ufeff").strip()
        assert re.split("[,;]", headings) == [*journal_columns.headings(name)]
        page = await brought(reader, answer.content)
        assert page.status_code == 200


def test_the_columns_of_an_event_are_those_of_its_layout() -> None:
    kinds = {one.event: one for one in journal_columns.row_kinds("konflik")}
    assert kinds["dilaporkan"].required == ("kategori", "dimensi", "judul")
    assert kinds["direklasifikasi"].required == ("kategori / dimensi",)
    assert kinds["nomor_dikoreksi"].required == ("ke_nomor", "keterangan")
    assert "sumber" in kinds["dilaporkan"].optional
    words = {one.heading: one.choices for one in journal_columns.columns("konflik")}
    assert "sara" in words["kategori"]
    assert words["judul"] == ()


@pytest.mark.parametrize("name", LAYOUTS)
async def test_every_column_is_described(reader: Client, name: str) -> None:
    page = await reader.get(f"{SITE}/impor/{name}/kolom")
    assert page.status_code == 200
    for heading in journal_columns.headings(name):
        assert f'id="{heading}"' in page.text
    layout = LAYOUTS[name]
    assert all(word in page.text for word in layout.statements)
    assert (await reader.get(f"{SITE}/impor/lain/kolom")).status_code in {400, 404}


async def test_a_workbook_is_checked_and_recorded_like_a_csv_file(
    loaded: Client, app: App
) -> None:
    before = await size(app)
    template = await loaded.get(f"{SITE}/impor/templat.xlsx")
    assert template.headers["Content-Type"] == XLSX
    wrong = [REPORT, REPORT | {"nomor": "K72", "dimensi": "cuaca"}]
    for content in (journal_book(*wrong), filled(template.content, Konflik=wrong)):
        page = await brought(loaded, content, "konflik.xlsx")
        assert page.status_code == 422
        shown = read(page.text)
        assert "Lembar Konflik, sel F3" in shown.text
        assert "Konflik (konflik)" in shown.text
        assert "/impor/konflik/kolom#dimensi" in page.text
    assert "Daftar: tersembunyi" in shown.text  # a sheet of the template
    page = await brought(loaded, journal_book(REPORT, VERIFIED), "konflik.xlsx")
    assert page.status_code == 200
    assert "Lembar Konflik, baris 3" in read(page.text).text
    assert await size(app) == before
    done = await recorded(loaded, digest(page))
    assert done.status_code == 200
    assert await size(app) == before + 2
    again = await brought(loaded, journal(REPORT, VERIFIED))
    assert read(again.text).numbers["import.repeated"][0] == "2"


FIELDS = re.compile(r'name="((?:kolom|isi)\.[^"]+)"')


async def test_the_form_of_a_mapping_offers_the_columns_of_each_event(
    reader: Client,
) -> None:
    for journal in ("konflik", "organisasi"):
        page = await reader.get(f"{SITE}/impor/{journal}/pemetaan")
        assert len(page.content) <= LARGEST_PAGE
        offered = {*FIELDS.findall(page.text)}
        for kind in journal_columns.row_kinds(journal):
            columns = [one for of in kind.required for one in of.split(" / ")]
            for column in (*columns, *kind.optional, "tanggal", "diketahui_pada"):
                names = (f"kolom.{kind.event}.{column}", f"isi.{kind.event}.{column}")
                assert offered.issuperset(names), names
    target = await reader.get(f"{SITE}/impor/target/pemetaan")
    assert "<details" not in target.text.partition("<main")[2]


async def test_a_column_that_only_a_file_named_stays_in_the_form(
    reader: Client, app: App
) -> None:
    own = structs.replace(
        MAPPING, columns={**MAPPING.columns, "ditolak.nomor": "Nomor lain"}
    )
    kept_mappings.keep(app.settings.home, "dari-berkas", own)
    shown = await reader.get(f"{SITE}/impor/konflik/pemetaan?name=dari-berkas")
    assert 'name="kolom.ditolak.nomor" value="Nomor lain"' in shown.text


def mapping_form(**more: str) -> dict[str, str]:
    """The fields of the form of a mapping."""
    columns = {f"kolom.{name}": value for name, value in MAPPING.columns.items()}
    constants = {f"isi.{name}": value for name, value in MAPPING.constants.items()}
    words = "cara: Damai = islah\ndimensi: Sos. = sosial"
    named = {"nama": "buku-konflik", "jurnal": "konflik", "kata": words}
    return {KEY: "tiga.x", **named, **columns, **constants, **more}


async def mapped(client: Client, content: bytes, name: str) -> Any:
    """The answer to an own register that was uploaded with a mapping."""
    return await client.post(
        f"{SITE}/impor",
        data={KEY: "satu.x", "pemetaan": name},
        files={"berkas": ("buku.xlsx", content)},
        headers=OWN,
    )


async def test_an_own_register_is_imported_by_a_mapping_that_is_kept(
    loaded: Client, app: App
) -> None:
    path = f"{SITE}/impor/pemetaan"
    empty = await loaded.get(f"{SITE}/impor/konflik/pemetaan")
    fields = dict.fromkeys(FIELDS.findall(empty.text), "")
    assert {f"kolom.{column}" for column in MAPPING.columns} <= fields.keys()
    made = await loaded.post(path, data=fields | mapping_form(), headers=OWN)
    assert made.status_code == 303, made.text
    assert "<option>buku-konflik</option>" in (await loaded.get(f"{SITE}/impor")).text
    shown = await loaded.get(f"{SITE}/impor/konflik/pemetaan?name=buku-konflik")
    assert 'value="Tgl Selesai"' in shown.text
    assert "cara: Damai = islah" in shown.text
    assert kept_mappings.find(app.settings.home, "buku-konflik") == MAPPING
    before = await size(app)
    content = workbook(Buku=[OWN_HEADINGS, ROW])
    page = await mapped(loaded, content, "buku-konflik")
    assert page.status_code == 200, page.text
    assert "Impor 3 baris" in page.text
    assert "Lembar Buku, baris 2" in read(page.text).text
    fields = {KEY: "dua.x", "sidik": digest(page), "pemetaan": "buku-konflik"}
    columns = kept_mappings.find(app.settings.home, "buku-konflik")
    stale = fields | {"sidik_pemetaan": "0" * 64}
    changed = await loaded.post(f"{SITE}/impor/catat", data=stale, headers=OWN)
    assert changed.status_code == 409
    assert await size(app) == before
    whole = fields | {"sidik_pemetaan": columns.digest}
    done = await loaded.post(f"{SITE}/impor/catat", data=whole, headers=OWN)
    assert done.status_code == 200, done.text
    assert await size(app) == before + 3
    wrong = await mapped(loaded, workbook(Buku=[OWN_HEADINGS, WRONG]), "buku-konflik")
    assert "Lembar Buku, sel G2" in read(wrong.text).text
    unknown = await mapped(loaded, content, "lain")
    assert unknown.status_code == 422
    assert 'id="pemetaan-error"' in unknown.text


async def test_a_mapping_that_is_wrong_keeps_what_was_typed(reader: Client) -> None:
    path = f"{SITE}/impor/pemetaan"
    for more in (
        {"nama": "../x"},
        {"kolom.nomor": ""},
        {"kata": "damai"},
        {"jurnal": "x"},
    ):
        answer = await reader.post(path, data=mapping_form(**more), headers=OWN)
        assert answer.status_code == 422, more
        assert 'role="alert"' in answer.text
    unknown = await reader.get(f"{SITE}/impor/konflik/pemetaan?name=tidak-ada")
    assert unknown.status_code == 404
    typed = await reader.post(path, data=mapping_form(nama="A"), headers=OWN)
    assert 'value="Uraian Kejadian"' in typed.text


def journal_book(*rows: dict[str, str]) -> bytes:
    return workbook(Konflik=table(HEADINGS, *rows))


async def test_a_bomb_is_refused_with_a_sentence(reader: Client) -> None:
    file = io.BytesIO(journal_book(REPORT))
    with ZipFile(file, "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b" " * (80 << 20))
    page = await brought(reader, file.getvalue(), "bom.xlsx")
    assert page.status_code == 422
    assert "64 MiB" in page.text


async def test_the_example_register_is_checked_within_the_page(
    client: Client,
) -> None:
    for name, content in example.read_journals().items():
        page = await brought(client, content, name)
        assert page.status_code == 200, page.text
        assert len(page.text) < 40_000
        done = await recorded(client, digest(page))
        assert done.status_code == 200, done.text
        assert len(done.text) < 40_000


def test_a_sealed_file_reads_what_was_written_from_any_place() -> None:
    content = bytes(range(256)) * 1000
    sealed = SealedFile()
    for at in range(0, len(content), 999):
        sealed.write(content[at : at + 999])
    first, second = sealed.open(), sealed.open()
    assert first.read() == second.read() == content
    for place in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, len(content)):
        first.seek(place)
        assert first.read(70_000) == content[place : place + 70_000]
    assert content[:64] not in sealed._file.read(-1)


def test_files_are_kept_for_an_hour_and_a_few_for_each_account() -> None:
    now = [0.0]
    uploads = Uploads(lambda: now[0])
    files = []
    for n in range(OF_ACCOUNT + 1):
        file = SealedFile()
        file.write(str(n).encode())
        files.append(file)
        uploads.keep("a", Upload("x", "text/csv", file))
    assert uploads.find("a", files[0].sha256) is None
    assert uploads.find("b", files[1].sha256) is None
    found = uploads.find("a", files[1].sha256)
    assert found is not None
    assert found.file is files[1]
    now[0] = LIFETIME_S
    assert uploads.find("a", files[1].sha256) is None
