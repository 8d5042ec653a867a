"""`iku-verify` agrees with the published test vectors, and with the program."""

import dataclasses
import inspect
import json
import re
from pathlib import Path
from time import process_time
from typing import Any
from unicodedata import is_normalized

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import iku_verify
from iku.ledger import note, policy, proof_building, signature_algorithm
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Malformed, Note
from iku.ledger.tlog_proof import TlogProof
from tests.exchange import conftest as exchanging
from tests.ledger import test_note as notes
from tests.ledger import test_policy as policies
from tests.ledger import test_proof_building as proofs
from tests.ledger import test_tree as trees
from tests.samples import examples

remembered_signatures = exchanging.remembered_signatures
PROGRAM = Path(iku_verify.__file__).read_text("utf-8")
LINES = 3_665
SKIPPED = {6, 7, 11, 12, 13}  # sections of part one that an auditor may skip
HOUR = 1_300  # lines of the rest, which is to be read in an hour


def test_the_program_is_as_long_as_can_be_read() -> None:
    assert len(PROGRAM.splitlines()) <= LINES


def test_what_an_auditor_has_to_read_is_read_in_an_hour() -> None:
    guide = str(iku_verify.__doc__).partition("What an auditor may skip:")[2]
    skipped = re.findall(r"\b(?<!0x)\d+\b", guide.partition("The rest of part one")[0])
    assert {int(number) for number in skipped} == SKIPPED
    part_one = PROGRAM.partition("Part two: the figures =")[0]
    head, *sections = re.split(r"^# -+ (?=\d+\. )", part_one, flags=re.MULTILINE)
    read = [one for one in sections if int(one.partition(".")[0]) not in SKIPPED]
    assert sum(len(one.splitlines()) for one in (head, *read)) <= HOUR


def test_the_reading_guide_names_each_section_that_there_is() -> None:
    titles = re.findall(r"^# -+ (\d+)\. ([^(\n]*[^(\n ])", PROGRAM, re.MULTILINE)
    assert [number for number, _ in titles] == [str(n + 1) for n in range(len(titles))]
    guide = str(iku_verify.__doc__).partition("Reading guide.")[2]
    named = re.findall(r"^ {4,5}(\d+)  ([^:\n]*)", guide, re.MULTILINE)
    assert named == titles


def test_the_guide_and_the_audit_have_the_same_steps() -> None:
    guide = str(iku_verify.__doc__).partition("Reading guide.")[2]
    steps = sorted(set(re.findall(r"\(([a-z])\)", guide)))
    verify = inspect.getsource(iku_verify.Audit.verify)
    comments = "".join(re.findall("#.*", verify))
    assert steps == re.findall(r"\(([a-z])\)", comments)


# RFC 8032, 7.1: public key, message, signature of tests 1, 2 and 3.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
            "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
            "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_ed25519_is_that_of_the_rfc(public: str, message: str, signature: str) -> None:
    key, text, signed = map(bytes.fromhex, (public, message, signature))
    assert iku_verify.ed25519_verifies(key, text, signed)
    assert not iku_verify.ed25519_verifies(key, text + b"x", signed)
    for at in range(64):
        broken = bytearray(signed)
        broken[at] ^= 1
        assert not iku_verify.ed25519_verifies(key, text, bytes(broken))


def test_a_signature_in_another_spelling_is_none() -> None:
    key, text, signed = map(bytes.fromhex, VECTORS[1])
    s = int.from_bytes(signed[32:], "little") + iku_verify.L
    assert not iku_verify.ed25519_verifies(
        key, text, signed[:32] + s.to_bytes(32, "little")
    )
    for wrong in (signed[:-1], signed + b"\0", b""):
        assert not iku_verify.ed25519_verifies(key, text, wrong)
    for no_point in (
        b"\xff" * 32,
        (2).to_bytes(32, "little"),
        b"\1" + bytes(30) + b"\x80",
        b"",
    ):
        assert not iku_verify.ed25519_verifies(no_point, text, signed)


