import asyncio
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import iku as package
from iku.cli import commands, errors
from iku.domain.paper_data import StatementKind
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.cli.conftest import Said
from tests.forked import Forker, Process
from tests.test_docs import walk

pytestmark = pytest.mark.usefixtures("reading")

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def test_help_lists_every_command(iku: Any) -> None:
    said = iku("--help")
    assert said.code == 0
    for name in (
        "serve",
        "migrate",
        "import",
        "example",
        "figure",
        "series",
        "replay",
        "verify",
        "difference",
        "compare",
        "define",
        "target",
        "rebuild",
        "status",
        "signer",
        "witness",
        "export",
    ):
        assert re.search(rf"^  {name} ", said.out, re.MULTILINE)
    assert iku("--version").out == f"iku {package.__version__}\n"


def test_every_command_and_option_stands_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, command in walk(commands):
        assert f"iku {name}" in text
        for option in command.params:
            for spelling in option.opts:
                assert not spelling.startswith("--") or spelling in text, spelling


@pytest.fixture
def here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """A function that runs a command in this process, which needs no database."""
    monkeypatch.setenv(errors.DEBUG, "1")  # no handler of log messages stays behind

    def run(*arguments: str) -> Said:
        code = errors._run(commands, arguments)
        return Said(code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("name", [name for name, _ in walk(commands)])
def test_every_command_has_help_and_knows_usage(
    here: Callable[..., Said], name: str
) -> None:
    shown = here(*name.split(), "--help")
    assert shown.code == 0
    assert shown.out.startswith(f"Usage: iku {name} ")
    assert [line for line in shown.out.splitlines() if len(line) > 80] == []
    said = here(*name.split(), "--nonsense")
    assert said.code == 2
    assert said.err.startswith("iku: No such option '--nonsense'")
    assert said.err.count("\n") == 1


def test_without_a_command_the_help_is_shown(iku: Any) -> None:
    said = iku()
    assert said.code == 2
    assert "Usage: iku" in said.err
    assert (
        iku("frobnicate").err
        == "iku: No such command 'frobnicate' (see \"iku --help\")\n"
    )


def test_only_serving_loads_the_web() -> None:
    code = "import sys, iku.cli; sys.exit('litestar' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("command", ["figure", "status", "migrate", "rebuild"])
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"IKU_DATABASE_URL": "mysql://x:secret@y/z"}, "begins with postgresql://"),
        ({"IKU_TIMEZONE": "Mars"}, 'IKU_TIMEZONE is "Mars"'),
        ({"IKU_AGENCY": "/nowhere"}, "IKU_AGENCY"),
        (
            {"IKU_DATABASE_URL": "postgresql://iku:secret@127.0.0.1:1/x"},
            "cannot be reached",
        ),
        (
            {"IKU_DATABASE_URL": "postgresql://iku:sec/ret@h:x/x"},
            "IKU_DATABASE_URL, IKU_OWNER_URL: not a valid connection URI",
        ),
    ],
)
def test_a_wrong_setting_is_a_sentence_that_betrays_no_password(
    iku: Any, command: str, variables: dict[str, str], sentence: str
) -> None:
    both = {"IKU_OWNER_URL": variables.get("IKU_DATABASE_URL"), **variables}
    said = iku(command, **both)
    assert said.code == 1
    assert sentence in said.err
    assert "sec" not in said.err
    assert said.err.count("\n") == 1


