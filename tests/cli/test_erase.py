"""Erasure on the command line, and the keys of texts."""

import asyncio
import os
import pty
import re
from dataclasses import replace
from pathlib import Path

import pytest

from iku.app import open_app
from iku.postgres.database import Database
from tests.cli.conftest import Type
from tests.conftest import SETTINGS
from tests.forked import Forker
from tests.web.conftest import CASE, client_of

DECISION = ("--decision", "B/12/2022", "--legal-basis", "UU 27/2022 Pasal 8")
DECIDED = (*DECISION, "--yes")
SECRET = "Rahasia Pak Tono"


def test_a_case_is_erased_and_its_figures_stay_as_they_were(
    iku: Type, files: dict[str, Path]
) -> None:
    assert iku("import", *files.values()).code == 0
    at = ("figure", "IKU-1", "--as-of", "2021-12-31", "--size", 146, "--json")
    before = iku(*at).json
    title = iku("history", "K01", "--json").json[0]["text"]["title"]
    done = iku("erase", "conflict-K01", *DECIDED, "--effective-on", "2022-05-01")
    assert (done.code, done.err) == (0, "")
    assert "texts and 0 files erased by B/12/2022 (UU 27/2022 Pasal 8)" in done.out
    assert iku(*at).json == before
    shown = iku("history", "K01")
    assert title not in shown.out
    assert "erased (B/12/2022)" in shown.out
    explained = iku("explain", "IKU-1", "--as-of", "2021-12-31", "--csv")
    assert title not in explained.out
    assert "erased (B/12/2022)" in explained.out
    again = iku("erase", "conflict-K01", *DECIDED, "--effective-on", "2022-05-01")
    assert (again.code, "already carried out for conflict-K01" in again.err) == (
        1,
        True,
    )
    assert iku("status", "--check").code == 0


def test_nothing_is_erased_where_nobody_can_be_asked(
    iku: Type, files: dict[str, Path]
) -> None:
    assert iku("import", files["konflik"]).code == 0
    for more in ((), ("--json",)):
        refused = iku("erase", "conflict-K01", *DECISION, *more, typed="y\n")
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == (
            "iku: an erasure is permanent, and there is no terminal to ask for "
            "confirmation: add --yes "
            '(see "iku erase --help")\n'
        )
    assert "dihapus" not in iku("history", "K01").out