@settings(max_examples=examples(30, 7), deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 9), st.integers(0, 2**40))
def test_what_our_keys_sign_verifies(seed: bytes, size: int, time: int) -> None:
    text = Checkpoint("iku.test/log", size, proofs.ROOT[size]).text
    for algorithm in note.Algorithm:
        key = note.SigningKey("iku.test/log", algorithm, seed)
        theirs = iku_verify.Key(key.name, int(algorithm), key.verifier.public)
        assert theirs.key_id == key.verifier.key_id
        line = key.sign(text, time)
        one = iku_verify.read_checkpoint(str(Note(text, (line,))).encode(), "it")
        assert theirs.verifies(one, line.payload)
        other = dataclasses.replace(one, text=text + "x", size=size + 1)
        assert not theirs.verifies(other, line.payload)


def test_each_signature_type_of_the_program_is_one_to_an_auditor() -> None:
    assert {*iku_verify.SIGNATURE_TYPES} == {*note.Algorithm}


@pytest.mark.parametrize("public", notes.weak_keys().values(), ids=notes.weak_keys())
def test_a_key_that_is_weak_to_us_is_weak_to_an_auditor(public: bytes) -> None:
    assert not iku_verify.is_ed25519_key(public)
    assert not signature_algorithm.is_sound_point(public)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_sound_to_an_auditor_if_it_is_to_us(public: bytes) -> None:
    assert iku_verify.is_ed25519_key(public) == signature_algorithm.is_sound_point(
        public
    )


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_that_of_certificate_transparency(size: int) -> None:
    tree = iku_verify.Tree()
    for record in trees.RECORDS[:size]:
        tree.add(iku_verify.leaf_hash(record))
    assert tree.root().hex() == trees.ROOTS[size]


async def test_every_leaf_is_proved_and_no_damaged_path_is() -> None:
    memory = proofs.Memory(proofs.LEAVES)
    for size in (1, 2, 3, 7, 8, 9, 33, 64):
        for index in range(size):
            proof = await proof_building.inclusion(memory, index, size)
            leaf, root = proofs.LEAVES[index], proofs.ROOT[size]
            iku_verify.check_inclusion(leaf, index, size, root, proof)
            for broken in proofs.damaged(proof):
                with pytest.raises(iku_verify.Finding):
                    iku_verify.check_inclusion(leaf, index, size, root, broken)
            with pytest.raises(iku_verify.Finding):
                iku_verify.check_inclusion(leaf, index + size, size, root, proof)


def test_a_tile_lies_where_ours_do() -> None:
    from iku.ledger import tile  # noqa: PLC0415 - beside the one it is held against

    for number, width in ((0, 256), (7, 1), (999, 9), (1000, 256), (1_234_067, 255)):
        assert iku_verify.tile_index(number, width) == tile.encode_index(number, width)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_536, 70_000])
def test_a_tree_is_cut_into_the_tiles_that_ours_is(size: int) -> None:
    from iku.ledger import tile  # noqa: PLC0415 - beside the one it is held against

    tree, found = iku_verify.Tree(), set()
    for index in range(size):
        tree.add(index.to_bytes(32, "big"))
        found |= {path for path, _ in tree.pop_tiles(last=tree.size == size)}
    assert found == {one.path() for one in tile.tiles(size) if one.level > 0}


def refusals(test: Any) -> list[Any]:
    """The first argument of each case of the parametrized *test*."""
    [mark] = [one for one in test.pytestmark if one.name == "parametrize"]
    return [case[0] for case in mark.args[1]]


REFUSED = policies.test_what_is_no_policy_is_refused_by_its_line


@pytest.mark.parametrize("spelt", refusals(REFUSED))
def test_what_is_no_policy_to_us_is_none_to_an_auditor(spelt: str) -> None:
    with pytest.raises(iku_verify.Finding) as caught:
        iku_verify.read_policy(spelt.encode())
    assert caught.value.code == 2


def test_a_policy_is_read_as_we_read_it() -> None:
    ours = policy.parse(policies.EXAMPLE.encode())
    theirs = iku_verify.read_policy(policies.EXAMPLE.encode())
    assert [key.public for key in theirs.logs] == [p.key.public for p in ours.logs]
    everybody = {
        name: iku_verify.Cosignature(key, 1) for name, key in theirs.witnesses.items()
    }
    for names in (["X1"], ["X1", "X2"], ["X1", "X2", "Y1"], ["Y1", "Y2"], []):
        judged = theirs.is_quorum([everybody[name] for name in names])
        assert judged == ours.is_quorum([ours.witnesses[name].key for name in names])
    nobody = iku_verify.read_policy(b"quorum none")
    assert not nobody.is_quorum([])


