"""`iku proposal` and --propose: four eyes at the terminal."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.conftest import Type
from tests.cli.test_account import (
    ADMIN,
    HEAD,
    OFFICER,
    REPORT,
    Model,
    Modelling,
    Office,
)
from tests.conftest import Clone
from tests.exchange.test_import_rights import journal
from tests.forked import Forker

CORRECT = (
    *("record", "corrected", "K14", "--corrects", "1", "--level", "kekerasan"),
    *("--reason", "Salah tingkat"),
)
PROPOSE = ("--propose", "BA 12/2026")


@pytest.fixture(scope="module")
async def model(
    forker: Forker,
    clone: Clone,
    furnished: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Model:
    """An office with a case, K14, of an officer."""
    return await Modelling(forker, clone, tmp_path_factory).make(furnished, hire)


def hire(found: Office) -> None:
    found.invite("admin", *ADMIN)
    found.invite("kepala", *HEAD)
    found.invite("siti", *OFFICER, by="admin")
    verifier = ("--role", "verifikator", "--division", "wasnas", "--name", "Budi")
    found.invite("budi", *verifier, "--basis", "SK/4", by="admin")
    planner = ("--role", "perencana", "--name", "Rencana", "--basis", "SK/5")
    found.invite("rencana", *planner, by="admin")
    assert found.run("siti", *REPORT, "--number", "K14").code == 0


@pytest.fixture
def origin(request: pytest.FixtureRequest, furnished: str) -> str:
    """The database of that office, of which each test that needs one has a copy."""
    if "office" not in request.fixturenames:
        return furnished
    model: Model = request.getfixturevalue("model")
    return model.database


@pytest.fixture
def office(model: Model, iku: Type, environ: dict[str, str]) -> Office:
    """A copy of that office, for this test alone."""
    return model.copied(iku, environ)


def propose(office: Office, by: str, *words: object) -> str:
    said = office.run(by, *words, *PROPOSE)
    assert said.code == 0, said.err
    found = re.search(r"Proposed: (\S+)\. Another person", said.out)
    assert found is not None, said.out
    return found[1]


def test_what_may_only_be_proposed_says_how(office: Office) -> None:
    refused = office.run("siti", *CORRECT)
    assert refused.code == 1
    assert "you may propose it: --propose REASON" in refused.err


def test_a_correction_is_proposed_shown_and_approved_by_another(
    office: Office,
) -> None:
    identifier = propose(office, "siti", *CORRECT)
    listed = office.run("budi", "proposal", "list", "--decidable", "--json")
    assert [one["id"] for one in listed.json["items"]] == [identifier]
    assert (
        "There are no proposals."
        in office.run("siti", "proposal", "list", "--decidable").out
    )
    shown = office.run("budi", "proposal", "show", identifier)
    for words in ("conflict-K14", "kekerasan", "Salah tingkat", "BA 12/2026"):
        assert words in shown.out
    own = office.step_up("siti", "proposal", "approve", identifier)
    assert own.code == 1
    done = office.step_up("budi", "proposal", "approve", identifier)
    assert done.code == 0, done.err
    assert "Recorded: K14" in done.out
    shown = office.run("budi", "proposal", "show", identifier)
    assert "approved" in shown.out
    assert office.accounts["budi"] in shown.out


def test_an_approval_needs_a_code_of_the_authenticator(office: Office) -> None:
    identifier = propose(office, "siti", *CORRECT)
    refused = office.run("budi", "proposal", "approve", identifier, typed="000000\n")
    assert refused.code == 1
    listed = office.run("budi", "proposal", "list", "--status", "open")
    assert identifier in listed.out


def test_a_proposal_is_declined_or_withdrawn(office: Office) -> None:
    first = propose(office, "siti", *CORRECT)
    declined = office.run("budi", "proposal", "decline", first, "--reason", "Belum")
    assert declined.code == 0, declined.err
    assert "Belum" in office.run("siti", "proposal", "show", first).out
    second = propose(office, "siti", *CORRECT)
    assert office.run("budi", "proposal", "withdraw", second).code == 1
    assert office.run("siti", "proposal", "withdraw", second, "--json").code == 0
    refused = office.run("budi", "proposal", "show", "nowhere")
    assert "proposal nowhere does not exist" in refused.err


def test_a_definition_and_a_target_are_proposed_by_a_planner(office: Office) -> None:
    target = (
        *("target", "IKU-1", "--year", "2027", "--target", "85.00"),
        *("--effective-on", "2027-01-01", "--basis", "PK 2027", "--yes"),
    )
    refused = office.run("rencana", *target)
    assert refused.code == 1
    assert "--propose" in refused.err
    assert office.run("rencana", *target[:-1], "--preview").code == 0
    identifier = propose(office, "rencana", *target)
    done = office.step_up("kepala", "proposal", "approve", identifier)
    assert done.code == 0, done.err
    define = (
        *("define", "IKU-2", "--effective-on", "2027-01-01", "--basis", "SK"),
        *("--reason", "Ambang", "--option", "participation_threshold=2", "--yes"),
    )
    identifier = propose(office, "rencana", *define)
    assert office.step_up("kepala", "proposal", "approve", identifier).code == 0


def test_the_rule_of_two_persons_and_an_erasure_are_proposed(office: Office) -> None:
    rule = ("access", "two-persons", "recorded", "--reason", "Dua pegawai")
    refused = office.step_up("admin", *rule)
    assert "--propose" in refused.err
    identifier = propose(office, "admin", *rule)
    assert office.step_up("kepala", "proposal", "approve", identifier).code == 0
    head = (
        *("--role", "kepala_bidang", "--division", "wasnas"),
        *("--name", "Kepala Bidang", "--basis", "SK/6"),
    )
    said = office.step_up("admin", "account", "invite", *head, "--json")
    assert said.json["account"] is None
    approved = office.step_up(
        "kepala", "proposal", "approve", said.json["proposal"], "--json"
    )
    assert approved.code == 0, approved.err
    office.enrol("kabid", approved.json["receipt"]["id"], approved.json["link"])
    erase = ("erase", "conflict-K14", "--decision", "B/1", "--legal-basis", "UU 27")
    identifier = propose(office, "kabid", *erase)
    done = office.step_up("kepala", "proposal", "approve", identifier)
    assert done.code == 0, done.err
    direct = office.step_up("kepala", *erase[:3], "B/2", *erase[4:], "--yes")
    assert direct.code == 0, direct.err
    assert office.run(None, "status", "--check").code == 0


def test_without_accounts_the_rule_is_set_at_once(iku: Type) -> None:
    rule = ("access", "two-persons", "recorded", "--reason", "Dua pegawai")
    assert iku(*rule).code == 0
    assert iku(*rule).code == 1


@pytest.fixture
def old_register(tmp_path: Path) -> Path:
    """A journal with a case that was known on an earlier day."""
    file = tmp_path / "buku lama.csv"
    row = {
        "nomor": "K21",
        "peristiwa": "dilaporkan",
        "tanggal": "2022-01-10",
        "diketahui_pada": "2022-01-10",
        "kategori": "ipoleksosbud",
        "dimensi": "politik",
        "judul": "Sengketa",
    }
    file.write_bytes(journal(row))
    return file


def test_a_refused_import_shows_the_command_that_proposes_it_and_the_hash(
    office: Office, old_register: Path
) -> None:
    digest = sha256(old_register.read_bytes()).hexdigest()
    refused = office.run("siti", "import", old_register)
    assert refused.code == 1
    assert f"iku import '{old_register}' --propose REASON" in refused.err
    assert f"SHA-256 {digest}" in refused.err
    proposed = office.run("siti", "import", old_register, *PROPOSE, "--json")
    assert proposed.code == 0, proposed.err
    [one] = proposed.json["files"]
    assert (one["file"], one["sha256"]) == (str(old_register), digest)
    assert office.run("siti", "import", old_register).code == 1
    done = office.step_up("kepala", "proposal", "approve", one["proposal"])
    assert done.code == 0, done.err
    done = office.run("siti", "import", old_register)
    assert done.code == 0, done.err
    assert "1 recorded" in done.out
    again = office.run("siti", "import", old_register, *PROPOSE)
    assert again.code == 1
    assert "nothing to propose" in again.err


def test_a_file_with_faults_or_of_nobody_who_imports_is_not_proposed(
    office: Office, old_register: Path
) -> None:
    by_admin = office.run("admin", "import", old_register, *PROPOSE)
    assert by_admin.code == 1
    assert "requires one of the roles" in by_admin.err
    content = old_register.read_bytes().replace(b"ipoleksosbud", b"lainlain")
    old_register.write_bytes(content)
    faulty = office.run("siti", "import", old_register, *PROPOSE)
    assert faulty.code == 1
    assert "has faults" in faulty.err
    both = office.run("siti", "import", old_register, *PROPOSE, "--dry-run")
    assert both.code == 2
    listed = office.run("kepala", "proposal", "list", "--json")
    assert listed.json["items"] == []
