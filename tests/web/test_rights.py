"""Every route × role × division, from the table of rights.

A route of the API without a row here fails: who may read or record by it must be stated
first (ASVS 8.2.1, 8.2.2, 8.2.3, 8.3.1).
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from iku.domain.access import TABLE, Action, Extent
from iku.domain.account import Role
from iku.ledger import checkpoint_signing
from iku.ledger.signer_folder import SignerFolder
from iku.postgres import pool as pools
from tests.conftest import SETTINGS, Clone
from tests.web import people
from tests.web.conftest import CASE, ORGANISATION, assembled
from tests.web.people import Office

K, O = "conflict", "organisation"  # noqa: E741
OWNER = {K: "wasnas", O: "poldagri"}
FILE = {"Content-Type": "application/pdf", "Iku-File-Name": "surat.pdf"}


class Row(NamedTuple):
    """A request, and the right that it needs.

    Attributes:
        action: The action; None if the route is public.
        of: The kind of the subject that it concerns; None for the whole agency.
        path: The path of the request, if it is not that of the route.
        body: The JSON of a POST; bytes for a file.
        proposing: Whether those who may only propose the action may do it, too.
        answers: Further statuses of a permitted request.
    """

    route: str
    action: Action | None
    of: str | None = None
    path: str = ""
    body: Any = None
    proposing: bool = False
    answers: tuple[int, ...] = ()

    @property
    def method(self) -> str:
        return self.route.split()[0]


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "effective_on": "2021-03-05", **more}


def step(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "reason": "Uji", **more}


def conflict_event(action: Action, kind: str, **more: Any) -> Row:
    body = event(kind, **more)
    route = "POST /conflicts/{conflict_id:str}/events"
    return Row(route, action, K, "/conflicts/K14/events", body)


def organisation_event(action: Action, kind: str, **more: Any) -> Row:
    body = event(kind, **more)
    route = "POST /organisations/{organisation_id:str}/events"
    return Row(route, action, O, "/organisations/O41/events", body)


def publication_event(
    action: Action, kind: str, of: str | None = None, **more: Any
) -> Row:
    route = "POST /publications/{publication_id:str}/events"
    return Row(route, action, of, "/publications/2017/events", step(kind, **more))


A = Action
DIFFERENCE = "/indicators/IKU-1/difference?as_of=2021-12-31&against_as_of=2021-06-30"
REDEFINED = {
    "effective_on": "2031-01-01",
    "basis": "Perwali 1/2030",
    "reason": "Uji",
    "carry_over": "exclude",
}
TARGET = {"year": 2030, "target": "80.00", "effective_on": "2030-01-01", "basis": "PK"}
REVISED = {"type": "corrected", "corrects": 1, "basis": "PK", "reason": "Uji"}
ERASED = {"decision": "B/1/2026", "legal_basis": "UU 27/2022"}
PROPOSAL, OTHER = "/proposals/{proposal}", "/accounts/{other}"
PROPOSED = {
    "category": "conflict",
    "subject": "K14",
    "command": {
        "type": "corrected",
        "corrects": 1,
        "level": "kekerasan",
        "reason": "Uji",
    },
    "because": "Uji",
}
INDICATOR_PROPOSED = {
    "category": "indicator",
    "subject": "IKU-1",
    "command": {"type": "targeted", **TARGET},
    "because": "Uji",
}
INVITED = {"holder": {"name": "Baru"}, "basis": "SK/2", "role": "perencana"}
SUSPENDED = {
    "type": "suspended",
    "reason": "Uji",
    "effective_on": datetime.now(SETTINGS.timezone).date().isoformat(),
}
IMPORT_PROPOSED = {
    "category": "import",
    "subject": "ab" * 32,
    "command": {"type": "file_allowed", "effective_on": SUSPENDED["effective_on"]},
    "because": "Uji",
}
OF_THE_YEAR = {"publication": "2018"}
PLAN = {
    "type": "plan_set",
    "document": "Renstra",
    "first_year": 2019,
    "last_year": 2023,
}
PAPER_DATA_PROPOSED = {
    "category": "paper_data",
    "subject": "plan",
    "command": PLAN | {"document": "Perubahan Renstra"},
    "because": "Uji",
}
DRAFT = {"period": "year", "as_of": "2016-12-31", "reason": "Uji"}

ROWS = [
    # Public.
    Row("GET /agency", None),
    Row("GET /health/live", None),
    Row("GET /health/ready", None),
    Row("GET /openapi.json", None),
    Row("GET /log/checkpoint", None),
    Row("GET /log/policy", None),
    Row("GET /log/tile/{level:str}/{place:path}", None, path="/log/tile/0/000.p/1"),
    Row(
        "GET /log/proof/inclusion/{position:int}",
        None,
        path="/log/proof/inclusion/1",
    ),
    Row("GET /log/proof/consistency", None, path="/log/proof/consistency?old=1"),
    Row("GET /publications", None),
    Row("GET /publications/{publication_id:str}", None, path="/publications/2018"),
    # Drafts are for those who have signed in.
    Row(
        "GET /publications/{publication_id:str}",
        A.READ_FIGURES,
        path="/publications/2017",
    ),
    # Figures and definitions.
    Row("GET /figures", A.READ_FIGURES),
    Row("GET /figures/{number:str}", A.READ_FIGURES, path="/figures/{figure}"),
    Row("GET /indicators", A.READ_FIGURES),
    Row("GET /indicators/{code:str}", A.READ_FIGURES, path="/indicators/IKU-1"),
    Row(
        "GET /indicators/{code:str}/events",
        A.READ_FIGURES,
        path="/indicators/IKU-1/events",
    ),
    Row(
        "GET /indicators/{code:str}/figure",
        A.READ_FIGURES,
        path="/indicators/IKU-1/figure",
    ),
    Row(
        "GET /indicators/{code:str}/series",
        A.READ_FIGURES,
        path="/indicators/IKU-1/series?from=2021-01-01&to=2021-12-31&step=quarter",
    ),
    # Papers. The open data are issued; no copy can be signed before the proof.
    Row(
        "GET /publications/{publication_id:str}/papers/{file:str}",
        A.READ_FIGURES,
        path="/publications/2018/papers/lkjip.csv",
    ),
    Row(
        "GET /papers/{file:str}",
        A.READ_FIGURES,
        path="/papers/metadata-ms-ind.csv?as_of=2018-12-31",
    ),
    Row(
        "POST /papers/{paper:str}",
        A.AGENCY_DATA,
        path="/papers/data-terbuka?publication=2018",
    ),
    Row(
        "GET /papers/{paper:str}/signed",
        A.READ_FIGURES,
        path="/papers/data-terbuka/signed?publication=2018",
        answers=(404,),
    ),
    Row(
        "POST /papers/{paper:str}/signed",
        A.AGENCY_DATA,
        path="/papers/data-terbuka/signed?publication=2018",
        body=b"%PDF",
    ),
    # Data of the agency.
    Row("GET /paper-data", A.READ_FIGURES),
    Row(
        "GET /paper-data/{statement_id:str}/events",
        A.READ_FIGURES,
        path="/paper-data/plan/events",
    ),
    Row("POST /paper-data", A.AGENCY_DATA, body=PLAN),
    Row(
        "POST /paper-data/{statement_id:str}/events",
        A.AGENCY_DATA,
        path="/paper-data/plan/events",
        body={"type": "annulled", "annuls": 1, "reason": "Uji"},
    ),
    Row("POST /proposals", A.AGENCY_DATA, body=PAPER_DATA_PROPOSED, proposing=True),
    # What a figure counts.
    Row(
        "GET /indicators/{code:str}/explanation",
        A.READ_HISTORY,
        K,
        "/indicators/IKU-1/explanation",
    ),
    Row(
        "GET /indicators/{code:str}/explanation",
        A.READ_HISTORY,
        O,
        "/indicators/IKU-2/explanation",
    ),
    Row(
        "GET /indicators/{code:str}/replay",
        A.READ_HISTORY,
        K,
        "/indicators/IKU-1/replay",
    ),
    Row("GET /indicators/{code:str}/difference", A.READ_HISTORY, K, DIFFERENCE),
    Row(
        "GET /indicators/{code:str}/comparison",
        A.READ_HISTORY,
        K,
        "/indicators/IKU-1/comparison?definition=1",
    ),
    Row(
        "GET /publications/{publication_id:str}/changes",
        A.READ_HISTORY,
        path="/publications/2018/changes",
    ),
    # The register.
    Row("GET /conflicts", A.READ_REGISTER),
    Row("GET /organisations", A.READ_REGISTER),
    Row("GET /conflicts/{conflict_id:str}", A.READ_REGISTER, K, "/conflicts/K14"),
    Row(
        "GET /organisations/{organisation_id:str}",
        A.READ_REGISTER,
        O,
        "/organisations/O41",
    ),
    Row(
        "GET /conflicts/{conflict_id:str}/events",
        A.READ_HISTORY,
        K,
        "/conflicts/K14/events",
    ),
    Row(
        "GET /organisations/{organisation_id:str}/events",
        A.READ_HISTORY,
        O,
        "/organisations/O41/events",
    ),
    Row(
        "GET /conflicts/{conflict_id:str}/attachments/{version:int}",
        A.READ_TEXTS,
        K,
        "/conflicts/K14/attachments/2",
    ),
    Row(
        "GET /organisations/{organisation_id:str}/attachments/{version:int}",
        A.READ_TEXTS,
        O,
        "/organisations/O41/attachments/2",
    ),
    Row(
        "GET /subjects/{subject_id:str}",
        A.ERASE,
        path="/subjects/conflict-K14",
        proposing=True,
    ),
    # The log, and those who read.
    Row("GET /log/events", A.READ_LOG),
    Row(
        "GET /log/tile/entries/{place:path}",
        A.READ_LOG,
        path="/log/tile/entries/000.p/1",
    ),
    Row("GET /openings", A.READ_OPENINGS),
    Row("GET /metrics", A.ADMINISTER),
    # Recording.
    Row("POST /conflicts", A.ENTER, K, body={**CASE, "number": None}),
    conflict_event(A.ENTER, "handled", phase="pencegahan", note="Dipantau"),
    conflict_event(A.VERIFY, "verified"),
    conflict_event(A.CHANGE_STATUS, "reclassified", dimension="politik"),
    conflict_event(
        A.CORRECT, "corrected", corrects=1, dimension="sosial", reason="Uji"
    ),
    Row(
        "POST /conflicts/{conflict_id:str}/attachments",
        A.ENTER,
        K,
        "/conflicts/K14/attachments",
        b"%PDF-1.7",
    ),
    Row("POST /organisations", A.REGISTER, O, body={**ORGANISATION, "number": None}),
    organisation_event(
        A.ENTER, "participated", participation="P1", activity="musrenbang"
    ),
    organisation_event(A.REGISTER, "renewed", valid_until="2031-01-01"),
    organisation_event(A.CHANGE_STATUS, "suspended"),
    organisation_event(A.VERIFY, "participation_verified", participation="P0"),
    organisation_event(A.CORRECT, "corrected", corrects=1, name="X", reason="Uji"),
    Row(
        "POST /organisations/{organisation_id:str}/attachments",
        A.ENTER,
        O,
        "/organisations/O41/attachments",
        b"%PDF-1.7",
    ),
    Row(
        "POST /indicators/{code:str}/definitions",
        A.DEFINE,
        path="/indicators/IKU-1/definitions",
        body=REDEFINED,
    ),
    Row(
        "POST /indicators/{code:str}/targets",
        A.DEFINE,
        path="/indicators/IKU-1/targets",
        body=TARGET,
    ),
    Row(
        "POST /indicators/{code:str}/events",
        A.DEFINE,
        path="/indicators/IKU-1/events",
        body=REVISED,
    ),
    Row("POST /publications", A.DRAFT_PUBLICATION, body=DRAFT),
    publication_event(A.CONFIRM_FIGURE, "confirmed", K, indicator="IKU-1"),
    publication_event(A.CLOSE_PUBLICATION, "closed"),
    publication_event(A.REVIEW_PUBLICATION, "reviewed"),
    publication_event(A.PUBLISH, "published"),
    publication_event(A.RETURN_PUBLICATION, "returned"),
    publication_event(A.WITHDRAW_PUBLICATION, "withdrawn"),
    Row(
        "POST /subjects/{subject_id:str}/erasure",
        A.ERASE,
        path="/subjects/conflict-K2/erasure",
        body=ERASED,
    ),
    # Proposals; {proposal} is one about an indicator.
    Row("POST /proposals", A.CORRECT, K, body=PROPOSED, proposing=True),
    Row("POST /proposals", A.ALLOW_IMPORT, body=IMPORT_PROPOSED, proposing=True),
    Row("GET /proposals", A.READ_FIGURES),
    Row("GET /proposals/{proposal_id:str}", A.READ_FIGURES, path=PROPOSAL),
    Row(
        "POST /proposals/{proposal_id:str}/events",
        A.APPROVE_DEFINITION,
        path=f"{PROPOSAL}/events",
        body={"type": "declined", "reason": "Uji"},
    ),
    # Accounts; {other} is nobody's own.
    Row("GET /accounts", A.SEE_ACCOUNTS),
    Row("POST /accounts", A.ADMINISTER, body=INVITED),
    Row("GET /accounts/{account_id:str}", A.SEE_ACCOUNTS, path=OTHER),
    Row(
        "POST /accounts/{account_id:str}/events",
        A.ADMINISTER,
        path=f"{OTHER}/events",
        body=SUSPENDED,
    ),
    # {head} approves, so its recovery can only be proposed.
    Row(
        "POST /accounts/{account_id:str}/events",
        A.RECOVER_APPROVING,
        path="/accounts/{head}/events",
        body=SUSPENDED | {"type": "recovered"},
        proposing=True,
    ),
    Row("POST /accounts/{account_id:str}/link", A.ADMINISTER, path=f"{OTHER}/link"),
    Row(
        "GET /accounts/{account_id:str}/sessions",
        A.ADMINISTER,
        path=f"{OTHER}/sessions",
    ),
    Row(
        "POST /accounts/{account_id:str}/sessions/end",
        A.ADMINISTER,
        path=f"{OTHER}/sessions/end",
        body={},
    ),
    Row("GET /accounts/{account_id:str}/keys", A.SEE_ACCOUNTS, path=f"{OTHER}/keys"),
    # Of another's account it is refused by a rule, whatever the role.
    Row(
        "POST /accounts/{account_id:str}/keys",
        A.READ_FIGURES,
        path=f"{OTHER}/keys",
        body={"name": "uji", "roles": ["perencana"]},
    ),
    Row(
        "POST /accounts/{account_id:str}/keys/{key_id:str}/revocation",
        A.ADMINISTER,
        path=f"{OTHER}/keys/9f86d081884c/revocation",
    ),
]


def label(row: Row) -> str:
    of = f" of {row.of}" if row.of else ""
    kind = row.body.get("type") if isinstance(row.body, dict) else None
    return f"{row.route}{of}{f' {kind}' if kind else ''} {row.action or 'public'}"


def routes() -> set[str]:
    """The GET and POST routes of the API, as the program has them."""
    return {
        f"{method} {route.path.removeprefix('/api/v1')}"
        for route in assembled().routes
        if route.path.startswith("/api/v1/")
        for method in getattr(route, "methods", ())
        if method in {"GET", "POST"}
    }


@pytest.fixture(scope="module")
async def office(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """A register with a published year, then an account for each role."""
    folder = tmp_path_factory.mktemp("rights")
    database = await clone(furnished)
    async with people.opened(database, folder) as found:
        client = found.client
        await client.records("/conflicts", CASE)
        await client.records("/conflicts", {**CASE, "number": "K2"})
        await client.records("/organisations", ORGANISATION)
        for path in ("/conflicts/K14", "/organisations/O41"):
            sent = await client.post(
                f"{path}/attachments", content=b"%PDF-1.4", headers=FILE
            )
            assert sent.status_code == 201, sent.text
        for year in ("2017", "2018"):
            draft = {"period": "year", "as_of": f"{year}-12-31", "reason": "Uji"}
            await client.records("/publications", draft)
        for kind, actor in (("closed", "a"), ("reviewed", "b"), ("published", "c")):
            await client.records(
                "/publications/2018/events", step(kind), Iku_Actor=actor
            )
        await client.records("/paper-data", PLAN)
        issued = await client.post("/papers/data-terbuka", params=OF_THE_YEAR)
        assert issued.status_code == 201, issued.text
        home = SignerFolder(folder / "signer")
        assert database.signer_dsn is not None
        signer = await pools.connect_as_signer(database.signer_dsn)
        await checkpoint_signing.sign(signer, home, home.make_key("iku.test/log").name)
        await signer.close()
        await found.open_accounts()
        found.other = (await found.invite("other", Role.PERENCANA, "admin")).account
        del found.members["other"]
        made = await found.records("perencana", "/proposals", INDICATOR_PROPOSED)
        found.proposal = made["id"]
        yield found


def permitted(row: Row, extent: Extent | None, division: str | None) -> bool:
    own = row.of is None or division == OWNER[row.of]
    match extent:
        case Extent.AGENCY:
            return True
        case Extent.DIVISION:
            return own
        case Extent.PROPOSE:
            return row.proposing
        case Extent.PROPOSE_DIVISION:
            return row.proposing and own
        case _:
            return False


def test_every_route_has_a_row() -> None:
    assert {row.route for row in ROWS} == routes()


@pytest.mark.parametrize("row", ROWS, ids=label)
async def test_a_route_answers_whom_the_table_permits(row: Row, office: Office) -> None:
    path = row.path or row.route.split()[1]
    if "{figure}" in path:
        shown = await office.says("kepala_badan", "/indicators/IKU-1/figure")
        path = path.format(figure=shown["number"])
    path = path.replace("{other}", office.other)
    path = path.replace("{proposal}", office.proposal)
    path = path.replace("{head}", office.members["kepala_bidang-poldagri"].account)
    wrong = []
    for name, member in office.members.items():
        status, said = await asked(office, name, row, path)
        extent = TABLE[row.action].get(member.role) if row.action else Extent.AGENCY
        allowed = permitted(row, extent, member.division)
        if not allowed:
            right = status == 403
        elif row.method == "GET":
            right = status in {200, *row.answers}
        else:  # rules other than rights may refuse it
            right = status in {200, 201, 409}
        if not right:
            wrong.append((name, "allowed" if allowed else "denied", status, said))
    status, said = await asked(office, None, row, path)
    if status != (401 if row.action else 200):
        wrong.append(("nobody", "", status, said))
    assert wrong == []


async def asked(
    office: Office, name: str | None, row: Row, path: str
) -> tuple[int, str]:
    """The status, and the beginning of the response."""
    more: dict[str, Any] = {}
    if isinstance(row.body, bytes):
        more = {"content": row.body + str(name).encode(), "headers": FILE}
    elif row.body is not None:
        body = {key: value for key, value in row.body.items() if value is not None}
        more = {"json": body}
    answer = await office.ask(name, path, row.method, **more)
    return answer.status_code, answer.text[:300]