def test_an_unforeseen_error_is_a_sentence_that_says_where_to_look(
    forker: Forker, environ: dict[str, str]
) -> None:
    for debug in ("", "1"):
        given = {**environ, "IKU_DEBUG": debug}
        with forker.start((), given, module="tests.cli.failing") as process:
            _, err = process.communicate()
        assert process.returncode == 1
        assert ("Traceback" in err) is bool(debug)
        if not debug:
            assert err == (
                "iku: internal error: ZeroDivisionError: division by zero; "
                "set IKU_DEBUG=1 to see the traceback\n"
            )


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("writing")
def test_the_example_shows_what_was_known_and_what_is_known(iku: Any) -> None:
    said = iku("example")
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()]
    numbers = [
        row for row in rows if row and row[0].startswith("IKU-") and len(row) > 7
    ]
    assert ["IKU-1", "15-01-2022", "8", "9", "88,89%"] in [row[:5] for row in rows]
    assert len([row for row in rows if "97,22%" in row]) == 1
    assert len([row for row in rows if "108,55%" in row]) == 1
    assert numbers
    assert "IKU-1 berubah: 8/9 (88,89%), diketahui per" in said.out
    assert "kini 33/38 (86,84%)." in said.out
    assert "IKU-3 tetap: 3/4 (75,00%)." in said.out


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("writing")
def test_the_readme_shows_what_the_example_prints(iku: Any) -> None:
    readme = DOCUMENT.parents[1].joinpath("README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\n(Tahun .+?)^```$", readme, re.DOTALL | re.MULTILINE)

    assert shown == [iku("example").out.partition("\n\n")[2]]


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("writing")
def test_the_readme_shows_what_the_explanation_prints(iku: Any) -> None:
    iku("example")
    readme = DOCUMENT.parents[1].joinpath("README.md").read_text(encoding="utf-8")
    [(words, shown)] = re.findall(
        r"^ {4}\.venv/bin/iku (explain .+)\n\n```\n(.+?)^```$",
        readme,
        re.DOTALL | re.MULTILINE,
    )

    assert iku(*words.split(), COLUMNS="88").out == shown


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("writing")
def test_the_example_twice_is_there_once(iku: Any) -> None:
    first = iku("example").out
    again = iku("example")
    assert again.code == 0
    assert again.out.count("tidak ada yang baru") == 3
    assert again.out.split("\n\n", 1)[1] == first.split("\n\n", 1)[1]
    status = iku("status", "--json").json
    assert (status["size"], status["mode"]) == (207, "demonstration")
    assert (status["events"]["account"], status["events"]["access"]) == (16, 2)
    assert iku("status", "--check").code == 0
    figures = iku("example", "--json").json["figures"]
    assert [f["indicator"] for f in figures[::2]] == ["IKU-1", "IKU-2", "IKU-3"]


@pytest.mark.usefixtures("writing")
def test_the_example_has_all_data_that_its_papers_print(iku: Any) -> None:
    iku("example")
    coordinates = ("--as-of", "2021-12-31", "--known-on", "2022-01-15")
    found = iku("paper", "data", *coordinates, "--json").json["statements"]
    assert [one["id"] for one in found if one["statement"] is None] == []
    assert {one["kind"] for one in found} == set(StatementKind)
    signers = [one["statement"] for one in found if one["kind"] == "signer"]
    assert {one["office"] for one in signers} == {"kepala_badan", "wali_kota"}
    assert all("Contoh" in one["signer_name"] for one in signers)
    # What was wrong at first is still in the history.
    history = iku("paper", "history", "signer.kepala-badan", "--json").json
    assert [one["data"].get("corrects") for one in history] == [None, 1]
    needed = {"narrative.IKU-1.2021.4", "quarterly-targets.IKU-2.2021"}
    assert needed <= {one["id"] for one in found}


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("writing")
def test_the_example_keeps_out_of_a_register_in_use(iku: Any, tmp_path: Path) -> None:
    headings = (
        "diketahui_pada,nomor,peristiwa,tanggal,jenis,nama,dasar_hukum,"
        "berlaku_sampai,rujukan,kegiatan,terverifikasi,keterangan\n"
    )
    file = tmp_path / "o.csv"
    file.write_text(
        f"{headings}2021-01-01,X1,didaftar,2021-01-01,lsm,N,skt,2026-01-01,,,,\n"
    )
    assert iku("import", file).code == 0
    said = iku("example")
    assert said.code == 0
    assert "contoh tidak diimpor" in said.out
    assert iku("status", "--json").json["size"] == 5


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("writing")
def test_an_example_that_was_interrupted_is_completed(
    iku: Any, files: dict[str, Path]
) -> None:
    iku("import", files["target"], files["organisasi"])
    assert iku("status", "--json").json["mode"] == "local"
    assert "50 dicatat" in iku("example").out
    assert iku("status", "--json").json["mode"] == "demonstration"


@pytest.mark.usefixtures("writing")
def test_the_example_with_an_entry_more_is_no_demonstration(
    iku: Any, files: dict[str, Path]
) -> None:
    iku("import", files["target"], files["organisasi"], files["konflik"])
    draft = ("publication", "draft", "--as-of", "2021-12-31", "--reason", "LKjIP")
    assert iku(*draft).code == 0
    assert iku("example").code == 0
    status = iku("status", "--json").json
    assert (status["size"], status["mode"]) == (147, "local")