def test_nested_groups_are_counted_by_an_auditor_as_by_us() -> None:
    theirs = iku_verify.read_policy(policies.nested_groups(5_000).encode())
    assert theirs.is_quorum([iku_verify.Cosignature(theirs.witnesses["W"], 1)])
    assert not theirs.is_quorum([iku_verify.Cosignature(theirs.witnesses["W"], 0)])


def test_a_long_policy_takes_an_auditor_time_in_proportion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The arithmetic of each key would take most of the time, and hide a slow search.
    kind = iku_verify.SIGNATURE_TYPES[0x04]._replace(is_key=lambda _: True)
    monkeypatch.setitem(iku_verify.SIGNATURE_TYPES, 0x04, kind)

    def took(count: int) -> float:
        raw = policies.many_witnesses(count)
        began = process_time()
        read = iku_verify.read_policy(raw)
        assert len(read.witnesses) == count
        return process_time() - began

    few, many = min(took(250) for _ in range(3)), took(4_000)
    assert many < 16 * few * 6  # the square would be 256 times as much


@pytest.mark.parametrize("raw", refusals(notes.test_what_is_no_note_is_refused)[:-2])
def test_what_is_no_note_to_us_is_none_to_an_auditor(raw: bytes) -> None:
    with pytest.raises(Malformed):
        note.parse(raw)
    # The text is that of a checkpoint, so that only the tested fault is wrong.
    text = Checkpoint("iku.test/log", 9, proofs.ROOT[9]).text.encode()
    with pytest.raises(iku_verify.Finding) as caught:
        iku_verify.read_checkpoint(raw.replace(b"text\n", text), "it")
    assert caught.value.code == 2


LOG = notes.log_key()
WITNESS = notes.witness_key()
TRUSTED = f"log {LOG.verifier}\nwitness W {WITNESS.verifier}\nquorum W\n"


async def signed(size: int = 9, root: bytes | None = None) -> Note:
    text = Checkpoint("iku.test/log", size, root or proofs.ROOT[size]).text
    return Note(text, (LOG.sign(text), WITNESS.sign(text, 1)))


