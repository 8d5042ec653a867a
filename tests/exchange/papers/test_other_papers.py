"""What the papers beside LKjIP and the quarterly ones print, and who may make them."""

from datetime import date
from typing import Any

import pytest

from iku.commands.command import Command
from iku.domain.access import Actor, Forbidden, Unauthenticated
from iku.domain.account import Grant, Invited, Role, RoleGranted
from iku.domain.conflict import Category, Dimension, Reported
from iku.domain.decider import SubjectNotFound
from iku.domain.fact import Person
from iku.domain.paper_data import LetterheadSet, SignerSet
from iku.domain.question import UnknownReference
from iku.exchange.papers import missing, registry, table_csv
from iku.exchange.papers.document import (
    Document,
    Paragraph,
    Table,
    Terms,
    printed,
)
from iku.exchange.papers.registry import PAPERS, PaperScope
from iku.exchange.papers.sources import PaperRequest, Participants
from iku.exchange.papers.words import say
from iku.postgres.pool import Plain
from iku.projections.rebuild import rebuild
from iku.queries.figure_parameters import Moment
from iku.queries.view import PUBLIC, Viewer
from tests.exchange.papers.conftest import YEAR, Make, sources
from tests.exchange.papers.printing import pdf
from tests.exchange.papers.test_published_tables import state
from tests.queries.test_publications import close, publish
from tests.registers.world import World

JUNE = Moment(date(2021, 12, 31), date(2022, 6, 30))
PLACE, SHEET = "Tempat penandatanganan", "lembar-perkara"


def rows(table: Table) -> list[list[str]]:
    """The printed cells of all rows."""
    return [
        [
            printed(cell, c.kind)
            for cell, c in zip(row.cells, table.columns, strict=True)
        ]
        for row in (*table.rows, *table.footer)
    ]


def all_text(document: Document) -> str:
    return "\n".join("\n".join(map(str, rows(one))) for one in document.tables)


@pytest.mark.usefixtures("published")
async def test_the_annex_adds_up_to_its_figures(make: Make) -> None:
    first, third = (await make("daftar-konflik", publication="2021")).tables
    assert rows(first)[-1][5:7] == ["9", "8"]
    assert rows(third)[-1][5:7] == ["4", "3"]
    assert rows(first)[0][:5] == ["1", "K01", "10-11-2020", "15-02-2021", "selesai"]
    assert "K07" not in [row[1] for row in rows(third)]


@pytest.mark.usefixtures("published")
async def test_only_internal_editions_have_texts_and_they_are_never_issued(
    make: Make,
) -> None:
    for public, internal, text in (
        ("daftar-konflik", "daftar-konflik-internal", "Sengketa lapak pedagang pasar"),
        ("rekap-ormas", "rekap-ormas-internal", "Ormas Contoh 10"),
        ("perubahan", "perubahan-internal", "belum ditandatangani semua pihak"),
    ):
        asked: dict[str, Any] = {"publication": "2021"}
        if PAPERS[public].scope is PaperScope.COORDINATES:
            asked = {"moment": JUNE}
        assert text not in all_text(await make(public, **asked))
        assert text in all_text(document := await make(internal, **asked))
        assert document.internal
        assert PAPERS[public].issued
        assert not PAPERS[internal].issued


@pytest.mark.usefixtures("published")
async def test_changes_after_publication_add_up_to_the_difference(make: Make) -> None:
    figures, events = (await make("perubahan-internal", publication="2021")).tables
    first, second, third = rows(figures)
    assert first[2:6] == ["8/9\n88,89%", "7/9\n77,78%", "-1 / 0", "-11,11"]
    assert second[2:6] == ["32/38\n84,21%", "33/38\n86,84%", "+1 / 0", "2,63"]
    assert third[4:6] == ["nihil", "0,00"]
    [moved] = [row for row in rows(events) if row[1] == "IKU-1"]
    assert moved[4:8] == [
        *("-1 / 0", "pembatalan"),
        "kasus K10\nSaling klaim kepengurusan cabang partai",
        "dibatalkan (peristiwa 145)",
    ]