@pytest.mark.usefixtures("writing")
def test_a_demonstration_takes_no_claimed_actor_and_serves_this_machine_only(
    iku: Any,
) -> None:
    iku("example")
    note = ("record", "resolved", "K12", "--effective-on", "2022-02-01")
    refused = iku(*note, "--manner", "mediasi", "--actor", "siti")
    assert refused.code == 1
    assert "acts as lokal" in refused.err
    assert iku(*note, "--manner", "mediasi").code == 0
    elsewhere = iku("serve", "--host", "0.0.0.0", "--port", "0")
    assert elsewhere.code == 1
    assert "a demonstration is served to this machine only" in elsewhere.err
    assert "demonstration: fictional data" in iku("status").out


@pytest.mark.usefixtures("indonesian")
async def test_migrating_says_what_was_applied(
    iku: Any, empty_database: Database
) -> None:
    urls = {
        "IKU_DATABASE_URL": empty_database.application_dsn,
        "IKU_OWNER_URL": empty_database.owner_dsn,
    }
    before = iku("status", **urls)
    assert "Belum diterapkan" in before.out
    assert iku("status", "--json", **urls).json["migrations"] == []
    assert "Diterapkan: 0001_ledger, " in iku("migrate", **urls).out
    assert iku("migrate", **urls).out == "Skema sudah mutakhir.\n"
    assert iku("migrate", "--json", **urls).json == {
        "applied": [],
        "guarded": True,
    }


@pytest.mark.usefixtures("indonesian", "register")
def test_status_tells_what_there_is(iku: Any) -> None:
    found = iku("status", "--check", "--json").json
    assert found["database"] == "own"
    assert found["size"] == 146
    assert found["events"] == {
        "conflict": 50,
        "indicator": 7,
        "organisation": 88,
        "scale": 1,
    }
    assert found["indicators"]["IKU-2"] == {"definitions": 1, "targets": 2}
    assert found["findings"] == []
    said = iku("status", "--check")
    assert "146 peristiwa" in said.out
    assert re.search(r"Pemeriksaan +tanpa temuan", said.out)


@pytest.mark.usefixtures("register")
async def test_status_tells_of_a_ledger_that_was_tampered_with(
    iku: Any, owner: Any
) -> None:
    await owner.execute("alter table ledger.event disable trigger append_only")
    await owner.execute(
        "update ledger.event set effective_on = '2021-02-16' where position = 110"
    )
    said = iku("status", "--check")
    assert said.code == 1
    assert "position 110: column effective_on" in said.out
    assert said.err.count("\n") == 1
    schema = iku("status")
    assert schema.code == 1
    assert "trigger append_only on ledger.event: enabled D" in schema.out
    await owner.execute("alter table ledger.event enable always trigger append_only")
    assert iku("status").code == 0


async def test_status_ends_with_1_where_the_guard_is_gone(iku: Any, owner: Any) -> None:
    await owner.execute("drop schema guard cascade")
    said = iku("status")
    assert said.code == 1
    assert re.search(r"Guard of the schema +NONE; ", said.out)
    assert said.err.startswith("iku: the ledger's schema is not guarded; only a super")


@pytest.mark.usefixtures("register")
async def test_rebuilding_ends_with_1_where_something_differs(
    iku: Any, owner: Any
) -> None:
    said = iku("rebuild")
    assert (said.code, said.err) == (0, "")
    await owner.execute(
        "update projection.contribution set numerator = 7 where position = 110"
    )
    differs = iku("rebuild")
    assert differs.code == 1
    assert "contribution" in differs.out
    assert differs.err.count("\n") == 1
    assert iku("rebuild", "--json").json == {"findings": []}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::", "example.org"])
def test_serving_anybody_else_is_refused(iku: Any, host: str) -> None:
    """ASVS 6.3.2: a new database has no account by which others could sign in."""
    assert iku("account", "list", "--json").json["items"] == []
    for said in (iku("serve", "--host", host), iku("serve", IKU_HOST=host)):
        assert said.code == 1
        assert said.err.startswith("iku: until there are accounts")
        assert host in said.err


