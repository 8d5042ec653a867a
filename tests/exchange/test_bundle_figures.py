"""The published figures of a bundle are recounted by an independent verifier."""

import json
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

import iku_verify
from iku.app import open_app
from iku.domain.period import Kind
from iku.domain.publication import Draft
from iku.domain.question import Question
from iku.exchange import bundle, example
from iku.exchange.journal_import import Importer
from iku.ledger import checkpoint_signing, checkpoint_store, witness_client
from iku.ledger.note import SigningKey
from iku.ledger.policy import Party, Policy
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import Plain, connect_as_signer
from iku.settings import Settings
from tests.conftest import numbers, within
from tests.domain import register
from tests.domain.story import step
from tests.exchange.forging import ORIGIN, WITNESS, forge, policy, records, spell
from tests.exchange.test_bundle import files, relist
from tests.queries.test_publications import close, hand_in, publish, take
from tests.registers.world import World
from tests.samples import sample

WATCHED = Policy(witnesses={"W": Party(WITNESS.verifier)}, quorum="W")
YEAR = Draft(period=Kind.YEAR, as_of=date(2021, 12, 31), reason="LKjIP 2021")
KNOWN = date(2022, 1, 15)
CLOSED = 148  # the position at which the year was first closed


class Kept(NamedTuple):
    """A bundle of the example register, the policy to verify it, and the key."""

    folder: Path
    policy: Path
    key: SigningKey
    numbers: dict[register.Expected, str]


async def print_reports(world: World) -> None:
    """Two editions of the year, one closed quarter, and one that was returned."""
    assert await publish(world, YEAR, KNOWN) == "2021"
    again = Draft(YEAR.period, YEAR.as_of, "Penyajian kembali", restates="2021")
    assert await publish(world, again) == "2021.2"
    quarter = Draft(Kind.QUARTER, date(2021, 6, 30), "Triwulan II")
    await close(world, quarter, date(2021, 7, 3))
    half = await close(world, Draft(Kind.HALF, date(2021, 6, 30), "Semester I"))
    await take(world, half, step("returned", "Belum lengkap"))
    await hand_in(world, "2021", Draft(Kind.MONTH, date(2021, 3, 31), "Maret"))


async def number(world: World, line: register.Expected) -> str:
    as_of, known_on = map(date.fromisoformat, (line.as_of, line.known_on))
    asked = Question(line.indicator, as_of, known_on=known_on)
    return (await world.figure(asked)).number


@pytest.fixture(scope="module")
async def kept(
    server: Any, administrator: Plain, template: str, tmp_path_factory: Any
) -> AsyncIterator[Kept]:
    name = f"figures_{next(numbers)}"
    await administrator.execute(f"create database {name} template {template}")
    database = within(server, name)
    place: Path = tmp_path_factory.mktemp("figures")
    home = SignerFolder(place / "signer")
    key = home.make_key(ORIGIN)
    async with (
        open_app(Settings(), database) as app,
        app.pool.acquire() as connection,
    ):
        importer = Importer(connection, app.commands, "u/siti")
        for content in example.read_journals().values():
            assert (await importer.run(content)).faults == ()
        world = World(app, connection)
        await print_reports(world)
        shown = {line: await number(world, line) for line in register.FIGURES}
        assert database.signer_dsn is not None
        signer = await connect_as_signer(database.signer_dsn)
        await checkpoint_signing.sign(signer, home, ORIGIN)
        last = await checkpoint_store.latest(signer)
        assert last is not None
        line = WITNESS.sign(last.published_note.text, 1_700_000_000).line
        await witness_client.store_cosignatures(
            signer, [WITNESS.verifier], last.published_note, line.encode()
        )
        await bundle.export(connection, WATCHED, place / "b", lambda *_: None)
        await signer.close()
    (place / "policy").write_text(policy(key))
    yield Kept(place / "b", place / "policy", key, shown)
    await administrator.execute(f"drop database {name} with (force)")


Verify: TypeAlias = Callable[..., Any]


