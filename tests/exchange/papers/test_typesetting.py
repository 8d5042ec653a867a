"""Typesetting: texts are data, and papers of several threads do not mix."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iku.exchange.papers import typesetting
from iku.exchange.papers.recent_papers import RecentPapers, key_of
from tests.exchange.papers import issuing
from tests.exchange.papers.issuing import ISSUED_AT, TEMPLATE
from tests.printed import open_pdf

MARKUP = r'#panic("a") \u{41} \" \\ $x$ *b* _i_ `c` // d'


async def typeset(text: str, *files: typesetting.Attachment) -> bytes:
    data = {"title": text, "text": text}
    return await typesetting.typeset(TEMPLATE, data, files, ISSUED_AT)


async def test_no_text_is_markup_or_ends_the_literal_that_has_it() -> None:
    attached = issuing.attach("figur.json", json.dumps({"a": MARKUP}).encode())

    printed = await typeset(MARKUP, attached)

    with open_pdf(printed) as pages:
        assert pages[0].get_text().split() == MARKUP.split()
        assert json.loads(pages.embfile_get("figur.json")) == {"a": MARKUP}


async def test_papers_typeset_at_once_are_those_typeset_alone() -> None:
    texts = [f"{number},00%" for number in range(12)]

    alone = [await typeset(text) for text in texts]

    assert await asyncio.gather(*map(typeset, texts)) == alone
    assert len({*alone}) == len(texts)


async def test_an_incomplete_paper_is_refused_and_the_next_one_is_made() -> None:
    made = await typeset("77,78%")

    with pytest.raises(RuntimeError, match="title"):
        await typesetting.typeset(TEMPLATE, {}, (), ISSUED_AT)

    assert await typeset("77,78%") == made


async def test_a_kept_paper_is_the_compiled_one_and_is_not_compiled_again(
    compiled: list[bytes],
) -> None:
    recent = RecentPapers()
    first = await make(recent)
    assert await make(recent) == first == await make(None)
    assert len(compiled) == 2


@pytest.mark.parametrize("changed", ["text", "attachment", "day", "template"])
async def test_a_paper_that_differs_in_any_input_is_compiled(
    compiled: list[bytes], changed: str, tmp_path: Path
) -> None:
    recent, template = RecentPapers(), tmp_path / "paper.typ"
    template.write_text(TEMPLATE.read_text().replace("#data.text", "b #data.text"))
    first = await make(recent)
    others = {"text": "b", "attachment": "b", "day": 1, "template": template}
    given: dict[str, Any] = {changed: others[changed]}
    second = await make(recent, **given)
    assert second != first
    assert len(compiled) == 2
    assert second == await make(None, **given)


async def make(
    recent: RecentPapers | None,
    text: str = "a",
    attachment: str = "a",
    day: int = 0,
    template: Path = TEMPLATE,
) -> bytes:
    files = (issuing.attach("figur.json", json.dumps(attachment).encode()),)
    data, at = {"title": "a", "text": text}, ISSUED_AT + timedelta(day)
    return await typesetting.typeset(template, data, files, at, recent)


def test_kept_papers_never_exceed_the_limit_and_the_least_recent_are_dropped() -> None:
    recent = RecentPapers(limit=10)
    for key in (b"a", b"b"):
        recent.put(key, key * 4)
    assert recent.get(b"a") == b"aaaa"  # b is now the least recent
    recent.put(b"c", b"c" * 4)
    assert [recent.get(key) for key in (b"a", b"b", b"c")] == [b"aaaa", None, b"cccc"]
    recent.put(b"c", b"c" * 6)
    assert recent.get(b"a") == b"aaaa"
    recent.put(b"d", b"d" * 11)
    assert recent.get(b"d") is None
    assert recent.get(b"c") == b"cccccc"


def test_parts_of_a_key_are_not_joined() -> None:
    assert key_of(b"ab", b"c") != key_of(b"a", b"bc") != key_of(b"abc")