@pytest.mark.parametrize(
    "given",
    [
        {"IKU_TLS_CERT": "fullchain.pem", "IKU_TLS_KEY": "privkey.pem"},
        {"IKU_TRUSTED_PROXY": "127.0.0.1"},
    ],
)
def test_serving_by_tls_or_a_proxy_needs_accounts(
    iku: Any, given: dict[str, str]
) -> None:
    said = iku("serve", IKU_PUBLIC_URL="https://iku.example.go.id", **given)
    assert said.code == 1
    assert said.err.startswith(
        f"iku: {min(given)} is set, but until there are accounts"
    )


def test_a_port_that_is_taken_is_named(iku: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = iku("serve", "--port", taken.getsockname()[1])
    assert said.code == 1
    assert said.err.startswith("iku: cannot listen on 127.0.0.1, port ")
    assert "in use" in said.err


@pytest.fixture
def serving(forker: Forker, environ: dict[str, str]) -> Iterator[Process]:
    """`iku serve` on a free port."""
    with forker.start(("serve", "--port", "0"), environ) as process:
        yield process


@pytest.fixture
def newly_serving(environ: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """`iku serve` in a new Python, whose signals and streams are as it starts."""
    with subprocess.Popen(
        [sys.executable, "-m", "iku.cli", "serve", "--port", "0"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()  # otherwise a failed test would wait forever


def announced(serving: "subprocess.Popen[str] | Process") -> tuple[str, str]:
    """The address that it prints, and the pages there."""
    assert serving.stdout is not None
    line = serving.stdout.readline()
    found = re.search(r"dapat dibuka di (http://127\.0\.0\.1:\d+); .* (http\S+)", line)
    assert found is not None
    return found[1], found[2]


FIGURE = "/api/v1/indicators/IKU-1/figure?as_of=2021-12-31"


@pytest.mark.usefixtures("indonesian")
def test_serving_says_where_and_stops_when_told(
    newly_serving: "subprocess.Popen[str]",
) -> None:
    serving = newly_serving
    address, pages = announced(serving)
    with urllib.request.urlopen(address + FIGURE, timeout=30) as answer:  # noqa: S310 - our own
        assert b'"indicator":"IKU-1"' in answer.read()
    with urllib.request.urlopen(pages, timeout=30) as answer:  # noqa: S310 - our own
        assert answer.status == 200
    serving.send_signal(signal.SIGINT)
    _, err = serving.communicate(timeout=60)
    assert serving.returncode == 0
    assert err == ""


@pytest.mark.usefixtures("indonesian")
def test_a_crash_leaves_no_core_file(serving: Process) -> None:
    """A core file would hold keys, tokens and opened texts."""
    announced(serving)
    limits = Path(f"/proc/{serving.pid}/limits").read_text()
    found = re.search(r"Max core file size +(\S+)", limits)
    assert found is not None
    assert found[1] == "0"


@pytest.mark.usefixtures("indonesian")
async def test_a_fault_of_ours_is_written_down_where_the_operator_looks(
    serving: Process, owner: Plain
) -> None:
    address, _ = await asyncio.to_thread(announced, serving)
    await owner.execute("alter table projection.contribution rename to elsewhere")
    with pytest.raises(urllib.error.HTTPError, match="500") as caught:
        await asyncio.to_thread(urllib.request.urlopen, address + FIGURE)
    caught.value.close()
    serving.send_signal(signal.SIGTERM)
    _, err = await asyncio.to_thread(serving.communicate, timeout=60)
    assert f"GET {FIGURE.partition('?')[0]}" in err
    assert (
        'UndefinedTableError: relation "projection.contribution" does not exist' in err
    )


def test_the_embedded_server_needs_nothing_but_a_folder(
    iku: Any, tmp_path: Path
) -> None:
    none = dict.fromkeys(("IKU_DATABASE_URL", "IKU_OWNER_URL", "IKU_SIGNER_URL"))
    said = iku("example", **none)
    assert said.code == 0, said.err
    figure = iku("figure", "IKU-1", "--as-of", "2021-12-31", "--json", **none).json
    assert figure["achievement"] == "97.22"
    assert iku("status", "--json", **none).json["database"] == "embedded"
    assert iku("rebuild", **none).code == 0
    pid = tmp_path / "var" / "postgres" / "data" / "postmaster.pid"
    assert not pid.exists(), "the last to leave stops the server"
    assert [path.name for path in tmp_path.iterdir()] == ["var"]
