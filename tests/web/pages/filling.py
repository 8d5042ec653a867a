"""A form of a page, filled in and sent as a browser would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx

SITE = "http://iku.test"


@dataclass
class Filled:
    """A form: where it is sent to, and its fields in order.

    Attributes:
        buttons: The names of its buttons' actions.
        shown: The texts that stand in its page.
    """

    action: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)

    def value(self, name: str) -> str:
        """The last value of a field; empty if it has none."""
        return dict(self.fields).get(name, "")

    def typed(self, **values: str) -> "Filled":
        """The form with other values; an empty one leaves the field empty."""
        kept = [pair for pair in self.fields if pair[0] not in values]
        return Filled(self.action, [*kept, *values.items()], self.buttons)


class _Reader(HTMLParser):
    """Reads the form whose attribute `class` is *wanted*."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted
        self.inside = False
        self.found = Filled()
        self.area: str | None = None
        self.select: str | None = None
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        given = {name: "" if value is None else value for name, value in attrs}
        if tag == "form":
            self.inside = self.wanted in given.get(
                "class", ""
            ).split() or self.wanted in given.get("action", "")
            if self.inside:
                self.found = Filled(given["action"])
        if not self.inside:
            return
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "input" and (kind not in {"radio", "checkbox"} or "checked" in given):
            self.found.fields.append((name, given.get("value", "")))
        elif tag == "textarea":
            self.area, self.text = name, ""
        elif tag == "select":
            self.select = name
        elif tag == "option" and "selected" in given and self.select is not None:
            self.found.fields.append((self.select, given["value"]))
        elif tag == "button" and name == "aksi":
            self.found.buttons.append(given["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.area is not None:
            # A browser ignores the first line feed.
            self.found.fields.append((self.area, self.text.removeprefix("\n")))
            self.area = None
        elif tag == "select":
            self.select = None

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.text += data


def read_form(html: str, wanted: str = "entry") -> Filled:
    """The form of a page that has the class, or whose address has that part."""
    reader = _Reader(wanted)
    reader.feed(html)
    reader.close()
    assert reader.found.action, html
    return reader.found


async def opened(client: httpx.AsyncClient, path: str, **headers: str) -> Filled:
    """The form at *path*, as its page opens."""
    page = await client.get(f"{SITE}{path}", headers=headers)
    assert page.status_code == 200, page.text
    return read_form(page.text)


async def sent(
    client: httpx.AsyncClient,
    form: Filled,
    action: str = "simpan",
    *,
    headers: dict[str, str] | None = None,
    to: str | None = None,
    site: str = SITE,
) -> httpx.Response:
    """The answer to the form, sent by the button of an action."""
    return await client.post(
        f"{site}{to or form.action}",
        content=urlencode([*form.fields, ("aksi", action)]),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
            **(headers or {}),
        },
    )