async def test_a_publication_without_later_changes_says_so(
    world: World, make: Make
) -> None:
    await publish(world, YEAR)
    document = await make("perubahan", publication="2021")
    figures, events = document.tables
    assert {row[4] for row in rows(figures)} == {"nihil"}
    assert events.rows == ()
    assert events.empty == "Nihil"


async def test_the_recap_counts_organisations_by_kind_and_adds_up(make: Make) -> None:
    kinds, districts, annex = (await make("rekap-ormas", moment=JUNE)).tables
    found = {row[0]: row[1:] for row in rows(kinds)}
    assert found["Jumlah"] == ["38", "11", "3", "15", "0", "2", "33", "86,84%"]
    assert found["Parpol"][0] == "9"
    assert rows(districts)[-1] == ["Jumlah", "38", "33", "86,84%"]
    assert len(annex.rows) == 40
    assert sum(row[-2] == "ya" for row in rows(annex)) == 38


async def test_the_agreement_has_the_first_targets_and_its_revision_the_changed_ones(
    make: Make,
) -> None:
    first = next((await make("perjanjian-kinerja", moment=JUNE)).tables)
    assert [row[3] for row in rows(first)] == ["80,00%", "75,00%", "90,00%"]
    revised = next((await make("perjanjian-kinerja-perubahan", moment=JUNE)).tables)
    [row] = rows(revised)
    assert row[3:] == [
        *("75,00%", "80,00%", "01-09-2021"),
        "PK Perubahan 2021 (contoh fiktif)",
    ]
    august = Moment(date(2021, 8, 31))
    before = await make("perjanjian-kinerja-perubahan", moment=august)
    assert next(before.tables).rows == ()


async def test_the_annex_of_indicators_is_that_of_the_decree(make: Make) -> None:
    document = await make("lampiran-iku", moment=JUNE)
    table = next(document.tables)
    first = rows(table)[0]
    assert first[1:3] == [
        "Menguatnya ketahanan sosial masyarakat",
        "Persentase konflik IPOLEKSOSBUD yang diselesaikan",
    ]
    assert first[4].endswith("Polres, Kodim, Kominda, FKDM, PKS")
    assert first[5] == "Bidang Kewaspadaan Nasional dan Penanganan Konflik"


async def test_the_metadata_name_each_option_of_a_definition(make: Make) -> None:
    cases, organisations, _ = (await make("metadata-ms-ind", moment=JUNE)).tables
    counted = dict(rows(cases))["Definisi"].splitlines()
    assert counted[:2] == [
        "Kategori: IPOLEKSOSBUD",
        "Tingkat terendah yang dihitung: perseteruan",
    ]
    assert counted[5].startswith("Cara yang menyelesaikan kasus: islah, kesepakatan")
    active = dict(rows(organisations))["Definisi"]
    assert "Banyaknya partisipasi agar organisasi aktif: 1\n" in active


@pytest.mark.usefixtures("published")
async def test_open_data_has_a_row_for_each_figure_with_its_number(make: Make) -> None:
    document = await make("data-terbuka", publication="2021")
    found = table_csv.document(document).splitlines()
    assert len(found) == 4
    assert found[1].startswith("2021,1,IKU-1,")
    assert ",8,9,88.89,80.00,111.11," in found[1]
    assert found[1].endswith(document.figures[0])