def run(capsys: Any, *arguments: object) -> Any:
    code = iku_verify.main([*map(str, arguments), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["exit"] == code
    return report


async def test_a_proof_is_verified_by_a_leaf_or_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = b"a record"
    leaves = [*proofs.LEAVES[:5], iku_verify.leaf_hash(record), *proofs.LEAVES[6:9]]
    hashes = await proof_building.inclusion(proofs.Memory(leaves), 5, 9)
    last = await signed(9, proofs.roots(leaves)[9])
    (tmp_path / "policy").write_text(TRUSTED)
    (tmp_path / "record").write_bytes(record)
    (tmp_path / "proof").write_text(str(TlogProof(5, tuple(hashes), last)))
    asked = ["proof", tmp_path / "proof", "--policy", tmp_path / "policy"]
    assert run(capsys, *asked, "--record", tmp_path / "record")["exit"] == 0
    report = run(capsys, *asked, "--leaf", leaves[5].hex())
    assert (report["exit"], report["position"]) == (0, 6)
    assert run(capsys, *asked, "--leaf", leaves[4].hex())["exit"] == 1
    assert run(capsys, *asked, "--leaf", "xyz")["exit"] == 2
    spelt = (tmp_path / "proof").read_bytes()
    for at in range(0, len(spelt), 7):
        broken = bytearray(spelt)
        broken[at] ^= 1
        (tmp_path / "proof").write_bytes(broken)
        assert run(capsys, *asked, "--leaf", leaves[5].hex())["exit"] in {1, 2, 3}, at


def evidence(folder: Path) -> Any:
    """The evidence of a contradiction, which is the only file in the folder."""
    [path] = folder.glob("evidence-*")
    return json.loads(path.read_text())


async def test_two_checkpoints_of_one_size_agree_or_convict(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy").write_text(TRUSTED)
    written = {
        "a": str(await signed()),
        "b": str(await signed()),
        "fork": str(await signed(9, bytes(32))),
        "later": str(await signed(10)),
    }
    for name, one in written.items():
        (tmp_path / name).write_text(one)
    found = [
        run(capsys, "compare", "a", name, "--policy", "policy")["exit"]
        for name in ("b", "later", "fork")
    ]
    assert found == [0, 3, 4]
    kept = evidence(tmp_path)
    assert kept["notes"] == [written["a"], written["fork"]]


def test_a_command_that_is_not_understood_ends_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for typed in (
        [],
        ["frobnicate"],
        ["bundle"],
        ["proof", "x"],
        ["bundle", "x", "--y"],
    ):
        with pytest.raises(SystemExit) as caught:
            iku_verify.main(typed)
        assert caught.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


RECORD = (
    '{"actor":"u","command":"c","data":{},"declared":false,"effective_on":null,'
    '"known_on":"2021-01-02","recorded_at":"2021-01-02T03:04:05.000006Z","schema":2,'
    '"stream":"a-1","text":{},"type":"noted","version":1}'
)


def nested(deep: int) -> str:
    """An object with *deep* nested arrays."""
    return f'{{"n":{"[" * deep}{"]" * deep}}}'


def test_what_the_profile_just_allows_is_read() -> None:
    for data in (
        *('{"n":9007199254740991}', '{"n":-9007199254740991}', '{"n":"\u00e9"}'),
        *('{"n":"\\\\u0000"}', nested(32)),
    ):
        raw = RECORD.replace("{}", data, 1).encode()
        assert iku_verify.Records().read(1, raw)["data"] == json.loads(data)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (RECORD.replace(":1}", ":2}"), "version of a-1: expected 1, found 2"),
        (RECORD.replace(',"known', ', "known'), "not in canonical encoding"),
        (RECORD.replace('"u"', '"\\u0075"'), "not in canonical encoding"),
        (
            RECORD.replace('"actor":"u"', '"actor":"u","actor":"u"'),
            "not in canonical encoding",
        ),
        ("[]", "not in canonical encoding"),
        ("{", "is not JSON"),
        (
            RECORD.replace('"schema":2', '"schema":2.5'),
            "is not JSON of strings and int",
        ),
        (
            RECORD.replace('"schema":2', '"schema":NaN'),
            "is not JSON of strings and int",
        ),
        (RECORD.replace('"data":{},', ""), "the keys of the record: expected"),
        (RECORD.replace('"version":1', '"version":1,"with":1'), "the keys of the rec"),
        ("\udcff", "is not JSON"),
        ("[" * 60_000, "is not JSON"),
        (RECORD.replace("2021-01-02T03", "2021-01-02 03"), "recorded_at: expected"),
        (RECORD.replace("-02T03", "-02T24"), "recorded_at: expected an instant or lat"),
        (RECORD.replace("02T03", "32T03"), "the record has an invalid day"),
        (RECORD.replace('"u"', "1"), "type of actor: expected str, found int"),
        (RECORD.replace(":null", ":1"), "type of effective_on: expected str, found in"),
        (RECORD.replace(":1}", ":true}"), "type of version: expected int, found bool"),
        (
            RECORD.replace('"a-1"', '"a"'),
            "the name of the stream lacks a category or a subject",
        ),
        (RECORD.replace("{}", '{"\u00e9":1}', 1), "a key that is not ASCII"),
        (
            RECORD.replace('"text":{}', '"text":{"by":"Budi"}'),
            "text.by is not a commitment",
        ),
        (RECORD.replace("{}", '{"n":9007199254740992}', 1), "is not JSON of strings"),
        (RECORD.replace("{}", '{"n":-9007199254740992}', 1), "is not JSON of strings"),
        (RECORD.replace("{}", '{"n":"e\u0301"}', 1), "contains text not in NFC"),
        (RECORD.replace("{}", '{"n":"\\u0000"}', 1), "or with U+0000"),
        (RECORD.replace("{}", nested(33), 1), "the data are nested too deeply"),
        (RECORD.replace("{}", nested(700), 1), "the data are nested too deeply"),
    ],
)
def test_a_record_that_breaks_a_rule_is_named(raw: str, says: str) -> None:
    with pytest.raises(iku_verify.Finding) as caught:
        iku_verify.Records().read(7, raw.encode("utf-8", "surrogateescape"))
    assert str(caught.value).startswith("position 7: ")
    assert says in str(caught.value)
    assert caught.value.code == 1


CLEARING = (
    RECORD.replace("{}", '{"cleared":["area"],"corrects":1}', 1)
    .replace('"a-1"', '"conflict-K1"')
    .replace('"noted"', '"corrected"')
)


def test_a_correction_that_clears_fields_has_schema_number_3() -> None:
    raw = CLEARING.replace('"schema":2', '"schema":3')
    assert iku_verify.Records().read(1, raw.encode())["schema"] == 3
    for wrong, due, found in (
        (CLEARING, 3, 2),
        (RECORD.replace('"schema":2', '"schema":3'), 2, 3),
        (raw.replace("conflict-K1", "indicator-IKU-1"), 2, 3),
    ):
        says = f"position 1: schema number: expected {due}, found {found}"
        with pytest.raises(iku_verify.Finding, match=says):
            iku_verify.Records().read(1, wrong.encode())


@pytest.mark.parametrize("number", ["1", "4", "true", '"2"', "null", "[2]"])
def test_a_schema_number_that_is_not_known_is_named_and_not_verified(
    number: str,
) -> None:
    raw = RECORD.replace('"schema":2', f'"schema":{number}')
    with pytest.raises(
        iku_verify.Finding, match="is not known to this program"
    ) as not_:
        iku_verify.Records().read(7, raw.encode())
    assert (not_.value.position, not_.value.code) == (7, 3)


def test_clocks_and_knowledge_do_not_fall() -> None:
    second = RECORD.replace(":1}", ":2}")
    for changed, says in (
        (second.replace("05.000006", "05.000005"), "recorded_at: expected 2021-01-02T"),
        (
            second.replace('"2021-01-02"', '"2021-01-01"'),
            "known_on: expected 2021-01-02",
        ),
    ):
        records = iku_verify.Records()
        assert records.read(1, RECORD.encode())["actor"] == "u"
        with pytest.raises(iku_verify.Finding, match=f"position 2: {says}"):
            records.read(2, changed.encode())


def test_a_command_id_belongs_to_one_command() -> None:
    records = iku_verify.Records()

    def read(position: int, stream: str, command: str) -> None:
        raw = RECORD.replace("a-1", stream).replace('"c"', f'"{command}"')
        records.read(position, raw.encode())

    for position, (stream, command) in enumerate(
        (("a-1", "c"), ("b-1", "c"), ("c-1", "d"), ("d-1", "d"), ("e-1", "e")), 1
    ):
        read(position, stream, command)
    says = "position 6: the command id c is that of an earlier command"
    with pytest.raises(iku_verify.Finding, match=says):
        read(6, "f-1", "c")
    for number in range(20_000):
        read(number, f"g-{number}", f"g{number}")
    with pytest.raises(iku_verify.Finding, match="the command id g9 is that of an"):
        read(20_000, "h-1", "g9")


@given(st.dictionaries(st.text("abc", max_size=3), st.text(max_size=20), max_size=4))
def test_the_one_spelling_is_that_of_our_encoder(data: dict[str, str]) -> None:
    import msgspec  # noqa: PLC0415 - used only to write the input

    assume(
        all(is_normalized("NFC", text) and "\0" not in text for text in data.values())
    )
    record = {**json.loads(RECORD), "data": data}
    try:
        raw = msgspec.json.encode(record, order="sorted")
    except UnicodeEncodeError:
        return
    assert iku_verify.Records().read(1, raw)["data"] == data


@pytest.mark.parametrize("command", ["bundle", "figure", "proof", "compare"])
def test_the_document_names_every_option(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = Path(__file__).parents[1] / "docs" / "cli.md"
    [row] = re.findall(
        rf"^\| `iku-verify {command} .*", document.read_text("utf-8"), re.MULTILINE
    )
    with pytest.raises(SystemExit):
        iku_verify.main([command, "--help"])
    options = {*re.findall(r"--[a-z-]+", capsys.readouterr().out)} - {"--help"}
    assert options
    assert options <= {*re.findall(r"--[a-z-]+", row)}
