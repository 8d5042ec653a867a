"""The built-in data files agree with the agency's document."""

import json
import shutil
from datetime import date
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from iku import agency
from iku.agency import AgencyError
from iku.domain import conflict, organisation
from iku.domain.indicator import ConflictOptions, OrganisationOptions

# Quoted from "Indikator Kinerja Utama (IKU) Bakesbangpol tahun 2021".
VISION = (
    "Terwujudnya Kota Mojokerto yang berdaya saing, mandiri, demokratis, adil, makmur, "
    "sejahtera dan bermartabat."
)
MISSION = (
    "Mewujudkan ketahanan sosial budaya dalam kerangka integrasi nasional pada tatanan "
    "masyarakat yang bermartabat, berakhlak mulia, beretika dan berbudaya luhur "
    "berlandaskan Pancasila"
)
NAME = "BADAN KESATUAN BANGSA DAN POLITIK KOTA MOJOKERTO"
MAIN_TASK = (
    "Merumuskan dan melaksanakan kebijakan daerah di bidang "
    "Kesatuan Bangsa dan Politik."
)
FUNCTIONS = """\
1. Penyusunan perencanaan bidang kesatuan bangsa dan politik
2. Perumusan kebijakan teknis bidang kesatuan bangsa dan politik
3. Pembinaan, pengendalian, fasilitasi dan pelaksanaan kegiatan bidang kesatuan bangsa \
dan politik
4. Pelaksanaan fasilitasi penyelenggaraan pemilihan umum
5. Pelaksanaan evaluasi dan pelaporan bidang kesatuan bangsa dan politik
6. Pelaksanaan kegiatan penatausahaan Badan Kesatuan Bangsa dan Politik
7. Pelaksanaan tugas lain yang diberikan oleh Walikota sesuai dengan tugas pokok dan \
fungsinya"""
OBJECTIVE = "Menguatnya ketahanan sosial masyarakat"
WORDINGS = {
    "IKU-1": "Persentase konflik IPOLEKSOSBUD yang diselesaikan",
    "IKU-2": "Persentase LSM/ORMAS/PARPOL yang berpartisipasi aktif dalam pembangunan",
    "IKU-3": "Persentase konflik SARA yang diselesaikan",
}
FORMULAS = {
    "IKU-1": (
        "Jml konflik IPOLEKSOSBUD yg selesai",
        "Jml konflik IPOLEKSOSBUD yang ada",
    ),
    "IKU-2": (
        "Jml LSM/ORMAS/Parpol yg berpartisipasi dlm pemb.",
        "Jml LSM/ORMAS/Parpol yang ada",
    ),
    "IKU-3": ("Jumlah konflik SARA yang selesai", "Jumlah konflik SARA yang ada"),
}
SOURCES = {
    "IKU-1": (
        "Data Monitoring Bidang Wasnas & Penanganan Konflik, Polres, Kodim, Kominda, "
        "FKDM,PKS"
    ),
    "IKU-2": (
        "Data Monitoring Bidang Poldagri & Organisasi Kemasyarakatan, Ormas, LSM, "
        "Parpol"
    ),
    "IKU-3": (
        "Data Monitoring Bidang Iwasbang & Ketahanan Ekonomi, Sosial, Budaya & Agama, "
        "FPK, FKUB"
    ),
}
OWNERS = {
    "IKU-1": "Bidang Kewaspadaan Nasional dan Penanganan Konflik",
    "IKU-2": "Bidang Politik Dalam Negeri & Organisasi Kemasyarakatan",
    "IKU-3": "Bidang Iwasbang & Ketahanan Ekonomi, Sosial, Budaya & Agama",
}
SHORT = {"Jml ": "Jumlah ", " yg ": " yang ", " dlm pemb.": " dalam pembangunan"}
AREAS = {
    "35.76.01 Prajuritkulon": "1003 Mentikan, 1004 Kauman, 1005 Pulorejo, "
    "1006 Prajuritkulon, 1007 Surodinawan, 1008 Blooto",
    "35.76.02 Magersari": "1001 Gununggedangan, 1003 Magersari, 1004 Gedongan, "
    "1008 Balongsari, 1009 Kedundung, 1010 Wates",
    "35.76.03 Kranggan": "1001 Kranggan, 1002 Miji, 1003 Meri, 1004 Jagalan, "
    "1005 Sentanan, 1006 Purwotengah",
}