@pytest.fixture
def verify(kept: Kept, capsys: pytest.CaptureFixture[str]) -> Verify:
    """The report of `iku-verify` on a folder, or on the figure with a number."""

    def verify(folder: Path, *options: object, number: str | None = None) -> Any:
        typed: list[object] = ["bundle", folder]
        if number is not None:
            typed = ["figure", number, "--bundle", folder]
        typed += ["--json", "--policy", kept.policy, *options]
        code = iku_verify.main([str(one) for one in typed])
        report = json.loads(capsys.readouterr().out)
        assert report["exit"] == code
        return report

    return verify


Tamper: TypeAlias = Callable[[Callable[[list[Any]], None]], Any]


@pytest.fixture
def tamper(kept: Kept, verify: Verify, tmp_path: Path) -> Tamper:
    """The report on records that were changed before the real key signed them."""
    sound = records(kept.folder)

    def tamper(change: Callable[[list[Any]], None]) -> Any:
        forged = deepcopy(sound)
        change(forged)
        folder = tmp_path / f"forged-{next(numbers)}"
        return verify(forge(folder, kept.key, forged))

    return tamper


@pytest.fixture
def copy(kept: Kept, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept.folder, tmp_path / "copy"))


def test_every_published_figure_is_counted_again(
    kept: Kept, verify: Verify, capsys: pytest.CaptureFixture[str]
) -> None:
    report = verify(kept.folder)
    assert (report["exit"], report["lacking"]) == (0, [])
    assert (report["publications"], report["figures"]) == (3, 9)
    assert report["differences"] == []
    typed = ["bundle", str(kept.folder), "--policy", str(kept.policy)]
    assert iku_verify.main(typed) == 0
    told = capsys.readouterr().out
    assert "9 figures of 3 publications were recounted and agree" in told


def test_definitions_and_publications_can_be_read_by_people(kept: Kept) -> None:
    copies = {
        path.relative_to(kept.folder).as_posix(): json.loads(path.read_text())
        for path in files(kept.folder)
        if path.suffix == ".json" and path.parent != kept.folder
    }
    assert set(copies) == {
        *(f"definitions/indicator-IKU-{n}.json" for n in (1, 2, 3)),
        "definitions/scale-kinerja.json",
        *("publications/2021.json", "publications/2021.2.json"),
        "publications/2021-W2.json",
    }
    printed = copies["publications/2021.json"]
    assert "Only the records at these positions count" in printed["note"]
    steps = ["drafted", "closed", "reviewed", "published"]
    assert [one["type"] for one in printed["facts"]] == steps
    assert printed["facts"][1]["data"]["figures"][0]["percentage"] == "88.89"
    found = records(kept.folder)
    for one in copies.values():
        for told in one["facts"]:
            record = found[told["position"] - 1]
            assert {name: record.get(name) for name in told if name != "position"} == {
                name: value for name, value in told.items() if name != "position"
            }
            assert record["stream"] == one["stream"]


SMALL = 600  # bytes: of such a file a bit of every byte is flipped


