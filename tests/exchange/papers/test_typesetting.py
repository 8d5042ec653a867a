"""Typesetting: texts are data, and papers of several threads do not mix."""

import asyncio
import json

import pymupdf
import pytest

from iku.exchange.papers import typesetting
from tests.exchange.papers import issuing
from tests.exchange.papers.issuing import ISSUED_AT, TEMPLATE

MARKUP = r'#panic("a") \u{41} \" \\ $x$ *b* _i_ `c` // d'


async def typeset(text: str, *files: typesetting.Attachment) -> bytes:
    data = {"title": text, "text": text}
    return await typesetting.typeset(TEMPLATE, data, files, ISSUED_AT)


async def test_no_text_is_markup_or_ends_the_literal_that_has_it() -> None:
    attached = issuing.attach("figur.json", json.dumps({"a": MARKUP}).encode())

    printed = await typeset(MARKUP, attached)

    with pymupdf.open(stream=printed) as pages:  # type: ignore[no-untyped-call]
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
