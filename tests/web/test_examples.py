"""The examples of responses agree with the routes over the example register.

`IKU_RECORD_EXAMPLES=1 pytest tests/web/test_examples.py` records them again.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import jsonschema_rs
import pytest

from iku.access import sessions
from iku.app import App
from iku.domain.account import Role
from iku.exchange.table_output import XLSX
from iku.ledger import checkpoint_signing
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.pool import Plain
from iku.settings import Settings
from iku.web import examples
from tests.conftest import SETTINGS, copy_keys
from tests.exchange.papers import signing
from tests.exchange.test_bundle import WITNESS, cosign
from tests.web.conftest import Client
from tests.web.test_authentication import invited, key_of

FILE = Path(examples.__file__).with_name("examples.json")
RECORD = "IKU_RECORD_EXAMPLES" in os.environ
YEAR_END = {"as_of": "2021-12-31"}
MOST = 2  # items of a list, and rows of CSV
LINES = 12  # of metrics
NDJSON, CSV, OCTETS = "application/x-ndjson", "text/csv", "application/octet-stream"


class Ask(NamedTuple):
    """A request whose response is an example."""

    operation: str
    path: str
    params: Mapping[str, Any] = MappingProxyType({})
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})


def step(kind: str, actor: str, **more: Any) -> Ask:
    """A step of the publication."""
    body = {"type": kind, "reason": "LKjIP 2021", **more}
    path = "/publications/2021/events"
    return Ask("recordPublicationEvent", path, body=body, headers={"Iku-Actor": actor})


def body(operation: str, name: str) -> Any:
    return examples.BODIES[operation][name]


IKU_1 = "/indicators/IKU-1"
BEFORE = (
    Ask("reportConflict", "/conflicts", body=body("reportConflict", "numbered")),
    Ask(
        "recordConflictEvent",
        "/conflicts/K14/events",
        body=body("recordConflictEvent", "verified"),
    ),
    Ask(
        "attachFile",
        "/conflicts/K14/attachments",
        body=b"Berita acara kesepakatan",
        headers={"Content-Type": OCTETS, "Iku-File-Name": "berita%20acara.txt"},
    ),
    Ask("getAttachment", "/conflicts/K14/attachments/3"),
    Ask(
        "registerOrganisation",
        "/organisations",
        body=body("registerOrganisation", "numbered"),
    ),
    Ask(
        "recordOrganisationEvent",
        "/organisations/O41/events",
        body=body("recordOrganisationEvent", "participated"),
    ),
    Ask(
        "attachOrganisationFile",
        "/organisations/O41/attachments",
        body=b"Surat keterangan terdaftar",
        headers={"Content-Type": OCTETS, "Iku-File-Name": "skt.txt"},
    ),
    Ask("getOrganisationAttachment", "/organisations/O41/attachments/3"),
    Ask("draftPublication", "/publications", body=body("draftPublication", "year")),
    step("closed", "ani", known_on="2022-01-15"),
    step("reviewed", "siti"),
    step("published", "budi"),
    Ask(
        "redefineIndicator",
        "/indicators/IKU-2/definitions",
        {"preview": "true"},
        body=body("redefineIndicator", "threshold"),
    ),
    Ask(
        "redefineIndicator",
        "/indicators/IKU-2/definitions",
        body=body("redefineIndicator", "threshold"),
    ),
    Ask(
        "setTarget",
        f"{IKU_1}/targets",
        {"preview": "true"},
        body=body("setTarget", "next"),
    ),
    Ask("setTarget", f"{IKU_1}/targets", body=body("setTarget", "next")),
    Ask(
        "recordIndicatorEvent",
        f"{IKU_1}/events",
        {"preview": "true"},
        body=body("recordIndicatorEvent", "target"),
    ),
    Ask(
        "recordIndicatorEvent",
        f"{IKU_1}/events",
        body=body("recordIndicatorEvent", "target"),
    ),
)
AFTER = (
    Ask("listConflicts", "/conflicts", {"limit": 2}),
    Ask("listConflicts", "/conflicts", headers={"Accept": CSV}),
    Ask("listConflictEvents", "/conflicts/K10/events"),
    Ask("getConflict", "/conflicts/K10"),
    Ask("listOrganisations", "/organisations", {"limit": 2}),
    Ask("listOrganisations", "/organisations", headers={"Accept": CSV}),
    Ask("listOrganisationEvents", "/organisations/O12/events"),
    Ask("getOrganisation", "/organisations/O12"),
    Ask("listIndicators", "/indicators"),
    Ask("getIndicator", IKU_1),
    Ask("listIndicatorEvents", f"{IKU_1}/events"),
    Ask("getFigure", f"{IKU_1}/figure", {**YEAR_END, "breakdown": "dimension"}),
    Ask("listFigures", "/figures", YEAR_END),
    Ask("verifyFigure", f"/figures/{examples.PARAMETERS['number']}"),
    Ask("getSeries", f"{IKU_1}/series", {"from": "2021-01-01", "to": "2021-12-31"}),
    Ask("explainFigure", f"{IKU_1}/explanation", {**YEAR_END, "limit": 2}),
    Ask("explainFigure", f"{IKU_1}/explanation", YEAR_END, headers={"Accept": CSV}),
    Ask("replayFigure", f"{IKU_1}/replay", YEAR_END),
    Ask(
        "getDifference",
        f"{IKU_1}/difference",
        {**YEAR_END, "against_known_on": "2022-01-15"},
    ),
    Ask(
        "compareDefinitions",
        "/indicators/IKU-2/comparison",
        {**YEAR_END, "definition": 1, "participation_threshold": 2},
    ),
    Ask("listPublications", "/publications"),
    Ask("getPublication", "/publications/2021"),
    Ask("listPublicationChanges", "/publications/2021/changes"),
    Ask("getSubject", "/subjects/conflict-K14"),
    Ask("listOpenings", "/openings"),
    Ask("readLog", "/log/events", {"limit": 2}),
    Ask("readLog", "/log/events", {"limit": 1}, headers={"Accept": NDJSON}),
    Ask("getCheckpoint", "/log/checkpoint"),
    Ask("getEntries", "/log/tile/entries/000.p/1"),
    Ask("getTile", "/log/tile/0/000.p/1"),
    Ask("proveInclusion", "/log/proof/inclusion/5"),
    Ask("proveConsistency", "/log/proof/consistency", {"old": 4}),
    Ask("statePaperData", "/paper-data", body=body("statePaperData", "signer")),
    Ask("listPaperData", "/paper-data"),
    Ask(
        "annulPaperData",
        "/paper-data/signer.kepala-badan/events",
        body=body("annulPaperData", "annulled"),
    ),
    Ask("listPaperDataEvents", "/paper-data/signer.kepala-badan/events"),
    Ask("getPolicy", "/log/policy"),
    Ask("getAgency", "/agency"),
    Ask("isAlive", "/health/live"),
    Ask("isReady", "/health/ready"),
    Ask("getMetrics", "/metrics"),
    Ask(
        "eraseSubject",
        "/subjects/conflict-K14/erasure",
        body=body("eraseSubject", "decided"),
    ),
)


async def proposals(client: Client) -> tuple[Ask, ...]:
    """Requests about a proposal, whose identifier its receipt gives."""
    made = await client.records("/proposals", body("propose", "correction"))
    path = f"/proposals/{made['id']}"
    return (
        Ask("propose", "/proposals", body=body("propose", "correction")),
        Ask("listProposals", "/proposals"),
        Ask("getProposal", path),
        Ask(
            "decideProposal",
            f"{path}/events",
            body=body("decideProposal", "declined"),
            headers={"Iku-Actor": "budi"},
        ),
    )


ISSUED = {"publication": "2021"}
ISSUE = (Ask("issuePaper", "/papers/data-terbuka", ISSUED, body=b""),)


async def signed_paper(client: Client) -> tuple[Ask, ...]:
    """Requests about an issued paper, which is signed here."""
    path = "/publications/2021/papers/data-terbuka.pdf"
    final = await client.get(path)
    assert final.headers["Iku-Paper"] == "issued"
    of = "/papers/data-terbuka"
    return (
        Ask("getPublicationPaper", path),
        Ask("getPaper", f"{of}.pdf", ISSUED),
        Ask("takeSignedPaper", f"{of}/signed", ISSUED, signing.sign(final.content)),
        Ask("getSignedPaper", f"{of}/signed", ISSUED),
    )


async def accounts(app: App) -> tuple[Ask, ...]:
    """Requests of the first administrator, in a fresh session."""
    admin = (await invited(app, Role.ADMIN)).account
    other = (await invited(app, Role.KEPALA_BADAN)).account
    async with app.pool.acquire() as connection:
        token = await sessions.open_session(connection, admin, method="password+totp")
    by = {"Cookie": f"__Host-iku={token}", "Sec-Fetch-Site": "same-origin"}
    key = (await key_of(app, admin, Role.ADMIN)).split("_")[1]
    day = {"effective_on": app.commands.today().isoformat()}
    suspended = body("recordAccountEvent", "suspended") | day
    own, its = f"/accounts/{admin}", f"/accounts/{other}"
    asked = (
        Ask("inviteAccount", "/accounts", body=body("inviteAccount", "petugas")),
        Ask("listAccounts", "/accounts"),
        Ask("getAccount", own),
        Ask("issueAccountLink", f"{its}/link", body=b""),
        Ask("recordAccountEvent", f"{its}/events", body=suspended),
        Ask("listSessions", f"{own}/sessions"),
        Ask("createApiKey", f"{own}/keys", body=body("createApiKey", "script")),
        Ask("listApiKeys", f"{own}/keys"),
        Ask("revokeApiKey", f"{own}/keys/{key}/revocation", body=b""),
        Ask("endSessions", f"{its}/sessions/end", body=body("endSessions", "all")),
    )
    return tuple(one._replace(headers=by) for one in asked)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a key folder of its own, because the erasure is recorded there."""
    keys, witnesses = copy_keys(tmp_path / "keys"), tmp_path / "witnesses"
    witnesses.write_text(f"witness W {WITNESS.verifier}\nquorum W\n")
    return replace(SETTINGS, keys=keys, witnesses=witnesses)


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> str:
    return "imported" if "register" in request.fixturenames else "furnished"