def flips(sound: bytes, chance: random.Random) -> Iterator[bytes]:
    """Copies of the file, each with one flipped bit; a sample for a long file."""
    places = [*range(len(sound))]
    if len(sound) > SMALL:
        inner = [chance.randrange(len(sound)) for _ in range(7)]
        places = [0, 1, len(sound) // 2, len(sound) - 2, len(sound) - 1, *inner]
    for at in places:
        bit = 1 << chance.randrange(8)
        yield sound[:at] + bytes([sound[at] ^ bit]) + sound[at + 1 :]


def test_one_flipped_bit_anywhere_is_never_verified(copy: Path, verify: Verify) -> None:
    chance = random.Random(20260102)
    assert verify(copy)["exit"] == 0
    kinds = {path.relative_to(copy).parts[0] for path in files(copy)}
    assert kinds == {
        *("manifest.json", "checkpoint", "policy.txt", "tile"),
        *("checkpoints", "definitions", "publications"),
    }
    for path in files(copy):
        sound = path.read_bytes()
        for broken in sample([*flips(sound, chance)], 5):
            path.write_bytes(broken)
            assert verify(copy)["exit"] in {1, 2, 3, 4}, (path, broken)
        path.write_bytes(sound)
    assert verify(copy)["exit"] == 0


def test_one_flipped_bit_that_the_manifest_agrees_with_is_never_verified(
    copy: Path, verify: Verify
) -> None:
    chance = random.Random(20260103)
    manifest = (copy / "manifest.json").read_bytes()
    # The policy in the bundle proves nothing; nor do earlier cosignatures.
    for path in {*files(copy)} - {copy / "manifest.json", copy / "policy.txt"}:
        sound = path.read_bytes()
        line = "— saksi.test".encode()
        end = sound.find(line) if path.parent.name == "checkpoints" else len(sound)
        for flipped in sample([*flips(sound[:end], chance)][::9], 5):
            path.write_bytes(flipped + sound[end:])
            relist(copy, path.relative_to(copy).as_posix())
            assert verify(copy, "--all")["exit"] in {1, 2, 3, 4}, (path, flipped)
            (copy / "manifest.json").write_bytes(manifest)
        path.write_bytes(sound)


def test_one_flipped_bit_in_the_policy_given_apart_is_never_verified(
    kept: Kept, verify: Verify, tmp_path: Path
) -> None:
    sound = kept.policy.read_bytes()
    assert len(sound) <= SMALL
    policy = tmp_path / "policy"
    for broken in sample([*flips(sound, random.Random(20260104))], 5):
        policy.write_bytes(broken)
        report = verify(kept.folder, "--policy", policy)
        assert report["exit"] in {1, 2, 3, 4}, broken


def test_a_copy_says_what_the_records_say(copy: Path, verify: Verify) -> None:
    path = copy / "publications" / "2021.json"
    path.write_text(path.read_text().replace('"88.89"', '"98.89"'))
    relist(copy, "publications/2021.json")
    report = verify(copy)
    assert report["exit"] == 1
    assert (
        report["finding"]
        == "the content of publications/2021.json differs from the records"
    )


def test_what_the_manifest_names_is_what_the_records_name(
    copy: Path, verify: Verify
) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    sound = list(manifest["files"])

    def names(listed: list[Any]) -> Any:
        told = iku_verify.encode_manifest(manifest | {"files": listed})
        (copy / "manifest.json").write_bytes(told)
        return verify(copy)

    for path in ("publications/2021.2.json", "definitions/indicator-IKU-2.json"):
        report = names([one for one in sound if one["path"] != path])
        assert report["exit"] == 1
        assert report["finding"] == f"{path} is only in the records"
    # A publication that was not recorded.
    invented = {**sound[-1], "path": "publications/2022.json"}
    shutil.copy(copy / sound[-1]["path"], copy / invented["path"])
    report = names([*sound, invented])
    assert report["exit"] == 1
    assert report["finding"] == "publications/2022.json is only in the manifest"


def test_forging_alone_is_not_what_is_found(tamper: Tamper) -> None:
    report = tamper(lambda _: None)
    assert (report["exit"], report["figures"]) == (0, 9)


WRONG = {
    "definition": 2,
    "scale": 2,
    "numerator": 9,
    "denominator": 8,
    "expired": 0,
    "percentage": "100.00",
    "target": "79.00",
    "achievement": None,
    "rating": "Tinggi",
    "number": "IKU-1.1.T.20211231.20220115.145.5C",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_frozen_value_that_was_forged_is_found_by_recounting(
    name: str, tamper: Tamper, kept: Kept
) -> None:
    sound = records(kept.folder)[CLOSED - 1]["data"]["figures"][0]

    def change(forged: list[Any]) -> None:
        forged[CLOSED - 1]["data"]["figures"][0][name] = WRONG[name]

    report = tamper(change)
    assert (report["exit"], report["position"]) == (1, CLOSED)
    assert report["finding"] == f"publication 2021, IKU-1: {name}"
    assert report["expected"] == json.dumps(sound[name])
    assert report["found"] == json.dumps(WRONG[name])
    assert len(report["differences"]) == 1


def test_every_forged_value_is_told(
    tamper: Tamper, capsys: pytest.CaptureFixture[str], kept: Kept, tmp_path: Path
) -> None:
    def change(forged: list[Any]) -> None:
        figures = forged[CLOSED - 1]["data"]["figures"]
        figures[0]["numerator"] = 9
        figures[2]["rating"] = "Sedang"
        del figures[1]["expired"]
        figures[1]["more"] = None

    report = tamper(change)
    assert [one.split(": expected")[0] for one in report["differences"]] == [
        f"position {CLOSED}: publication 2021, IKU-1: numerator",
        f"position {CLOSED}: publication 2021, IKU-2: expired",
        f"position {CLOSED}: publication 2021, IKU-2: more",
        f"position {CLOSED}: publication 2021, IKU-3: rating",
    ]
    forged = records(kept.folder)
    change(forged)
    folder = forge(tmp_path / "told", kept.key, forged)
    assert iku_verify.main(["bundle", str(folder), "--policy", str(kept.policy)]) == 1
    told = capsys.readouterr().out
    assert told.count("publication 2021, IKU-") == 4
    assert "recounted and agree" not in told


def test_a_case_that_was_forged_beneath_a_figure_is_found(tamper: Tamper) -> None:
    def change(forged: list[Any]) -> None:
        for one in forged:
            if one["type"] == "resolved" and one["stream"] == "conflict-K03":
                one["data"]["manner"] = "dilimpahkan"

    report = tamper(change)
    assert report["exit"] == 1
    assert report["finding"].startswith("publication 2021, IKU-1: ")
    editions = " ".join(report["differences"])
    assert "publication 2021, IKU-1: numerator: expected 7, found 8" in editions
    assert "publication 2021.2, IKU-1: numerator: expected 6, found 7" in editions


def test_a_closing_that_leaves_an_indicator_out_is_found(tamper: Tamper) -> None:
    def change(forged: list[Any]) -> None:
        del forged[CLOSED - 1]["data"]["figures"][1]

    report = tamper(change)
    assert (report["exit"], report["position"]) == (1, CLOSED)
    assert report["finding"] == "publication 2021, IKU-2: the closing has no figure"


def test_an_indicator_that_nobody_defined_is_found(tamper: Tamper) -> None:
    def change(forged: list[Any]) -> None:
        forged[CLOSED - 1]["data"]["figures"][0]["indicator"] = "IKU-9"

    report = tamper(change)
    assert report["exit"] == 1
    assert "the log has no indicator IKU-9" in " ".join(report["differences"])


def at(position: int, **fields: Any) -> Callable[[list[Any]], None]:
    """Replaced fields of a record, or of its data."""

    def change(forged: list[Any]) -> None:
        record = forged[position - 1]
        for name, value in fields.items():
            (record if name in record else record["data"])[name] = value

    return change


def by(position: int, actor: str) -> Callable[[list[Any]], None]:
    def change(forged: list[Any]) -> None:
        forged[position - 1]["actor"] = actor

    return change


def known(day: str) -> Callable[[list[Any]], None]:
    """Another knowledge cut-off of the frozen figures."""

    def change(forged: list[Any]) -> None:
        forged[CLOSED - 1]["data"]["known_on"] = day

    return change


REVIEWED, PUBLISHED = CLOSED + 1, CLOSED + 2


@pytest.mark.parametrize(
    ("change", "position", "says"),
    [
        (by(PUBLISHED, " SITI"), PUBLISHED, "states another actor, budi"),
        (at(PUBLISHED, actor="x"), PUBLISHED, "states another actor, budi"),
        (at(REVIEWED, type="returned"), PUBLISHED, "cannot follow returned"),
        (at(REVIEWED, type="drafted"), REVIEWED, "cannot follow closed"),
        (at(CLOSED, size=CLOSED), CLOSED, "which the log had not reached"),
        (known("2021-12-30"), CLOSED, "as known on 2021-12-30"),
        (known("2999-12-30"), CLOSED, "as known on 2999-12-30"),
        (at(CLOSED, figures=[]), CLOSED, "does not freeze each indicator once"),
        (at(CLOSED, figures=None), CLOSED, "cannot be counted"),
        (at(CLOSED - 1, as_of="2021-12-30"), CLOSED - 1, "should be named"),
        (at(CLOSED - 1, period="half"), CLOSED - 1, "should be named 2021-S2"),
        (at(CLOSED - 1, period="week"), CLOSED - 1, "'week' not found"),
        (at(CLOSED - 1, edition=2), CLOSED - 1, "should be named 2021.2"),
        (at(CLOSED - 1, restates="2020"), CLOSED - 1, "2021 restates 2020"),
        (at(CLOSED - 1, publication="2020"), CLOSED - 1, "is of another year"),
        (at(CLOSED - 1, effective_on="2021-12-30"), CLOSED - 1, "before its as-of day"),
        (at(CLOSED - 1, effective_on=None), CLOSED - 1, "cannot be counted"),
        (at(PUBLISHED, type="reviewed"), PUBLISHED, "cannot follow reviewed"),
        (at(PUBLISHED, type="returned"), PUBLISHED + 1, "which is not published"),
        (at(5, data={}), 5, "not found"),
        (at(5, text=None), 5, "type of text"),
        (at(1, options={"counts": "dreams"}), 1, "'dreams' not found"),
        (
            at(1, options={"counts": "conflicts", "category": "sara", "mood": "x"}),
            1,
            "the options ['mood'] are unknown",
        ),
        (
            at(1, options={"counts": "conflicts", "category": "x"}),
            1,
            "category is 'x', which is unknown",
        ),
    ],
)
def test_what_the_register_would_have_refused_is_found(
    change: Any, position: int, says: str, tamper: Tamper
) -> None:
    report = tamper(change)
    assert (report["exit"], report["position"]) == (1, position)
    assert says in report["finding"]


def test_a_course_that_could_not_have_been_is_found(tamper: Tamper, kept: Kept) -> None:
    found = records(kept.folder)
    [place] = [
        position
        for position, one in enumerate(found, 1)
        if (one["stream"], one["type"]) == ("conflict-K01", "resolved")
    ]
    report = tamper(at(place, type="reopened"))
    assert (report["exit"], report["position"]) == (1, place)
    assert report["finding"].endswith(", but the subject was open since 2020-11-10")


def test_what_is_not_known_to_count_is_not_enough(tamper: Tamper) -> None:
    report = tamper(at(20, type="sealed_off"))
    assert (report["exit"], report["position"]) == (3, 20)
    assert "type 'sealed_off' is not known" in report["finding"]


@pytest.mark.parametrize("line", register.FIGURES, ids=str)
def test_any_figure_is_counted_by_its_number(
    line: register.Expected, kept: Kept, verify: Verify
) -> None:
    report = verify(kept.folder, number=f" {kept.numbers[line].lower()}")
    figure = report["figure"]
    assert report["exit"] == 0
    assert figure["number"] == kept.numbers[line]
    told = ("numerator", "denominator", "percentage", "achievement")
    assert tuple(figure[name] for name in told) == line[3:]


def test_a_number_that_cannot_be_counted_says_why(
    kept: Kept, verify: Verify, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = kept.numbers[register.FIGURES[0]]
    coordinates = iku_verify.read_number(sound)
    for changes, code, says in (
        ({"size": 10_000}, 3, "has size 10000, but the bundle ends at"),
        ({"indicator": "IKU-9"}, 1, "the log has no indicator IKU-9"),
        ({"definition": 2}, 1, "definition"),
    ):
        asked = iku_verify.Coordinates(**{**vars(coordinates), **changes})
        report = verify(kept.folder, number=asked.number)
        assert report["exit"] == code
        assert says in report["finding"]
    for typed, says in (
        (sound[:-1], "is not a figure number"),
        (sound.replace("2021", "2012", 1), "check characters"),
        (sound.replace("20210331", "20210231"), "has an invalid day"),
        (sound + "é", "is not a figure number"),
    ):
        report = verify(kept.folder, number=typed)
        assert report["exit"] == 2
        assert says in report["finding"]
    words = ["figure", sound, "--bundle", str(kept.folder)]
    assert iku_verify.main([*words, "--policy", str(kept.policy)]) == 0
    assert f"number {sound}" in capsys.readouterr().out
    assert iku_verify.main(words) == 3


# Texts. The vector is that of docs/ledger-format.md.

SALT = bytes(range(32)).hex()
TITLE = "Selisih batas — “RT 3”"
COMMITTED = "40b181e9a0c9477060a25effefd7df49fb993b1200a706fb0dbad2f1f0ad748f"


def sealed(forged: list[Any]) -> None:
    """A log with K01's title from the vector, and two other texts, one erased."""
    person = "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"
    report = next(one for one in forged if one["stream"] == "conflict-K01")
    report["text"] = {
        "title": {"c": COMMITTED, "s": "conflict-K01"},
        "reporter": {"c": "0" * 64, "s": person},
        "parties.0": {"c": "1" * 64, "s": "another"},
    }
    forged.append(
        {
            **forged[-1],
            "command": "erasure",
            "data": {"decision": "SK 1", "legal_basis": "UU 27/2022"},
            "stream": f"subject-{person}",
            "text": {},
            "type": "erased",
            "version": 1,
        }
    )


OPENED = {"event": "conflict-K01/1", "field": "title", "salt": SALT, "text": TITLE}


class HandOver:
    """A bundle with the texts of `sealed`, and lines that are handed over with it."""

    def __init__(self, folder: Path, texts: Path, verify: Verify) -> None:
        self.folder, self._texts, self._verify = folder, texts, verify
        texts.mkdir()

    def raw(self, content: bytes, *options: str) -> Any:
        (self._texts / "K01.jsonl").write_bytes(content)
        return self._verify(self.folder, "--texts", self._texts, *options)

    def __call__(self, *lines: dict[str, Any], options: Sequence[str] = ()) -> Any:
        return self.raw(b"".join(spell(line) + b"\n" for line in lines), *options)


@pytest.fixture
def hand_over(kept: Kept, verify: Verify, tmp_path: Path) -> HandOver:
    forged = records(kept.folder)
    sealed(forged)
    folder = forge(tmp_path / "sealed", kept.key, forged)
    return HandOver(folder, tmp_path / "texts", verify)


def test_what_became_of_the_texts_is_told(
    hand_over: HandOver, kept: Kept, verify: Verify, capsys: Any, tmp_path: Path
) -> None:
    report = verify(hand_over.folder)
    assert (report["exit"], report["figures"]) == (0, 9)
    counts = {"commitments": 90, "erased": 1, "opened": 0, "withheld": 89}
    assert report["texts"] == counts
    report = hand_over(OPENED)
    assert report["exit"] == 0
    assert report["texts"] == counts | {"opened": 1, "withheld": 88}
    typed = ["bundle", str(hand_over.folder), "--policy", str(kept.policy)]
    assert iku_verify.main([*typed, "--texts", str(tmp_path / "texts")]) == 0
    assert "90 commitments, 1 erased, 1 opened, 88 withheld" in capsys.readouterr().out


def test_another_text_is_found_by_its_commitment(hand_over: HandOver) -> None:
    report = hand_over(OPENED | {"text": "Selisih"})
    assert (report["exit"], report["expected"]) == (1, COMMITTED)
    assert "title of conflict-K01/1" in report["finding"]
    report = hand_over(OPENED | {"event": "conflict-K01/2"})
    assert report["exit"] == 1
    assert "has no commitment to title of conflict-K01/2" in report["finding"]


def test_a_commitment_opened_to_a_second_text_is_refused_by_its_salts_length(
    hand_over: HandOver,
) -> None:
    spelt = json.dumps(TITLE, ensure_ascii=False).encode()
    # The quotation mark and the first word become the end of the salt.
    salt, rest = SALT + spelt[:8].hex(), spelt[8:-1].decode()
    for changed in (
        {"salt": salt, "text": rest},
        {"salt": SALT[:-2]},
        {"salt": ""},
        {"salt": SALT.upper()},
    ):
        report = hand_over(OPENED | changed)
        assert report["exit"] == 2, changed
        assert "the salt is not 32 bytes in hexadecimal" in report["finding"]
    with pytest.raises(ValueError, match="the salt has 40 bytes, but must have 32"):
        iku_verify.commitment("conflict-K01/1", "title", "x", bytes(40), rest)


def test_a_line_of_texts_in_another_form_is_malformed(hand_over: HandOver) -> None:
    line = spell(OPENED)
    for broken in (
        *(b"{", b"[]", b"{}", b"\0", b"\xff", b"[" * 100_000, line, line + b"\r\n"),
        *(line + b"\n\n", line.replace(b",", b", ", 1) + b"\n"),
        line.replace(b'"field"', b'"f":1,"field"') + b"\n",
        line.replace(b'"title"', b"1") + b"\n",
        line.replace(b"Sel", rb"\ud800") + b"\n",
        line.replace(b"Sel", rb"\u0053el") + b"\n",
    ):
        report = hand_over.raw(broken)
        assert report["exit"] == 2, broken[:80]
        assert "line 1 of" in report["finding"] or broken.endswith(b"\n\n")
    report = hand_over.raw(spell(OPENED | {"text": "x" * (1 << 20)}) + b"\n")
    assert report["exit"] == 2


ERASED = OPENED | {"field": "reporter"}  # its subject's texts were erased


def test_an_erased_text_that_is_handed_over_is_found(
    hand_over: HandOver, kept: Kept, tmp_path: Path
) -> None:
    salt, person = bytes(32), "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10"
    at = ("conflict-K01/1", "reporter", person)
    forged = records(hand_over.folder)
    report = next(one for one in forged if one["stream"] == "conflict-K01")
    report["text"]["reporter"]["c"] = iku_verify.commitment(*at, salt, TITLE)
    hand_over.folder = forge(tmp_path / "erased", kept.key, forged)
    found = hand_over(ERASED | {"salt": salt.hex()})
    assert (found["exit"], found["position"]) == (1, len(forged))
    assert found["finding"] == (
        "reporter of conflict-K01/1 was opened, although a decision erased it"
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"legal_basis": "UU 27/2022"}, "'decision' not found"),
        ({"decision": "SK 1"}, "'legal_basis' not found"),
        ({"decision": " ", "legal_basis": "UU"}, "the decision of an erasure is empty"),
        ({"decision": 1, "legal_basis": "UU"}, "1 is not a string"),
    ],
)
def test_an_erasure_without_its_decision_is_found(
    data: dict[str, Any], says: str, tamper: Tamper
) -> None:
    def change(forged: list[Any]) -> None:
        sealed(forged)
        forged[-1]["data"] = data

    report = tamper(change)
    assert report["exit"] == 1
    assert says in report["finding"]


def test_a_withheld_text_is_counted_and_is_a_finding_if_all_are_demanded(
    hand_over: HandOver, kept: Kept, tmp_path: Path
) -> None:
    assert hand_over(OPENED)["texts"]["withheld"] == 88
    report = hand_over(OPENED, options=["--all-texts"])
    found = records(hand_over.folder)
    first = next(place for place, one in enumerate(found, 1) if one["text"])
    assert (report["exit"], report["position"]) == (1, first)
    assert report["finding"].endswith("is withheld: no decision erased it")
    forged = records(kept.folder)
    sealed(forged)
    for one in forged:
        keeps = one["stream"] == "conflict-K01" and one["version"] == 1
        one["text"] = one["text"] if keeps else {}
        one["text"].pop("parties.0", None)
    hand_over.folder = forge(tmp_path / "few", kept.key, forged)
    report = hand_over(OPENED, options=["--all-texts"])
    assert (report["exit"], report["texts"]["opened"]) == (0, 1)
    assert report["texts"] == {
        "commitments": 2,
        "erased": 1,
        "opened": 1,
        "withheld": 0,
    }