def test_the_agency_is_the_one_of_the_document() -> None:
    ours = agency.load_agency(None)
    assert ours.name.upper() == NAME
    assert ours.city == "Kota Mojokerto"
    assert ours.vision == VISION
    assert (ours.mission.number, ours.mission.text) == ("V", MISSION)
    assert ours.main_task == MAIN_TASK
    assert ours.objective == OBJECTIVE


def test_the_agency_has_the_seven_functions_in_their_order() -> None:
    functions = agency.load_agency(None).functions
    numbered = [f"{number}. {text}" for number, text in enumerate(functions, start=1)]
    assert numbered == FUNCTIONS.split("\n")
    assert len(functions) == 7


def test_the_areas_are_the_city_its_three_districts_and_their_eighteen_villages() -> (
    None
):
    expected = [("35.76", "Kota Mojokerto")]
    for district, villages in AREAS.items():
        code, _, name = district.partition(" ")
        expected.append((code, name))
        for village in villages.split(", "):
            ending, _, name = village.partition(" ")
            expected.append((f"{code}.{ending}", name))
    ours = agency.load_agency(None)
    assert [(area.code, area.name) for area in ours.areas] == expected
    assert ours.area_codes == {code for code, _ in expected}
    assert len(expected) == 1 + 3 + 18


def _written_out(text: str) -> str:
    for short, long in SHORT.items():
        text = text.replace(short, long)
    return text


@pytest.mark.parametrize("code", WORDINGS)
def test_an_indicator_is_worded_and_reckoned_as_in_the_document(code: str) -> None:
    defined = agency.load_seed_definitions(None).indicators[code]
    assert defined.wording == WORDINGS[code]
    assert defined.objective == OBJECTIVE
    above, below = map(_written_out, FORMULAS[code])
    # Within a sentence it is in lower case.
    assert defined.formula == f"{above} / {below[0].lower()}{below[1:]} × 100 %"


@pytest.mark.parametrize("code", WORDINGS)
def test_an_indicator_is_fed_and_owned_as_in_the_document(code: str) -> None:
    defined = agency.load_seed_definitions(None).indicators[code]
    # "Ekonomi, Sosial, Budaya & Agama" is one division; its commas separate no sources.
    assert len(defined.sources) == {"IKU-1": 6, "IKU-2": 4, "IKU-3": 3}[code]
    assert ", ".join(defined.sources) == SOURCES[code].replace(",PKS", ", PKS")
    assert defined.owner == OWNERS[code]


def test_no_indicator_is_brought_that_the_document_does_not_name() -> None:
    brought = agency.load_seed_definitions(None)
    assert brought.indicators.keys() == WORDINGS.keys()
    assert brought.known_on == date(2021, 1, 1)


def test_the_options_brought_are_the_defaults_that_the_design_names() -> None:
    indicators = agency.load_seed_definitions(None).indicators
    sara, other = conflict.Category.SARA, conflict.Category.IPOLEKSOSBUD
    assert indicators["IKU-1"].options == ConflictOptions(category=other)
    assert indicators["IKU-3"].options == ConflictOptions(category=sara)
    organisations = indicators["IKU-2"].options
    assert organisations == OrganisationOptions()
    assert isinstance(organisations, OrganisationOptions)
    assert {*organisations.kinds} == {*organisation.OrganisationKind}


