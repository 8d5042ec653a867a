"""Every page × role × division, from the right beside its path and the table of rights.

A page without a stated right fails, and so does a parameter of a path without a value
here: what the page shows must be known first (ASVS 8.2.1, 8.2.2, 8.2.3, 8.3.1).
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

import pytest

from iku.domain.access import TABLE, Action, Extent
from iku.web.page_forms import KEY
from iku.web.pages import MODULES
from iku.web.pages.routes import TRAVELS
from iku.web.resubmission import OWNER, PATH
from iku.web.routes import ACTION
from iku.web.visitor import form_key
from tests.web.conftest import CASE, ORGANISATION
from tests.web.people import Member, Office
from tests.web.test_origin_check import STREAMS
from tests.web.test_rights import office

__all__ = ["office"]
SITE = "http://iku.test"
CONFLICT, ORGANISED, INDICATOR = "/konflik/{", "/organisasi/{", "/indikator/{"
# The division whose subject the examples of these paths are about.
OWNERS = {CONFLICT: "wasnas", ORGANISED: "poldagri", INDICATOR: "wasnas"}
IN_PART = {Extent.DIVISION, Extent.PROPOSE_DIVISION}
REFUSED, UNKNOWN = 403, 404
PAPER_FORMS = ("/terbit", "/isian")
SIGNED = "/tanda-tangan"  # of a paper, which nobody has signed here
TEXTS = {
    str(CASE["title"]): "wasnas",
    str(ORGANISATION["name"]): "poldagri",
}
TODAY = {"effective_on": "2021-03-05"}
# Forms that are complete, so that the command decides about its own right.
FORMS: dict[str, dict[str, str]] = {
    "/draf": {PATH: "/konflik/baru"},
    "/draf/buang": {PATH: "/konflik/baru"},
    "/konflik/K14/catat/handled": {**TODAY, "phase": "pencegahan", "note": "Dipantau"},
    "/organisasi/O41/catat/participated": {**TODAY, "activity": "musrenbang"},
}


class Route(NamedTuple):
    """A route of a page, with an example of its path."""

    method: str
    template: str
    path: str
    action: Action | None

    @property
    def owner(self) -> str | None:
        """The division that owns the subject of the example; None: no division's."""
        if self.action is Action.READ_FIGURES:
            return None
        owners = (of for at, of in OWNERS.items() if self.template.startswith(at))
        return next(owners, None)


def example(template: str) -> str:
    """A path of the template about a subject of the register."""
    of_conflict = template.startswith(CONFLICT)
    paper = "lembar-perkara" if of_conflict else "lkjip"
    values = {
        "subject": "K14" if of_conflict else "O41",
        "event": "handled" if of_conflict else "participated",
        "conflict_id": "K14",
        "organisation_id": "O41",
        "code": "IKU-1",
        "publication_id": "2018",
        "statement_id": "plan",
        "kind": "signer",
        "proposal_id": "{proposal}",
        "number": "{figure}",
        "role": "petugas",
        "journal": "konflik",
        "version": "2",
        "file": paper if template.endswith(PAPER_FORMS) else f"{paper}.pdf",
    }
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: values[found[1]], template)


def routes() -> Iterator[Route]:
    for module in MODULES:
        for handler in module.HANDLERS:
            for method in sorted({"GET", "POST"} & set(handler.http_methods)):
                for path in sorted(handler.paths):
                    if path not in STREAMS:
                        action = handler.opt[ACTION]
                        yield Route(method, path, example(path), action)


# Forms first, so that pages are asked for once, when there is all that they can show.
ROUTES = sorted(routes(), key=lambda one: (one.method == "GET", one.template))
PAGES = [one for one in ROUTES if one.method == "GET"]
Kept: TypeAlias = dict[tuple[str | None, Route], Any]


def label(route: Route) -> str:
    return f"{route.method} {route.template} {route.action or 'public'}"


def may_open(route: Route, member: Member) -> bool:
    """Whether the table permits the member the route, also if they only propose."""
    if route.action is None:
        return True
    extent = TABLE[route.action].get(member.role)
    if extent is None:
        return False
    own = route.owner is None or member.division == route.owner
    return own or extent not in IN_PART