async def test_a_paper_without_a_signer_is_a_draft_that_says_so(
    world: World, make: Make
) -> None:
    of = await publish(world, YEAR)
    document = await make("lkjip", publication=of)
    assert [say(one.what) for one in document.draft] == ["penanda tangan Kepala Badan"]
    assert document.letterhead[0] == "Pemerintah Kota Mojokerto"
    signer = SignerSet(
        office="kepala_badan",
        office_title="Kepala Badan Kesatuan Bangsa dan Politik",
        signer_name="Contoh Satu, S.H.",
        effective_on=date(2020, 1, 1),
    )
    head = LetterheadSet(
        lines=("Pemerintah Kota Contoh", "Badan Contoh"),
        place="Contoh",
        effective_on=date(2020, 1, 1),
    )
    await state(world, signer, head)

    signed = await make("lkjip", publication=of, signed_on=date(2022, 1, 20))

    assert signed.draft == ()
    assert signed.letterhead == ("Pemerintah Kota Contoh", "Badan Contoh")
    assert signed.signatures is not None
    assert signed.signatures.place == "Contoh"
    assert signed.signatures.signed_on == date(2022, 1, 20)
    assert signed.signatures.blocks[0].name == "Contoh Satu, S.H."
    assert signed.signatures.blocks[0].nip is None


async def test_a_closed_publication_is_printed_as_a_draft(
    world: World, make: Make
) -> None:
    document = await make("lkjip", publication=await close(world, YEAR))
    assert document.draft[0] == missing.REVIEW


async def test_figures_that_are_not_frozen_have_no_papers(
    world: World, make: Make
) -> None:
    with pytest.raises(UnknownReference):
        await make("lkjip", publication="2021")


async def test_the_minutes_of_a_settlement_leave_open_what_nobody_recorded(
    make: Make,
) -> None:
    document = await make("berita-acara-penyelesaian", subject="K01", moment=JUNE)
    [terms] = [one for one in document.sections[0].blocks if isinstance(one, Terms)]
    found = dict(terms.rows)
    assert found["Pokok perkara"] == "Sengketa lapak pedagang pasar"
    assert found["Isi kesepakatan"] == "Berita acara kesepakatan"
    assert found["Cara penyelesaian"] == "mediasi"
    open_ = [found[one] for one in ("Mediator", "Saksi-saksi", PLACE)]
    assert open_ == [None, None, None]
    given = Participants(
        mediator="Ibu Contoh", witnesses=("Pak Satu", "Pak Dua"), place="Kelurahan"
    )
    document = await make(
        "berita-acara-penyelesaian", subject="K01", moment=JUNE, participants=given
    )
    [terms] = [one for one in document.sections[0].blocks if isinstance(one, Terms)]
    found = dict(terms.rows)
    filled = [found[one] for one in ("Mediator", "Saksi-saksi", PLACE)]
    assert filled == ["Ibu Contoh", "Pak Satu\nPak Dua", "Kelurahan"]
    assert document.signatures is not None
    assert document.signatures.place == "Kelurahan"
    assert [(one.office, one.name) for one in document.signatures.blocks] == [
        *(("Pihak pertama", None), ("Pihak kedua", None)),
        *(("Saksi", "Pak Satu"), ("Saksi", "Pak Dua"), ("Mediator", "Ibu Contoh")),
    ]
    with pytest.raises(SubjectNotFound):
        await make("berita-acara-penyelesaian", subject="K12", moment=JUNE)


async def test_the_sheet_of_a_case_has_its_whole_history(make: Make) -> None:
    document = await make("lembar-perkara", subject="K10", moment=JUNE)
    kinds = [row[1] for row in rows(next(document.tables))]
    assert kinds == ["dilaporkan", "diverifikasi", "diselesaikan", "dibatalkan"]


