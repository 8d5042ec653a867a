"""Tables are complete at every width of the terminal."""

import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from iku.cli import tables
from iku.cli.tables import (
    Listing,
    Printer,
    TableColumn,
    number_column,
    text_column,
    unwrapped_column,
)
from iku.exchange.formats import Formats
from iku.language import Language
from tests.cli.conftest import Said, Type
from tests.samples import sample

pytestmark = pytest.mark.usefixtures("reading")

WIDTHS = (80, 100, 120)
JAKARTA = ZoneInfo("Asia/Jakarta")
formats = Formats(lambda: Language.INDONESIAN)
TITLE = (
    "Keberatan sebagian warga atas rencana pembangunan pasar di atas lapangan yang "
    "sejak lama dipakai bersama oleh perkumpulan olahraga dan sekolah, yang menurut "
    "notulen rapat tanggal 2021-03-04 belum pernah dibicarakan dengan ketiga rukun "
    "warga di sekitarnya maupun dengan pemilik kios lama (surat 470/1234/417.405/2021)"
)
NUMBER = "KSB-2021/SEMESTER-I/KECAMATAN-MAGERSARI/KELURAHAN-WATES/RW-04/01"
ACTOR = "Bidang Kewaspadaan Nasional dan Penanganan Konflik, Kota Mojokerto"
REASON = f"Berita acara tidak lengkap; {TITLE}"
CASES = (
    "diketahui_pada,nomor,peristiwa,tanggal,kategori,dimensi,judul,tanggal_kejadian,"
    "sumber,wilayah,ke_nomor,cara,keterangan\n"
)
PRINTED = {"percentage", "target", "achievement"}  # per cent
COUNTS = ("numerator", "denominator")


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow terminal, of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