def may_read(member: Member | None, division: str) -> bool:
    """Whether the member may read texts of subjects of the division."""
    if member is None:
        return False
    extent = TABLE[Action.READ_TEXTS].get(member.role)
    return extent is not None and (extent not in IN_PART or member.division == division)


@pytest.fixture(scope="module")
def kept() -> Kept:
    """The answers to requests for pages, which several tests are about."""
    return {}


async def shown(kept: Kept, office: Office, name: str | None, route: Route) -> Any:
    """The page that the member gets, which is asked for once."""
    if (name, route) not in kept:
        kept[name, route] = await ask(office, name, route)
    return kept[name, route]


async def ask(office: Office, name: str | None, route: Route) -> Any:
    """The answer to the member, or to somebody who has not signed in."""
    path = route.path.replace("{proposal}", office.proposal)
    if "{figure}" in path:
        published = await office.says("kepala_badan", "/publications/2018")
        path = path.replace("{figure}", published["figures"][0]["number"])
    if route.method == "GET":
        return await office.ask(name, f"{SITE}{path}")
    member = None if name is None else office.members[name]
    nonce = f"{name}{re.sub('[^a-z]', '', route.template)}"
    fields = {
        **FORMS.get(path, {}),
        KEY: form_key(member and member.token, nonce),
        OWNER: member.account if member else "",
        "aksi": "simpan",
    }
    if path.endswith(("/attached", SIGNED)):
        file = {"berkas": ("surat.txt", b"isi", "text/plain")}
        return await office.ask(name, f"{SITE}{path}", "POST", data=fields, files=file)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await office.ask(
        name, f"{SITE}{path}", "POST", content=urlencode(fields), headers=headers
    )


def test_every_page_states_its_right() -> None:
    for module in MODULES:
        for handler in module.HANDLERS:
            assert {ACTION, TRAVELS} <= set(handler.opt), handler.paths


@pytest.mark.parametrize("route", ROUTES, ids=label)
async def test_a_page_opens_for_whom_the_table_permits(
    route: Route, office: Office, kept: Kept
) -> None:
    wrong = []
    for name, member in office.members.items():
        if route.method == "GET":
            answer = await shown(kept, office, name, route)
        else:
            answer = await ask(office, name, route)
        allowed = may_open(route, member)
        # Rules other than rights may refuse a form.
        missing = {401} if route.template.endswith(SIGNED) else {401, UNKNOWN}
        right = answer.status_code < 500 and answer.status_code not in missing
        if route.method == "GET" and allowed and UNKNOWN in missing:
            right = answer.status_code in {200, 303}
        if not right or (answer.status_code == REFUSED) is allowed:
            wrong.append((name, allowed, answer.status_code, answer.text[-600:]))
    assert wrong == []


@pytest.mark.parametrize("route", ROUTES, ids=label)
async def test_a_page_that_is_not_public_asks_strangers_to_sign_in(
    route: Route, office: Office
) -> None:
    answer = await ask(office, None, route)
    if route.action is None:
        assert answer.status_code in {200, 303}, answer.text
        assert "/masuk" not in answer.headers.get("Location", "")
    else:
        asked = answer.headers.get("Location", "").startswith("/masuk")
        assert asked or 'id="nama"' in answer.text, answer.text


@pytest.mark.parametrize("route", PAGES, ids=label)
async def test_a_page_shows_texts_only_to_those_who_may_read_them(
    route: Route, office: Office, kept: Kept
) -> None:
    wrong = []
    for name in (None, *office.members):
        member = None if name is None else office.members[name]
        answer = await shown(kept, office, name, route)
        for text, division in TEXTS.items():
            if text in answer.text and not may_read(member, division):
                wrong.append((name, text))
    assert wrong == []


async def test_the_mask_is_compared_with_texts_that_pages_show(
    office: Office, kept: Kept
) -> None:
    """Otherwise the test before could not fail."""
    for text, division in TEXTS.items():
        reader = f"kepala_bidang-{division}"
        pages = [(await shown(kept, office, reader, one)).text for one in PAGES]
        assert any(text in page for page in pages), text