async def test_internal_editions_name_the_holders_of_the_accounts_that_acted(
    world: World, make: Make
) -> None:
    await publish(world, YEAR, date(2022, 1, 15))
    sheet = {"subject": "K10", "moment": JUNE}
    [actor] = {row[4] for row in rows(next((await make(SHEET, **sheet)).tables))}
    day = date(2021, 1, 1)
    holder = Person("Ani Contoh", "00000000-0000-4000-8000-000000000001")
    granted = RoleGranted(effective_on=day, role=Role.AUDITOR, basis="SK/1")
    for event in (Invited(effective_on=day, holder=holder, basis="SK/1"), granted):
        await world.load([Command("account", actor, event, "uji")])
    year = {"publication": "2021"}
    for name, asked in ((SHEET, sheet), ("perubahan-internal", year)):
        table = [*(await make(name, **asked)).tables][-1]
        place = [one.title for one in table.columns].index("Oleh")
        assert {row[place] for row in rows(table)} == {"Ani Contoh"}
    assert "Ani" not in all_text(await make("perubahan", **year))


@pytest.mark.usefixtures("published")
async def test_a_paper_is_made_only_for_those_who_have_its_right(world: World) -> None:
    planner = Viewer("ani", actor=actor(Role.PERENCANA))
    for name, viewer, refusal in (
        ("lkjip", PUBLIC, Unauthenticated),
        ("daftar-konflik-internal", planner, Forbidden),
        ("lembar-perkara", planner, Forbidden),
    ):
        view = world.view._replace(viewer=viewer)
        of = sources(world)._replace(view=view)
        asked = PaperRequest("2021", JUNE, "K01")
        with pytest.raises(refusal):
            await registry.make(of, name, asked)
    view = world.view._replace(viewer=planner)
    made = await registry.make(
        sources(world)._replace(view=view), "daftar-konflik", PaperRequest("2021")
    )
    assert len([*made.tables]) == 2


def actor(role: Role) -> Actor:
    return Actor("ani", "ani", (Grant(1, role, None, None, None, date(2021, 1, 1)),))


async def test_the_minutes_of_a_closing_state_the_recorded_reason(
    world: World, make: Make
) -> None:
    document = await make(
        "berita-acara-tutup-buku", publication=await close(world, YEAR)
    )
    opening, present = document.sections[0].blocks
    assert isinstance(opening, Paragraph)
    assert "dengan alasan: Tutup buku. Yang hadir:" in opening.text
    assert isinstance(present, Terms)
    assert [value for _, value in present.rows] == [None, None, None]
    given = Participants(("Ani", "Siti"), place="Balai Kota")
    filled = await make(
        "berita-acara-tutup-buku", publication="2021", participants=given
    )
    present = filled.sections[0].blocks[1]
    assert present == Terms((("1.", "Ani"), ("2.", "Siti")))
    assert filled.signatures is not None
    assert filled.signatures.place == "Balai Kota"
    assert document.signatures is not None
    assert [one.office for one in document.signatures.blocks] == [
        *("Yang menutup buku", "Yang menelaah"),
        "Kepala Badan",
    ]


async def test_an_annex_is_ordered_by_number(world: World, make: Make) -> None:
    day = date(2021, 3, 1)
    for number in ("K2", "K100"):
        report = Reported(
            category=Category.IPOLEKSOSBUD,
            dimension=Dimension.SOSIAL,
            title="Perselisihan warga",
            effective_on=day,
        )
        await world.do("conflict", number, report)
    await publish(world, YEAR)
    table = next((await make("daftar-konflik", publication="2021")).tables)
    numbers = [row[1] for row in rows(table)]
    assert numbers.index("K2") < numbers.index("K03")
    assert numbers.index("K12") < numbers.index("K100")


async def test_a_rebuild_leaves_each_paper_as_it_was(
    world: World, make: Make, owner: Plain
) -> None:
    await publish(world, YEAR)
    before = [
        await pdf(await make(name, publication="2021"))
        for name in ("lkjip", "daftar-konflik", "perubahan")
    ]
    assert await rebuild(owner, lambda _done, _of: None) == []
    world.app.figures.forget()
    after = [
        await pdf(await make(name, publication="2021"))
        for name in ("lkjip", "daftar-konflik", "perubahan")
    ]
    assert after == before
