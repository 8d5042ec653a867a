"""The forms for conflicts and organisations."""

import asyncio

import pytest

from iku.app import App
from iku.ledger import log
from iku.web.pages.entry_fields import FieldKind
from iku.web.pages.entry_forms import FORMS, EntryForm, path_of
from tests.web.conftest import CASE, RESOLVED, VERIFIED, Client
from tests.web.pages.filling import SITE, Filled, opened, read_form, sent
from tests.web.pages.showing import read

REPORT = {
    "title": "Sengketa batas kebun di kelurahan",
    "category": "ipoleksosbud",
    "dimension": "ekonomi",
    "effective_on": "4 Maret 2022",
}
MARKUP = "<script>alert(1)</script> & 'x' \"y\" {{7*7}}"
# What an officer types into each form, if the register lets the event follow.
TYPED: dict[tuple[str, str], dict[str, str]] = {
    ("conflict", "returned"): {"missing": "Tempat kejadian"},
    ("conflict", "verified"): {},
    ("conflict", "rejected"): {"reason": "Bukan konflik"},
    ("conflict", "handled"): {
        "phase": "penghentian",
        "note": "Baris satu\r\nBaris dua",
    },
    ("conflict", "referred"): {},
    ("conflict", "resolved"): {"manner": "mediasi"},
    ("conflict", "reopened"): {"effective_on": "29-3-2021"},
    ("conflict", "reclassified"): {"level": "kekerasan"},
    ("conflict", "merged"): {"into": "K15", "reason": "Sama"},
    ("conflict", "corrected"): {"title": "Judul yang benar", "reason": "Salah ketik"},
    ("conflict", "annulled"): {"reason": "Tidak pernah terjadi"},
    ("organisation", "renewed"): {"valid_until": "14-9-2030"},
    ("organisation", "suspended"): {},
    ("organisation", "restored"): {},
    ("organisation", "dissolved"): {},
    ("organisation", "revoked"): {},
    ("organisation", "moved_out"): {},
    ("organisation", "merged"): {"into": "O42", "reason": "Sama"},
    ("organisation", "rejected"): {"reason": "Bukan ormas"},
    ("organisation", "participated"): {"participation": "P9", "activity": "kemitraan"},
    ("organisation", "participation_verified"): {"participation": "P1"},
    ("organisation", "corrected"): {"name": "Nama benar", "reason": "Salah ketik"},
    ("organisation", "annulled"): {"reason": "Tidak pernah terjadi"},
}


async def prepare(client: Client, category: str, event: str) -> str:
    """The subject of the form, with the events that the event needs before it."""
    if category == "conflict":
        await client.records("/conflicts", CASE)
        await client.records("/conflicts", {**CASE, "number": "K15", "title": "Lain"})
        if event in {"resolved", "reopened", "annulled"}:
            await client.records("/conflicts/K14/events", VERIFIED)
        if event == "reopened":
            await client.records("/conflicts/K14/events", RESOLVED)
        return "K14"
    one = {"number": "O41", "kind": "ormas", "name": "Perkumpulan Contoh"}
    one |= {"legal_basis": "skt", "effective_on": "2021-03-01"}
    one["valid_until"] = "2026-12-14"
    await client.records("/organisations", one)
    await client.records("/organisations", {**one, "number": "O42", "name": "Lain"})
    events = "/organisations/O41/events"
    if event == "restored":
        await client.records(
            events, {"type": "suspended", "effective_on": "2022-03-01"}
        )
    if event in {"participation_verified", "annulled"}:
        took = {"type": "participated", "participation": "P1"}
        took |= {"activity": "kemitraan", "effective_on": "2022-04-01"}
        await client.records(events, took)
    return "O41"


# These take a code or a day.
NOT_FREE = {
    *("number", "into", "participation"),
    *("effective_on", "valid_until", "occurred_on"),
}
TEXTS = {FieldKind.LINE, FieldKind.AREA, FieldKind.PERSONS, FieldKind.DAY}


def texts_of(form: EntryForm, shown: Filled) -> list[str]:
    """The fields of a form that take texts, of which a correction shows some."""
    names = {name for name, _ in shown.fields} - {"area"}  # which is chosen
    return [n.name for n in form.fields if n.kind in TEXTS and n.name in names]


