"""The documentation needs no other host, and is complete."""

import json
import re
from pathlib import Path

from tests.web.conftest import Client, assembled, problem

HOST = "http://iku.test"
ELSEWHERE = re.compile(r"""(?:https?:)?//[a-z0-9]""", re.IGNORECASE)
API_PAGE = Path(__file__).parents[2] / "docs" / "api.md"


async def test_the_page_refers_to_no_other_host(visitor: Client) -> None:
    page = await visitor.get(f"{HOST}/docs")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert not ELSEWHERE.search(page.text)
    assert "<script>" not in page.text
    start = await visitor.get(f"{HOST}/docs/assets/start.js")
    assert not ELSEWHERE.search(start.text)
    assert "validatorUrl: null" in start.text


async def test_all_that_the_page_refers_to_is_there(visitor: Client) -> None:
    page = (await visitor.get(f"{HOST}/docs")).text
    referred = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(referred) == 5
    for path in referred:
        answer = await visitor.get(f"{HOST}{path}")
        assert answer.status_code == 200, path
        assert answer.content


async def test_nothing_else_of_the_package_is_served(visitor: Client) -> None:
    for name in ("index.css", "..%2f__init__.py", "%2e%2e", "swagger-editor.js"):
        problem(await visitor.get(f"{HOST}/docs/assets/{name}"), 404)


async def test_the_examples_of_the_docs_run(loaded: Client) -> None:
    page = API_PAGE.read_text()
    posted = r"localhost:8000/api/v1(/\S+) ((?:(?!localhost).)*?)-d '(\{.*?\})'"
    entered = re.findall(posted, page, re.DOTALL)
    assert len(entered) >= 3
    for path, options, body in entered:
        headers = dict(re.findall(r"-H '([\w-]+): (.*?)'", options))
        answer = await loaded.post(path, json=json.loads(body), headers=headers)
        assert answer.status_code == 201, answer.text
    asked = re.findall(r"(?:GET |localhost:8000)(/api/v1/\S+\?[^\s']+)", page)
    assert len(asked) >= 3
    for path in asked:
        answer = await loaded.get(f"{HOST}{path}")
        # There is no checkpoint here, and proofs need one.
        unsigned = "/log/proof/" in path and answer.status_code == 409
        assert answer.status_code == 200 or unsigned, path


def test_every_route_stands_in_the_docs() -> None:
    page = API_PAGE.read_text()
    for route in assembled().routes:
        if route.path.startswith("/api/v1"):
            path = route.path_format.removeprefix("/api/v1")
            path = re.sub(r"\{\w+_id\}", "{id}", path)
            for method in set(route.methods) - {"OPTIONS"}:
                assert f"`{method} {path}`" in page, (method, path)