@pytest.fixture
def register(client: Client) -> Client:
    """A client over the imported example register."""
    return client  # `contents` selects that template


async def ask(client: Client, one: Ask) -> httpx.Response:
    if one.body is None:
        return await client.get(one.path, params=dict(one.params), headers=one.headers)
    sent = {"content": one.body} if isinstance(one.body, bytes) else {"json": one.body}
    return await client.post(one.path, params=one.params, headers=one.headers, **sent)


def shortened(value: Any) -> Any:
    """*value* with the first items of its lists."""
    if isinstance(value, dict):
        return {name: shortened(one) for name, one in value.items()}
    return (
        [shortened(one) for one in value[:MOST]] if isinstance(value, list) else value
    )


def shown(answer: httpx.Response) -> tuple[str, Any]:
    """The media type of a response, and the part of it that the example shows."""
    media_type = answer.headers["Content-Type"].partition(";")[0]
    match media_type:
        case "application/json":
            return media_type, shortened(answer.json())
        case "application/x-ndjson":
            return media_type, json.loads(answer.text.splitlines()[-1])
        case "text/csv":
            return media_type, "".join(answer.text.splitlines(keepends=True)[:MOST])
        case "application/octet-stream" | "application/pdf":
            return media_type, None
        case _ if answer.text.startswith("# HELP"):
            return media_type, "".join(answer.text.splitlines(keepends=True)[:LINES])
        case _:
            return media_type, answer.text