def about(event: str) -> str:
    """The event that a correction or annulment is about, as the address names it."""
    return {"corrected": "?peristiwa=1", "annulled": "?peristiwa=2"}.get(event, "")


def test_each_command_of_the_api_has_a_form() -> None:
    later = {key for key, form in FORMS.items() if not form.creates_subject}
    assert later == TYPED.keys()


@pytest.mark.parametrize(("category", "event"), TYPED)
async def test_each_form_records_its_event(
    client: Client, app: App, category: str, event: str
) -> None:
    subject = await prepare(client, category, event)
    path = path_of(FORMS[category, event], subject)
    form = await opened(client, path + about(event))
    before = (await log.head(app.pool)).size
    typed = TYPED[category, event]
    free = {*texts_of(FORMS[category, event], form)} - NOT_FREE - typed.keys()
    texts = dict.fromkeys(free, MARKUP)
    answer = await sent(client, form.typed(**typed, **texts))
    assert answer.status_code == 303, answer.text
    plural = "conflicts" if category == "conflict" else "organisations"
    events = await client.history(f"/{plural}/{subject}")
    assert events[-1]["type"] == event
    assert events[-1]["version"] >= 2
    assert (await log.head(app.pool)).size > before
    page = await client.get(f"{SITE}{answer.headers['Location']}")
    assert subject in page.text
    assert events[-1]["leaf"][:16] in page.text
    assert "<script>alert" not in page.text
    assert read(page.text).text.count(MARKUP) >= len(texts)


async def test_a_report_by_form_is_the_report_by_the_api(client: Client) -> None:
    form = await opened(client, "/konflik/baru")
    typed = form.typed(
        **REPORT,
        parties="Warga RT 1\r\nPedagang pasar\r\n",
        reporter="Lurah",
        occurred_on="3-3-2022",
        source="polres",
        area="35.76.01.1003",
        number="K77",
    )
    answer = await sent(client, typed)
    assert answer.status_code == 303, answer.text
    shown = await client.says("/conflicts/K77")
    assert shown["title"] == REPORT["title"]
    assert shown["reported_on"] == "2022-03-04"
    assert shown["occurred_on"] == "2022-03-03"
    assert [one["name"] for one in shown["parties"]] == ["Warga RT 1", "Pedagang pasar"]
    assert shown["reporter"]["name"] == "Lurah"
    assert (shown["source"], shown["area"]) == ("polres", "35.76.01.1003")
    assert shown["level"] == "perseteruan"


async def test_an_organisation_is_registered_by_its_form(client: Client) -> None:
    form = await opened(client, "/organisasi/baru")
    answer = await sent(
        client, form.typed(kind="lsm", name="Lembaga Baru", legal_basis="badan_hukum")
    )
    assert answer.status_code == 303, answer.text
    listed = await client.says("/organisations")
    assert "Lembaga Baru" in [one["name"] for one in listed["items"]]


async def test_the_confirmation_offers_another_report_with_the_same_source(
    client: Client,
) -> None:
    form = await opened(client, "/konflik/baru")
    answer = await sent(client, form.typed(**REPORT, source="fkub"))
    page = await client.get(f"{SITE}{answer.headers['Location']}")
    assert "/konflik/baru?source=fkub" in page.text
    assert (await opened(client, "/konflik/baru?source=fkub")).value("source") == "fkub"


async def test_a_confirmation_cannot_be_written_into_an_address(
    client: Client,
) -> None:
    form = await opened(client, "/konflik/baru")
    answer = await sent(client, form.typed(**REPORT))
    address = answer.headers["Location"]
    assert 'class="done"' in (await client.get(f"{SITE}{address}")).text
    for forged in (address[:-3] + "abc", "/?tercatat=x", "/?tercatat=W10.abc"):
        assert 'class="done"' not in (await client.get(f"{SITE}{forged}")).text


async def test_the_day_of_an_event_is_today_until_another_is_typed(
    client: Client, app: App
) -> None:
    form = await opened(client, "/konflik/baru")
    assert form.value("effective_on") == f"{app.commands.today():%d-%m-%Y}"


