"""The API conforms to its description for each role, as schemathesis verifies.

`test_contract` tries many requests in a register without accounts. Here few requests of
each operation are drawn, and the same ones are sent by an account of each role, by an
API key, and by somebody who has not signed in.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from iku.domain.access import RIGHTS, TABLE, Action, Extent
from iku.domain.account import Role
from iku.rights_check import check_rights
from tests.commands.conftest import auditors_findings
from tests.conftest import Clone
from tests.samples import examples
from tests.web import people
from tests.web.conftest import CASE, ORGANISATION, document
from tests.web.people import Office
from tests.web.test_authentication import bearer, key_of
from tests.web.test_rights import FILE, INDICATOR_PROPOSED, ROWS, step

if TYPE_CHECKING:  # the tests that need it import it, because it takes long
    from schemathesis import Case
    from schemathesis.schemas import APIOperation

EXAMPLES = examples(3, 1)  # of each operation, for nine callers
UNKNOWN = examples(1, 0)  # of them, those whose path may name what does not exist
PREFIX = "/api/v1"
PUBLIC = frozenset[Action]()


class Caller(NamedTuple):
    """Somebody who sends requests.

    Attributes:
        headers: Of each request.
        actions: What the table of rights permits or lets be proposed, somewhere.
    """

    headers: dict[str, str]
    actions: frozenset[Action]


class Sent(NamedTuple):
    """A request that was drawn; *known* if its path names what exists."""

    case: "Case[Any]"
    known: bool


@pytest.fixture(scope="module")
async def office(
    clone: Clone, furnished: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """An office with an account for each role, and what its requests are about."""
    folder = tmp_path_factory.mktemp("roles")
    async with people.opened(await clone(furnished), folder) as found:
        client = found.client
        await client.records("/conflicts", CASE)
        await client.records("/organisations", ORGANISATION)
        for path in ("/conflicts/K14", "/organisations/O41"):
            sent = await client.post(
                f"{path}/attachments", content=b"%PDF-1.4", headers=FILE
            )
            assert sent.status_code == 201, sent.text
        draft = {"period": "year", "as_of": "2018-12-31", "reason": "Uji"}
        await client.records("/publications", draft)
        for kind, actor in (("closed", "a"), ("reviewed", "b"), ("published", "c")):
            await client.records(
                "/publications/2018/events", step(kind), Iku_Actor=actor
            )
        await found.open_accounts()
        found.other = (await found.invite("other", Role.PERENCANA, "admin")).account
        made = await found.records("perencana", "/proposals", INDICATOR_PROPOSED)
        found.proposal = made["id"]
        yield found


@pytest.fixture(scope="module")
async def callers(office: Office) -> dict[str, Caller]:
    """An account of each role, an API key for the log, and nobody."""
    found = {"nobody": Caller({}, frozenset())}
    for role in Role:
        name = next(name for name in office.members if name.startswith(role.value))
        headers = office.members[name].headers
        found[role.value] = Caller(headers, _actions(role))
    account = office.members["perencana"].account
    key = await key_of(office.app, account, rights=tuple(RIGHTS.values()))
    found["API key"] = Caller(bearer(key), frozenset(RIGHTS))
    return found


def _actions(role: Role) -> frozenset[Action]:
    return frozenset(action for action, extents in TABLE.items() if role in extents)


def _needed() -> dict[str, frozenset[Action]]:
    """The actions, one of which each operation needs; empty if it is public."""
    found: dict[str, frozenset[Action]] = {}
    for row in ROWS:
        label = row.route.replace(":str", "").replace(":int", "").replace(":path", "")
        public = row.action is None or found.get(label) == PUBLIC
        known = found.get(label, frozenset())
        found[label] = PUBLIC if public else known | {row.action or Action.READ_LOG}
    # Who may propose anything may send proposals; its command is decided later.
    proposable = {
        action
        for action, extents in TABLE.items()
        if {Extent.PROPOSE, Extent.PROPOSE_DIVISION} & {*extents.values()}
    }
    deciding = {action for action in Action if action.startswith("approve")}
    found["POST /proposals"] |= proposable
    found["POST /proposals/{proposal_id}/events"] |= proposable | deciding
    return found


@pytest.fixture(scope="module")
def drawn(office: Office) -> list[Sent]:
    """The requests, most of which name what exists."""
    known = {
        "conflict_id": "K14",
        "organisation_id": "O41",
        "code": "IKU-1",
        "publication_id": "2018",
        "subject_id": "conflict-K14",
        "proposal_id": office.proposal,
        "account_id": office.other,
        "version": 2,
        "position": 1,
    }
    import schemathesis  # noqa: PLC0415 - see above
    from schemathesis.core.result import Ok  # noqa: PLC0415

    schema = schemathesis.openapi.from_dict(json.loads(document()))
    found: list[Sent] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        for number, case in enumerate(_cases(result.ok())):
            if number >= UNKNOWN and case.path_parameters:
                case.path_parameters |= {
                    name: known[name] for name in case.path_parameters if name in known
                }
                case.headers.pop("Iku-Actor", None)
            found.append(Sent(case, number >= UNKNOWN))
    return found


def _cases(operation: "APIOperation[Any, Any, Any, Any]") -> Iterator["Case[Any]"]:
    """Requests of the operation, the same ones each time."""
    found: list[Case[Any]] = []

    @seed(14)
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(case=operation.as_strategy())
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    yield from found[:EXAMPLES]


async def send(office: Office, case: "Case[Any]", headers: dict[str, str]) -> Any:
    """The response to a request that was drawn, sent with further headers."""
    given = case.as_transport_kwargs(base_url="http://iku.test")
    params = {k: v for k, v in (given.get("params") or {}).items() if v is not None}
    body = (
        {"json": given["json"]} if "json" in given else {"content": given.get("data")}
    )
    return await office.client.request(
        given["method"],
        given["url"],
        params=params or None,
        headers=httpx.Headers({**given["headers"], **headers}, encoding="utf-8"),
        **body,
    )


def faults(case: "Case[Any]", answer: httpx.Response) -> list[str]:
    """Why the response does not conform to the description."""
    from schemathesis.core.failures import FailureGroup  # noqa: PLC0415 - see above
    from schemathesis.specs.openapi import checks  # noqa: PLC0415

    if answer.status_code >= 500:
        return [f"{answer.status_code}: {answer.text}"]
    try:
        case.validate_response(
            answer,
            checks=[
                checks.status_code_conformance,
                checks.content_type_conformance,
                checks.response_headers_conformance,
                checks.response_schema_conformance,
            ],
        )
    except FailureGroup as group:
        return [str(one) for one in group.exceptions]
    return []


async def test_schemathesis_finds_nothing_for_any_role(
    office: Office, callers: dict[str, Caller], drawn: list[Sent]
) -> None:
    needed = _needed()
    wrong: list[tuple[str, str, Any]] = []
    done = dict.fromkeys(callers, 0)
    for case, _ in drawn:
        label = f"{case.method} {case.operation.path.removeprefix(PREFIX)}"
        for name, caller in callers.items():
            answer = await send(office, case, caller.headers)
            found: list[Any] = faults(case, answer)
            permitted = needed[label] == PUBLIC or needed[label] & caller.actions
            if answer.is_success:
                done[name] += 1
                if not permitted:
                    found.append(f"{answer.status_code} without the right")
            wrong += [(name, label, fault) for fault in found]
    assert wrong == [], "\n".join(map(str, wrong))
    async with office.app.pool.acquire() as connection:
        assert (await check_rights(connection)).findings == []
        assert await auditors_findings(connection) == []
    # The run proves something only if requests of each caller were carried out.
    assert min(done.values()) > 3 * EXAMPLES
    assert done["nobody"] < min(done[role] for role in Role)
