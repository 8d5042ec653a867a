"""Why a figure is what it is, over HTTP."""

import csv
import io
from typing import Any

import pytest

from tests.domain.register import FIGURES
from tests.web.conftest import Client, problem

IKU_1 = "/indicators/IKU-1/explanation"
YEAR_END = {"as_of": "2021-12-31"}


async def test_q(loaded: Client) -> None:
    a = await loaded.says(IKU_1, **YEAR_END)
    for i in a["items"]:
        print(i["number"], i["title"], i["denominator"], i["numerator"], i["why_denominator"]["id"], "|", i["why_numerator"]["id"])
        print(i["number"], i["title"], i["denominator"], i["numerator"], i["why_denominator"]["en"], "|", i["why_numerator"]["en"])
    a = await loaded.get(IKU_1, params=YEAR_END, headers={"Accept": "text/csv"})
    print(a.headers, a.text)
    a = await loaded.says(IKU_1.replace("1","2"), **YEAR_END)
    for i in a["items"]:
        print(i["number"], i["title"], i["denominator"], i["numerator"], i["why_denominator"]["id"], "|", i["why_numerator"]["id"])
    assert 0