async def test_a_fault_stands_above_and_beside_its_field_and_values_are_kept(
    client: Client, app: App
) -> None:
    form = await opened(client, "/konflik/baru")
    before = (await log.head(app.pool)).size
    answer = await sent(
        client,
        form.typed(
            title="", category="sara", dimension="ekonomi", effective_on="31-2-2022"
        ),
    )
    assert answer.status_code == 422
    page = answer.text
    for name in ("title", "effective_on"):
        assert f'href="#{name}"' in page, name
        assert f'id="{name}-error"' in page, name
    kept = read_form(page)
    assert kept.value("effective_on") == "31-2-2022"
    assert kept.value("category") == "sara"
    assert kept.value("dimension") == "ekonomi"
    assert (await log.head(app.pool)).size == before


async def test_a_dimension_of_another_category_is_refused_beside_it(
    client: Client,
) -> None:
    form = await opened(client, "/konflik/baru")
    answer = await sent(client, form.typed(**{**REPORT, "category": "sara"}))
    assert answer.status_code == 409
    assert 'id="dimension-error"' in answer.text


async def test_a_refusal_names_stored_values_by_their_labels(client: Client) -> None:
    form = await opened(client, "/organisasi/baru")
    answer = await sent(
        client,
        form.typed(
            name="Forum", kind="ormas", legal_basis="skt", effective_on="1-3-2021"
        ),
    )
    assert answer.status_code == 409
    said = read(answer.text).text
    assert "karena dasar hukumnya SKT, yaitu" in said


async def test_a_written_day_is_repeated_in_words(client: Client) -> None:
    form = await opened(client, "/konflik/baru")
    answer = await sent(client, form.typed(effective_on="4-3-2022"), "pratinjau")
    assert answer.status_code == 422
    assert "4 Maret 2022" in read(answer.text).text


async def test_a_form_that_is_sent_twice_at_once_records_once(
    client: Client, app: App
) -> None:
    form = (await opened(client, "/konflik/baru")).typed(**REPORT)
    before = (await log.head(app.pool)).size
    answers = await asyncio.gather(*(sent(client, form) for _ in range(2)))
    assert [one.status_code for one in answers] == [303, 303]
    assert (await log.head(app.pool)).size == before + 1


async def test_a_form_that_was_recorded_and_changed_asks_before_it_records_again(
    client: Client, app: App
) -> None:
    form = (await opened(client, "/konflik/baru")).typed(**REPORT)
    await sent(client, form)
    before = (await log.head(app.pool)).size
    again = await sent(client, form.typed(title="Konflik yang lain sama sekali"))
    assert again.status_code == 409
    assert (await log.head(app.pool)).size == before
    renamed = read_form(again.text)
    assert renamed.value("title") == "Konflik yang lain sama sekali"
    assert renamed.value("kunci") != form.value("kunci")
    assert (await sent(client, renamed)).status_code in {303, 409}


async def test_a_preview_shows_the_effect_on_figures_and_records_nothing(
    client: Client, app: App
) -> None:
    await client.records("/conflicts", CASE)
    form = await opened(client, "/konflik/K14/catat/verified")
    before = (await log.head(app.pool)).size
    answer = await sent(client, form.typed(effective_on="10-2-2021"), "pratinjau")
    assert answer.status_code == 200, answer.text
    shown = read(answer.text).numbers
    assert (await log.head(app.pool)).size == before
    # An open case counts in each year until it is resolved.
    counts = {name: value for name, (value, _) in shown.items()}
    for day in ("2021-12-31", app.commands.today()):
        assert counts[f"IKU-1.{day}.effect.before.denominator"] == "0"
        assert counts[f"IKU-1.{day}.effect.after.denominator"] == "1"
    assert "Angka terbit tidak berubah" in answer.text


