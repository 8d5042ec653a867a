"""HEAD is answered as GET, without the content (RFC 9110, section 9.3.2)."""

import http.client

from tests.web.conftest import CASE, Client
from tests.web.test_origin_check import table
from tests.web.test_server import Served
from tests.web.test_server import kept_on as kept_on

# They differ between two answers, or are those of the connection.
VOLATILE = {"date", "content-length"}


async def test_each_address_that_answers_get_answers_head_alike(reader: Client) -> None:
    statuses = set()
    for method, path in table():
        if method != "GET":
            continue
        url = f"http://iku.test{path}"
        answers = [await reader.request(one, url) for one in ("GET", "HEAD")]
        got, head = answers
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        names = [{*one.headers} - VOLATILE for one in answers]
        assert names[0] == names[1], path
        statuses.add(head.status_code)
    assert statuses >= {200, 404}


async def test_where_there_is_no_get_there_is_no_head(reader: Client) -> None:
    answer = await reader.head("/accounts/x/events")
    assert answer.status_code == 405
    assert answer.content == b""
    assert "HEAD" not in answer.headers["Allow"]


async def test_a_head_request_is_counted_under_its_own_method(client: Client) -> None:
    await client.records("/conflicts", CASE)
    assert (await client.head("/conflicts")).status_code == 200
    metrics = (await client.get("/metrics")).text
    assert 'method="HEAD",route="/api/v1/conflicts",status="200"' in metrics


def test_a_server_sends_the_length_of_the_content_that_it_leaves_out(
    kept_on: Served,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", kept_on.port, timeout=30)
    lengths = []
    for method in ("GET", "HEAD", "GET"):  # on one connection
        connection.request(method, "/api/v1/health/live")
        answer = connection.getresponse()
        assert answer.status == 200
        content = answer.read()
        assert bool(content) is (method == "GET")
        lengths.append(answer.getheader("Content-Length"))
    connection.close()
    assert len({*lengths}) == 1
    assert lengths[0] is not None