async def recorded(
    client: Client, app: App, signer: Plain, home: SignerFolder
) -> dict[str, Any]:
    """The responses, by operation, status and media type."""
    found: dict[str, Any] = {}

    async def record(asked: tuple[Ask, ...]) -> None:
        for one in asked:
            answer = await ask(client, one)
            assert answer.is_success, (one, answer.text)
            media_type, example = shown(answer)
            of = found.setdefault(one.operation, {}).setdefault(
                str(answer.status_code), {}
            )
            of.setdefault(media_type, example)

    origin = app.settings.origin
    home.make_key(origin)
    await record(BEFORE[:1])
    await checkpoint_signing.sign(signer, home, origin)
    await record(BEFORE[1:])
    await checkpoint_signing.sign(signer, home, origin)
    await record(await proposals(client))
    await record(AFTER)
    await record(ISSUE)
    await checkpoint_signing.sign(signer, home, origin)
    await cosign(signer)
    await record(await signed_paper(client))
    await record(await accounts(app))
    return found


def different(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """The paths at which two values differ in field names or types."""
    if expected is None or found is None:
        return
    if type(expected) is not type(found):
        yield f"{path}: {expected!r} and {found!r}"
    elif isinstance(expected, dict):
        if expected.keys() != found.keys():
            yield f"{path}: {sorted(expected)} and {sorted(found)}"
        for name in expected.keys() & found.keys():
            yield from different(expected[name], found[name], f"{path}.{name}")
    elif isinstance(expected, list):
        if bool(expected) != bool(found):
            yield f"{path}: {expected!r} and {found!r}"
        for number, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from different(one, other, f"{path}[{number}]")


async def test_each_example_is_what_its_route_answers(
    register: Client, app: App, signer: Plain, tmp_path: Path
) -> None:
    found = await recorded(register, app, signer, SignerFolder(tmp_path / "signer"))
    if RECORD:
        text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=False)
        FILE.write_text(f"{text}\n")
    assert list(different(json.loads(FILE.read_text()), found)) == []


def answers(described: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each content of each successful response."""
    for path in described["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    for media_type, content in answer["content"].items():
                        yield operation["operationId"], media_type, content


def test_every_answer_has_an_example_that_its_schema_allows(described: Any) -> None:
    checked = 0
    for operation, media_type, content in answers(described):
        if "schema" not in content or content["schema"].get("format") == "binary":
            assert media_type in {OCTETS, XLSX, "*/*"}, operation
            continue
        schema = content["schema"] | {"components": described["components"]}
        jsonschema_rs.validate(schema, content["example"])
        checked += 1
    assert checked >= 42


def test_every_parameter_has_a_description_and_an_example_it_allows(
    described: Any,
) -> None:
    for path in described["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                if "$ref" in parameter:
                    continue
                where = (operation["operationId"], parameter["name"])
                assert parameter["description"], where
                schema = parameter["schema"]
                # The page prefills required parameters only.
                shown = (
                    [parameter["example"]]
                    if "example" in parameter
                    else schema["examples"]
                )
                for one in shown:
                    jsonschema_rs.validate(schema, one)