async def test_a_preview_of_a_resolution_moves_the_numerator(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/conflicts/K14/events", VERIFIED)
    form = await opened(client, "/konflik/K14/catat/resolved")
    typed = form.typed(effective_on="28 Maret 2021", manner="mediasi")
    answer = await sent(client, typed, "pratinjau")
    shown = {n: v for n, (v, _) in read(answer.text).numbers.items()}
    assert shown["IKU-1.2021-12-31.effect.before.numerator"] == "0"
    assert shown["IKU-1.2021-12-31.effect.after.numerator"] == "1"
    await sent(client, typed)
    figures = await client.says("/figures", as_of="2021-12-31")
    [conflicts] = [f for f in figures["figures"] if f["indicator"] == "IKU-1"]
    assert conflicts["numerator"] == 1


async def test_similar_cases_are_shown_before_a_report_is_recorded(
    client: Client, app: App
) -> None:
    await client.records("/conflicts", {**CASE, "effective_on": "2022-03-01"})
    form = await opened(client, "/konflik/baru")
    typed = form.typed(**{**REPORT, "title": "sengketa LAPAK pedagang di pasar"})
    before = (await log.head(app.pool)).size
    shown = await sent(client, typed)
    assert shown.status_code == 409
    assert "K14" in read(shown.text).text
    assert (await log.head(app.pool)).size == before
    assert (await sent(client, read_form(shown.text))).status_code == 303
    assert (await log.head(app.pool)).size == before + 1


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Bentrok pemuda dua kampung"},
        {"dimension": "politik"},
        {"effective_on": "4 Juli 2022"},
    ],
)
async def test_a_case_of_another_title_dimension_or_day_is_not_similar(
    client: Client, change: dict[str, str]
) -> None:
    await client.records("/conflicts", {**CASE, "effective_on": "2022-03-01"})
    form = await opened(client, "/konflik/baru")
    like = {**REPORT, "title": CASE["title"], **change}
    assert (await sent(client, form.typed(**like))).status_code == 303


async def test_an_overtaken_form_shows_three_values_and_is_applied_on_top(
    client: Client,
) -> None:
    await client.records("/conflicts", CASE)
    form = await opened(client, "/konflik/K14/catat/reclassified")
    await client.records(
        "/conflicts/K14/events",
        {"type": "reclassified", "effective_on": "2021-02-20", "level": "kekerasan"},
    )
    typed = form.typed(
        effective_on="1-3-2021", level="potensi", reason="Menurut laporan polres"
    )
    answer = await sent(client, typed)
    assert answer.status_code == 412
    said = read(answer.text).text
    for part in ("perseteruan", "kekerasan", "potensi", "Menurut laporan polres"):
        assert part in said.lower() or part in said, part
    onto = read_form(answer.text, "/catat/")
    assert (await sent(client, onto)).status_code == 303
    assert (await client.says("/conflicts/K14"))["level"] == "potensi"
    assert len(await client.history("/conflicts/K14")) == 3


async def test_an_overtaken_form_can_be_changed_first(client: Client) -> None:
    await client.records("/conflicts", CASE)
    form = await opened(client, "/konflik/K14/catat/handled")
    await client.records("/conflicts/K14/events", VERIFIED)
    answer = await sent(client, form.typed(phase="pemulihan", note="Panjang"))
    shown = await sent(client, read_form(answer.text, "/catat/"), "ubah")
    assert shown.status_code == 200
    assert read_form(shown.text).value("note") == "Panjang"
    assert read_form(shown.text).value("versi") == "2"


async def test_a_correction_asks_which_event_and_changes_only_what_is_typed(
    client: Client,
) -> None:
    await client.records("/conflicts", {**CASE, "reference": "B/12", "source": "media"})
    page = await client.get(f"{SITE}/konflik/K14/catat/corrected")
    assert "/konflik/K14/catat/corrected?peristiwa=1" in page.text
    form = await opened(client, "/konflik/K14/catat/corrected?peristiwa=1")
    typed = form.typed(area="35.76.02.1009", kosongkan="reference", reason="Salah")
    assert (await sent(client, typed)).status_code == 303
    shown = await client.says("/conflicts/K14")
    assert shown["reference"] is None
    assert (shown["area"], shown["source"]) == ("35.76.02.1009", "media")