@pytest.mark.parametrize(
    ("achievement", "rating"),
    [
        ("130", "Sangat Tinggi"),
        ("91", "Sangat Tinggi"),
        ("90.99", "Tinggi"),
        ("76", "Tinggi"),
        ("75.99", "Sedang"),
        ("66", "Sedang"),
        ("65.99", "Rendah"),
        ("51", "Rendah"),
        ("50.99", "Sangat Rendah"),
        ("0", "Sangat Rendah"),
    ],
)
def test_an_achievement_is_rated_as_permendagri_86_of_2017_says(
    achievement: str, rating: str
) -> None:
    assert (
        agency.load_seed_definitions(None).scale.rating(Decimal(achievement)) == rating
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the built-in files, for tests that damage it."""
    with as_file(files("iku.agency") / "kota_mojokerto") as ours:
        return Path(shutil.copytree(ours, tmp_path / "kota"))


def test_another_city_brings_files_of_its_own(folder: Path) -> None:
    file = folder / "agency.json"
    told = json.loads(file.read_text()) | {"city": "Kota Lain"}
    file.write_text(json.dumps(told))
    assert agency.load_agency(folder).city == "Kota Lain"
    assert agency.load_seed_definitions(folder) == agency.load_seed_definitions(None)


@pytest.mark.parametrize("name", ["agency.json", "indicators.json"])
@pytest.mark.parametrize(
    "spoilt",
    ["gone", "a folder", "no JSON", "no UTF-8", "a field more", "a field less"],
)
def test_a_folder_that_is_malformed_is_refused_by_the_name_of_the_file(
    folder: Path, name: str, spoilt: str
) -> None:
    file = folder / name
    told = json.loads(file.read_text())
    file.unlink()
    if spoilt == "a folder":
        file.mkdir()
    elif spoilt == "no JSON":
        file.write_text("{")
    elif spoilt == "no UTF-8":
        file.write_bytes(b'{"name": "\xff"}')
    elif spoilt == "a field more":
        file.write_text(json.dumps(told | {"motto": "Maju"}))
    elif spoilt == "a field less":
        file.write_text(json.dumps(dict([*told.items()][1:])))
    load = agency.load_agency if name == "agency.json" else agency.load_seed_definitions
    with pytest.raises(AgencyError, match=name):
        load(folder)


def test_a_key_that_is_there_twice_is_refused(folder: Path) -> None:
    file = folder / "agency.json"
    file.write_text(file.read_text().replace("{", '{"name": "Lain", ', 1))
    with pytest.raises(AgencyError, match="name is a duplicate key"):
        agency.load_agency(folder)


def test_what_is_no_json_is_refused_in_plain_words(folder: Path) -> None:
    file = folder / "agency.json"
    file.write_bytes(b"\xff" + file.read_bytes())
    with pytest.raises(
        AgencyError, match="is not UTF-8: invalid byte 0xff at offset 0"
    ):
        agency.load_agency(folder)


def test_an_option_that_does_not_exist_is_refused_with_its_path(folder: Path) -> None:
    file = folder / "indicators.json"
    told = json.loads(file.read_text())
    told["indicators"]["IKU-1"]["options"]["carry_over"] = "sometimes"
    file.write_text(json.dumps(told))
    with pytest.raises(AgencyError, match="carry_over"):
        agency.load_seed_definitions(folder)


@pytest.mark.parametrize("code", ["iku-1", "IKU.1", "IKU--1", "", "A" * 17])
def test_a_code_that_no_figures_number_could_carry_is_refused(
    folder: Path, code: str
) -> None:
    file = folder / "indicators.json"
    told = json.loads(file.read_text())
    told["indicators"][code] = told["indicators"]["IKU-1"]
    file.write_text(json.dumps(told))
    with pytest.raises(AgencyError, match="matching regex"):
        agency.load_seed_definitions(folder)


def test_each_category_and_kind_has_one_division_the_owner_of_its_indicator() -> None:
    ours, brought = agency.load_agency(None), agency.load_seed_definitions(None)
    by_category = {c: d.name for d in ours.divisions for c in d.categories}
    by_kind = {k: d.name for d in ours.divisions for k in d.kinds}
    assert by_category.keys() == {*conflict.Category}
    assert by_kind.keys() == {*organisation.OrganisationKind}
    wasnas = "Bidang Kewaspadaan Nasional dan Penanganan Konflik"
    assert by_category[conflict.Category.LAINNYA] == wasnas
    for defined in brought.indicators.values():
        match defined.options:
            case ConflictOptions(category=category):
                assert defined.owner == by_category[category]
            case OrganisationOptions(kinds=kinds):
                assert {defined.owner} == {by_kind[kind] for kind in kinds}
            case _:
                raise AssertionError(defined.options)


def test_a_category_has_no_two_divisions_and_an_older_file_has_none(
    tmp_path: Path,
) -> None:
    with as_file(files("iku.agency") / "kota_mojokerto") as shipped:
        told = json.loads((shipped / "agency.json").read_text("utf-8"))
    file = tmp_path / "agency.json"
    twice = [
        {"code": name.lower(), "name": name, "categories": ["sara"]}
        for name in ("Satu", "Dua")
    ]
    file.write_text(json.dumps(told | {"divisions": twice}), "utf-8")
    with pytest.raises(AgencyError, match="sara has more than one division"):
        agency.load_agency(tmp_path)
    same = [{"code": "satu", "name": name} for name in ("Satu", "Dua")]
    file.write_text(json.dumps(told | {"divisions": same}), "utf-8")
    with pytest.raises(AgencyError, match="satu is the code of two divisions"):
        agency.load_agency(tmp_path)
    del told["divisions"]
    file.write_text(json.dumps(told), "utf-8")
    assert agency.load_agency(tmp_path).divisions == ()