def drawn(
    capsys: pytest.CaptureFixture[str],
    columns: Sequence[TableColumn],
    *pages: Sequence[Sequence[str]],
) -> list[str]:
    """The lines that a listing of these pages prints."""
    listing = Listing(columns, Printer())
    for page in pages:
        listing.add(page)
    listing.close()
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("width")
def test_texts_wrap_at_words_and_numbers_never(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = (
        unwrapped_column("Nomor"),
        text_column("Judul"),
        number_column("Pembilang"),
        text_column("Alasan"),
    )
    lines = drawn(capsys, columns, [["K01", TITLE, "1.234.567", "mediasi"]])

    assert lines[1].split() == ["Nomor", "Judul", "Pembilang", "Alasan"]
    assert lines[3].split()[0] == "K01"
    assert "1.234.567" in lines[3]
    assert max(map(len, lines)) <= 80
    words = " ".join(lines).split()
    assert not set(TITLE.split()) - set(words)


@pytest.mark.usefixtures("width")
def test_what_does_not_fit_is_abbreviated_then_left_out_then_a_block_a_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = (
        unwrapped_column("Nomor"),
        text_column("Bagian", optional=True),
        number_column("Pembilang", "Pemb."),
        unwrapped_column("Isi"),
    )
    rows = [["K01", "antargolongan", "1.234", "x" * size] for size in (50, 60, 67)]

    abbreviated = drawn(capsys, columns, rows[:1])
    assert abbreviated[1].split() == ["Nomor", "Bagian", "Pemb.", "Isi"]
    left_out = drawn(capsys, columns, rows[1:2])
    assert left_out[1].split() == ["Nomor", "Pembilang", "Isi"]
    assert left_out[-1].startswith("Columns not shown: Bagian (")
    block = drawn(capsys, columns, rows[2:])
    assert block[1:3] == ["Nomor      K01", "Bagian     antargolongan"]
    assert block[4] == f"Isi        {'x' * 67}"


@pytest.mark.usefixtures("width")
def test_a_listing_prints_its_headings_again_once_its_columns_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = (unwrapped_column("Nomor"), unwrapped_column("Isi"))
    pages = [[["1", "a"], ["2", "b"]], [["3", "c" * 20]], [["4", "d" * 76], ["5", ""]]]
    lines = drawn(capsys, columns, *pages)

    headings = [line for line in lines if line.startswith("Nomor  Isi")]
    assert len(headings) == 1, "which does not change while the columns only widen"
    assert lines[-5:] == ["Nomor  4", "Isi", f"  {'d' * 76}", "", "Nomor  5"]


@pytest.mark.usefixtures("width")
def test_a_value_too_wide_to_stand_beside_its_name_stands_below_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printer = Printer()
    printer.pairs([("Nama", "pendek"), ("Nama yang panjang sekali", NUMBER), ("B", "")])
    lines = capsys.readouterr().out.splitlines()

    assert lines == [
        "Nama                      pendek",
        "Nama yang panjang sekali",
        f"  {NUMBER}",
        "B",
    ]


@pytest.mark.usefixtures("width")
def test_only_a_word_longer_than_any_identifier_is_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = drawn(
        capsys, (unwrapped_column("N"), text_column("Isi")), [["1", f"a {'b' * 200} c"]]
    )
    assert max(map(len, lines)) <= 80
    assert "".join(line[3:] for line in lines[3:]).count("b") == 200
    Printer().say(f"kunci: {'b' * 200}")
    assert capsys.readouterr().out == f"kunci:\n{'b' * 200}\n"


@pytest.mark.usefixtures("width")
def test_wide_characters_take_the_columns_that_they_take(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = drawn(
        capsys,
        (unwrapped_column("A"), number_column("B")),
        [["日本", "1"], ["abcd", "22"]],
    )
    assert lines[3:] == ["日本   1", "abcd  22"]


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    hostile = "a\x1b[2Jb\u202ec\x07d\te\r\nf\u2066g\x9bh"
    assert tables.without_control_characters(hostile) == "a�[2Jb�c�d e\nf�g�h"
    assert (
        tables.without_control_characters("Perkumpulan “Séni”\u00a0日本")
        == "Perkumpulan “Séni”\u00a0日本"
    )


def test_the_width_is_that_of_the_terminal_or_as_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped = io.StringIO()
    for given, told in (
        ("100", 100),
        ("7", tables.LEAST_WIDTH),
        ("", None),
        ("0", None),
        ("wide", None),
        ("²", None),
    ):
        monkeypatch.setenv("COLUMNS", given)
        assert tables.width_of(piped) == told
    monkeypatch.delenv("COLUMNS")
    assert tables.width_of(piped) is None
    leader, follower = pty.openpty()
    with os.fdopen(leader), os.fdopen(follower, "w") as terminal:
        assert tables.width_of(terminal) == tables.USUAL_WIDTH  # its width is unknown
        size = struct.pack("HHHH", 24, 100, 0, 0)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
        assert tables.width_of(terminal) == 100
        monkeypatch.setenv("COLUMNS", "90")
        assert tables.width_of(terminal) == 90


@pytest.fixture
def example(iku: Type, files: dict[str, Path]) -> Type:
    """The command line over the example register with a published year."""
    assert iku("import", *files.values()).code == 0
    publish(iku, "LKjIP 2021", "ani", "siti", "budi")
    return iku


@pytest.fixture
def long(iku: Type, tmp_path: Path) -> Type:
    """The command line over a register of long titles, numbers, names and reasons."""
    rows = [CASES]
    for place in range(1, 4):
        name = f"{NUMBER[:-1]}{place}"
        head = f"2021-02-0{place},{name}"
        of = f'ipoleksosbud,politik,"{TITLE}",,fkdm,35.76.02.1008,,,'
        rows += [
            f"{head},dilaporkan,2021-02-0{place},{of}\n",
            f"{head},diverifikasi,2021-02-0{place},,,,,,,,,\n",
            f"2021-03-0{place},{name},diselesaikan,2021-03-0{place},,,,,,,,mediasi,\n",
        ]
    (tmp_path / "lama.csv").write_text("".join(rows))
    done = iku("import", tmp_path / "lama.csv", "--actor", ACTOR)
    assert done.code == 0, done.err
    publish(iku, TITLE, f"{ACTOR} A", f"{ACTOR} B", f"{ACTOR} C")
    (tmp_path / "koreksi.csv").write_text(
        f"{CASES}2022-02-01,{NUMBER},penutupan_dibatalkan,2021-03-01,,,,,,,,,"
        f'"{REASON}"\n'
    )
    done = iku("import", tmp_path / "koreksi.csv", "--actor", ACTOR)
    assert done.code == 0, done.err
    return iku


def publish(iku: Type, title: str, *actors: str) -> None:
    words = ("--title", title, "--reason", REASON, "--actor", actors[0])
    assert iku("publication", "draft", "--as-of", "2021-12-31", *words).code == 0
    known = ("--known-on", "2022-01-15")
    for step, actor in zip(("close", "review", "publish"), actors, strict=True):
        more = known if step == "close" else ()
        taken = ("2021", "--reason", REASON, "--actor", actor, *more)
        assert iku("publication", step, *taken).code == 0


AS_OF = ("--as-of", "2021-12-31")
YEAR = ("--from", "2021-01-01", "--to", "2021-12-31")
OPTIONS = ("--option", "resolution_manners=mediasi", "--option", "carry_over=exclude")
DEFINED = (
    *("--effective-on", "2025-01-01", "--basis", "SK", "--reason", "x"),
    *("--option", "minimum_level=kekerasan"),
)
FIGURE = {*COUNTS, *PRINTED, "rating", "number", "as_of", "known_on", "size"}
# The part of each JSON answer that the table shows.
COMMANDS: tuple[tuple[tuple[str, ...], set[str]], ...] = (
    (("figure", *AS_OF), FIGURE | {"indicator"}),
    (("figure", *AS_OF, "--breakdown", "district"), {*COUNTS, "percentage"}),
    (("series", "IKU-1", *YEAR, "--step", "month"), {*COUNTS, "percentage", "as_of"}),
    (("explain", "IKU-1", *AS_OF), {"number", "title", "id"}),
    (
        ("replay", "IKU-1", *AS_OF),
        {*COUNTS, "position", "effective_on", "known_on", "number"},
    ),
    (
        ("difference", "IKU-1", *AS_OF, "--against-known-on", "2022-01-15"),
        {*COUNTS, *PRINTED, "as_of", "known_on", "size", "title", "reason", "actor"},
    ),
    (
        ("compare", "IKU-1", *AS_OF, *OPTIONS),
        {*COUNTS, "percentage", "achievement", "title", "differing"},
    ),
    (
        ("define", "IKU-1", "--preview", *DEFINED, *OPTIONS[:2]),
        {*COUNTS, "percentage", "achievement", "year", "effective_on", "size"},
    ),
    (("list", "conflicts", *AS_OF), {"number", "title", "reported_on", "resolved_on"}),
    (("publication", "list"), {"id", "as_of", "edition", "since", "title"}),
    (
        ("publication", "show", "2021"),
        FIGURE | {"id", "title", "since", "actor", "reason", "effective_on"},
    ),
    (
        ("publication", "changes", "2021"),
        {"percentage", "achievement", *COUNTS, "publication", "size", "title"}
        | {"position", "effective_on", "known_on", "recorded_at", "actor", "reason"},
    ),
    (("status",), {"size", "recorded_at", "server", "migrations"}),
    (("keys", "show"), {"folder", "epoch", "wraps", "locked"}),
    (("verify", "log"), {"size"}),
    (("verify", "texts"), {"size", "opened", "erased"}),
)
HISTORY = {"version", "position", "effective_on", "known_on", "recorded_at", "actor"}


ORGANISATIONS = (
    ("list", "organisations", *AS_OF),
    {"number", "name", "registered_on"},
)


@pytest.mark.usefixtures("indonesian")
@pytest.mark.parametrize("filled", ["example", "long"])
@pytest.mark.usefixtures("writing")
def test_no_value_is_cut_and_no_line_is_too_long_at_any_width(
    filled: str, request: pytest.FixtureRequest
) -> None:
    iku: Type = request.getfixturevalue(filled)
    # Short values fit into every terminal, including the narrowest.
    widths = sample(WIDTHS, 3) if filled == "long" else WIDTHS[:1]
    subject = "K10" if filled == "example" else NUMBER
    history = (("history", subject), HISTORY | {"title", "reason", "before"})
    case = (("show", "conflict", subject, *AS_OF), {"number", "title", "reported_on"})
    more = [ORGANISATIONS] if filled == "example" else []
    for words, keys in (*COMMANDS, history, case, *more):
        piped = iku(*words)
        assert piped.code == 0, (words, piped.err)
        told = [shown(*leaf) for leaf in leaves(answer(iku, words), keys)]
        assert told, words
        _hold(words, piped.out, told)
        for columns in widths:
            _fits(words, columns, iku(*words, COLUMNS=str(columns)), piped, told)


def _fits(
    words: Sequence[str], columns: int, said: Said, piped: Said, told: list[str]
) -> None:
    asked = (*words, columns)
    lines = said.out.splitlines()
    # The path of a folder may be longer than a line; then it has its own line.
    long = [line for line in lines if len(line) > columns and " " in line]
    assert long == [], asked
    _hold(asked, said.out, told)
    if "Kolom yang tidak ditampilkan" in said.out:
        assert "--json" in said.out, asked
        return
    assert set(values(piped.out)) <= set(values(said.out)), asked


def _hold(asked: object, out: str, told: list[str]) -> None:
    for value in told:
        for word in value.split():
            assert stands(word, out), (asked, word, out)


def stands(word: str, out: str) -> bool:
    """Whether the output contains *word* as a whole word."""
    before = r"(?<!\w)(?<!\d[.,])"
    return bool(re.search(rf"{before}{re.escape(word)}(?!\w|[.,]\d)", out))


def values(out: str) -> Iterator[str]:
    """Every word that contains a digit."""
    joined = out.replace(";", " ")
    return (word for word in joined.split() if any(map(str.isdigit, word)))


def answer(iku: Type, words: Sequence[str]) -> Any:
    lines = iku(*words, "--json").out.splitlines()
    found = [msgspec.json.decode(line) for line in lines]
    return found if len(found) != 1 else found[0]


def leaves(value: Any, keys: set[str], key: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value under one of these *keys*, with its key."""
    match value:
        case {"numerator": 0, "denominator": 0, **rest} if not rest:
            return  # a dash
        case dict():
            # A case is shown by its number, not by its identifier.
            hidden = {"subjects", "id"} if "why_numerator" in value else {"subjects"}
            for name, one in value.items():
                if name not in hidden:
                    yield from leaves(one, keys, name)
        case list():
            for one in value:
                yield from leaves(one, keys, key)
        case _ if key in keys and value is not None:
            yield key, value


def shown(key: str, value: Any) -> str:
    """A value of the JSON answer in the notation of tables."""
    if key in PRINTED:
        return formats.percent(Decimal(value))
    if key == "year":
        return str(value)
    if isinstance(value, int):
        return formats.number(abs(value))
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return "-".join(reversed(value.split("-")))
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        return formats.instant(msgspec.convert(value, type=datetime), JAKARTA)
    return str(value)