async def test_a_person_whose_name_is_corrected_keeps_the_identifier(
    client: Client,
) -> None:
    persons = {"reporter": {"name": "Totno"}, "parties": [{"name": n} for n in "ABC"]}
    await client.records("/conflicts", {**CASE, **persons})
    before = await client.says("/conflicts/K14")
    form = await opened(client, "/konflik/K14/catat/corrected?peristiwa=1")
    typed = form.typed(reporter="Tono", parties="C\r\nA\r\nBe", reason="Salah ketik")
    assert (await sent(client, typed)).status_code == 303
    after = await client.says("/conflicts/K14")
    assert after["reporter"] == {**before["reporter"], "name": "Tono"}
    known = {one["name"]: one["subject"] for one in before["parties"]}
    found = {one["name"]: one["subject"] for one in after["parties"]}
    assert (found["A"], found["C"]) == (known["A"], known["C"])
    assert found["Be"] not in {known["A"], known["C"]}


async def test_a_correction_can_say_that_a_participation_was_not_verified(
    client: Client,
) -> None:
    await prepare(client, "organisation", "renewed")
    took = {"type": "participated", "participation": "P1", "activity": "kemitraan"}
    took |= {"effective_on": "2022-04-01"}
    events = "/organisations/O41/events"
    await client.records(events, {**took, "verified": True})
    form = await opened(client, "/organisasi/O41/catat/corrected?peristiwa=2")
    assert form.value("verified") == ""
    typed = form.typed(verified="false", reason="Belum diperiksa")
    assert (await sent(client, typed)).status_code == 303
    [*_, last] = await client.history("/organisations/O41")
    assert last["data"]["verified"] is False


async def test_the_page_of_a_form_is_small(reader: Client) -> None:
    for path in ("/konflik/baru", "/organisasi/baru"):
        page = await reader.get(f"{SITE}{path}")
        assert len(page.content) < 40_000, path


async def test_a_merger_takes_the_number_that_people_know(client: Client) -> None:
    await client.records("/conflicts", CASE)
    await client.records("/conflicts", {**CASE, "number": "K9/X", "title": "Lain"})
    form = await opened(client, "/konflik/K14/catat/merged")
    answer = await sent(client, form.typed(into="K9/X", reason="Sama"))
    assert answer.status_code == 303, answer.text
    assert (await client.says("/conflicts/K14"))["merged_into"] == "K9/X"


@pytest.mark.parametrize(
    "path",
    [
        "/konflik/K14/catat/reported",
        "/konflik/K14/catat/absorbed",
        "/konflik/K14/catat/renewed",
        "/konflik/K99/catat/verified",
        "/organisasi/O41/catat/verified",
    ],
)
async def test_there_is_no_form_for_what_cannot_be_recorded(
    client: Client, path: str
) -> None:
    await client.records("/conflicts", CASE)
    assert (await client.get(f"{SITE}{path}")).status_code == 404


HOSTILE = {
    "long": "x" * 10_000,
    "bidi": "Laporan \u202egnalab\u202c palsu",
    "markup": MARKUP,
    "nul": "a\x00b",
}


async def check_hostile(client: Client, form: EntryForm, path: str, text: str) -> None:
    """Check that the form keeps the text in every field, and shows it as text."""
    empty = await opened(client, path)
    texts = texts_of(form, empty)
    chosen = {n.name for n in form.fields if n.kind not in {*TEXTS, FieldKind.HIDDEN}}
    filled = empty.typed(**dict.fromkeys({*texts, *chosen, "area"}, text))
    answer = await sent(client, filled)
    if answer.status_code == 303:
        assert text is MARKUP, path
        return
    assert answer.status_code in {409, 422}, (path, answer.text)
    assert "<script>alert" not in answer.text, path
    assert 'role="alert"' in answer.text, path
    again = read_form(answer.text)
    for name in texts:
        assert again.value(name).replace("\n", "") == text, (path, name)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_text_in_every_field_of_every_form_is_kept_and_shown_as_text(
    client: Client, text: str
) -> None:
    for category, event in (("conflict", "reopened"), ("organisation", "annulled")):
        await prepare(client, category, event)
    for form in FORMS.values():
        subject = "K14" if form.category == "conflict" else "O41"
        await check_hostile(
            client, form, path_of(form, subject) + about(form.event), text
        )