def on_a_terminal(
    forker: Forker, environ: dict[str, str], folder: Path, typed: str, *words: str
) -> tuple[int, str]:
    """The exit code and output of a command on a terminal, after an answer."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "wb", buffering=0) as keyboard, os.fdopen(follower) as tty:
        keyboard.write(typed.encode())
        done = forker.run(words, environ, folder, terminal=tty.fileno())
    return done.code, done.out + done.err


async def test_on_a_terminal_an_erasure_shows_what_goes_and_asks(
    iku: Type,
    forker: Forker,
    environ: dict[str, str],
    database: Database,
    tmp_path: Path,
) -> None:
    mine = replace(SETTINGS, home=tmp_path / "var")
    async with open_app(mine, database) as app, client_of(app) as client:
        parties = [{"name": "Karang Taruna Wates"}]
        case = CASE | {"reporter": {"name": SECRET}, "parties": parties}
        await client.post("/conflicts", json=case, headers={"Idempotency-Key": "a"})
        answer = await client.post(
            "/conflicts/K14/attachments",
            content=b"berita acara",
            headers={"Iku-File-Name": "b.pdf", "Content-Type": "application/pdf"},
        )
        assert answer.status_code == 201, answer.text
        known = (await client.get("/conflicts/K14")).json()
    words = ("erase", "conflict-K14", *DECISION)
    code, said = await asyncio.to_thread(
        on_a_terminal, forker, environ, tmp_path, "n\n", *words
    )

    assert code == 1
    assert "To be erased for conflict-K14: 3 texts and 1 files." in said
    for held in ("title", "file name", "file"):
        assert re.search(rf"^conflict-K14 +{held} +1$", said, re.MULTILINE)
    assert "Erase permanently? [y/N]" in said
    assert "iku: nothing was erased" in said
    people = [known["reporter"]["subject"], known["parties"][0]["subject"]]
    kept = "Not erased, because they need erasures of their own: "
    kept += ", ".join(sorted(people))
    assert kept in said
    for secret in (SECRET, CASE["title"], "Karang Taruna"):
        assert secret not in said
    assert CASE["title"] in iku("history", "K14").out

    code, said = await asyncio.to_thread(
        on_a_terminal, forker, environ, tmp_path, "y\n", *words
    )
    assert (code, "3 texts and 1 files erased by B/12/2022" in said) == (0, True)
    told = iku("history", "K14").out
    assert CASE["title"] not in told
    assert SECRET in told
    person = iku("erase", people[0], *DECIDED)
    assert person.out.startswith(f"To be erased for {people[0]}: 1 texts and 0 files")
    assert SECRET not in iku("history", "K14").out


def test_who_is_not_known_cannot_be_forgotten(iku: Type) -> None:
    done = iku("erase", "conflict-K99", *DECIDED)
    assert done.code == 1
    assert done.err == "iku: subject conflict-K99 does not exist\n"
    for name in ("K01", "Siti Nurhaliza", "", "conflict K01"):
        misnamed = iku("erase", name, *DECIDED)
        assert misnamed.code == 1
        assert misnamed.err == (
            f"iku: subject {name!r} does not exist; a person is written as the "
            "identifier shown in a history, a case or organisation as conflict-K14 or "
            "organisation-O41\n"
        )
    assert iku("erase", "conflict-K/9", *DECIDED).err.endswith(
        " conflict-K~9 does not exist\n"
    )
    for name in ("", " ", "a\nb", "x" * 501):
        nobody = iku("erase", "conflict-K01", *DECIDED, "--actor", name)
        assert nobody.code == 2
        assert "'--actor': must be one line of 1 to 500 characters" in nobody.err
    assert iku("erase", "conflict-K99", "--decision", "B/1", "--yes").code == 2
    assert iku("erase", "conflict-K99", "--decision", " ", *DECIDED[2:]).code == 2


def test_keys_are_shown_renewed_and_destroyed(
    iku: Type, files: dict[str, Path]
) -> None:
    assert iku("import", files["konflik"]).code == 0
    [old] = iku("keys", "show", "--json").json["epochs"]
    assert old["here"]
    assert old["wraps"] == 16
    assert old["epoch"] in iku("keys", "show").out
    refused = iku("keys", "destroy", old["epoch"])
    assert (refused.code, "is the current epoch" in refused.err) == (1, True)
    rotated = iku("keys", "rotate", "--new", "--json").json
    assert rotated == {"epoch": f"{old['epoch']}.2", "locked": 0}
    assert "are now wrapped by the key of epoch" in iku("keys", "rotate").out
    assert "is destroyed" in iku("keys", "destroy", old["epoch"]).out
    [new] = iku("keys", "show", "--json").json["epochs"]
    assert new == {"epoch": f"{old['epoch']}.2", "wraps": 16, "locked": 0, "here": True}
    assert "locked" not in iku("history", "K01").out
    assert iku("keys", "reconcile", "--json").json == {"decisions": 0, "texts": 0}
    assert "Restored texts erased again: 0" in iku("keys", "reconcile").out


def test_the_key_of_authenticators_is_renewed_apart_from_those_of_texts(
    iku: Type,
) -> None:
    texts = iku("keys", "show", "--json").json
    first = iku("keys", "rotate", "--access", "--json").json
    assert first == {"epoch": first["epoch"], "authenticators": 0, "older": []}
    said = iku("keys", "rotate", "--access").out
    assert f"encrypted with the key of epoch {first['epoch']}.2" in said
    assert f"Keys that can be destroyed: {first['epoch']}\n" in said
    refused = iku("keys", "destroy", f"{first['epoch']}.2", "--access")
    assert (refused.code, "still encrypts authenticator seeds" in refused.err) == (
        1,
        True,
    )
    missing = iku("keys", "destroy", "2020-01", "--access")
    assert (missing.code, "is not in the key folder" in missing.err) == (1, True)
    assert "is destroyed" in iku("keys", "destroy", first["epoch"], "--access").out
    assert iku("keys", "show", "--json").json == texts


def test_without_its_keys_the_register_counts_and_says_what_is_locked(
    iku: Type, files: dict[str, Path], tmp_path: Path
) -> None:
    assert iku("import", files["konflik"]).code == 0
    elsewhere = {"IKU_KEYS": str(tmp_path / "elsewhere")}
    at = ("figure", "IKU-1", "--as-of", "2021-12-31", "--json")
    assert iku(*at, **elsewhere).json == iku(*at).json
    assert "locked" in iku("history", "K01", **elsewhere).out
    assert "LOST" in iku("keys", "show", **elsewhere).out
    rotated = iku("keys", "rotate", **elsewhere)
    assert (rotated.code, "data keys not rewrapped: 16;" in rotated.err) == (1, True)
    # New texts use a key of another name, so that the lost key can be restored.
    lost, new = iku("keys", "show", "--json", **elsewhere).json["epochs"]
    assert (lost["wraps"], lost["locked"], lost["here"]) == (16, 16, False)
    assert new == {"epoch": f"{lost['epoch']}.2", "wraps": 0, "locked": 0, "here": True}
    # A different key of the same name.
    made = tmp_path / "elsewhere" / f"{new['epoch']}.key"
    made.rename(tmp_path / "elsewhere" / f"{lost['epoch']}.key")
    another, _ = iku("keys", "show", "--json", **elsewhere).json["epochs"]
    assert (another["locked"], another["here"]) == (16, True)


@pytest.mark.usefixtures("indonesian")
def test_status_tells_that_keys_are_lost_and_makes_none(
    iku: Type, files: dict[str, Path], tmp_path: Path
) -> None:
    assert iku("import", files["konflik"]).code == 0
    assert re.search(r"Kunci teks +lengkap", iku("status").out)
    [epoch] = iku("keys", "show", "--json").json["epochs"]
    elsewhere = {"IKU_KEYS": str(tmp_path / "elsewhere")}
    told = iku("status", **elsewhere)
    assert (told.code, told.err) == (0, "")
    assert re.search(rf"Kunci teks +HILANG: {re.escape(epoch['epoch'])};", told.out)
    lost = iku("status", "--json", **elsewhere).json["lost_keys"]
    assert lost == [epoch["epoch"]]
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_of_keys_that_others_may_read_is_told_in_a_sentence(
    iku: Type, tmp_path: Path
) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    done = iku("keys", "show", IKU_KEYS=str(tmp_path / "open"))
    assert done.code == 1
    assert "is accessible to other users (mode" in done.err
