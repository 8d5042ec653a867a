"""Papers as responses: in their formats, and as signed copies."""

import asyncio

from litestar import Response

from iku.app import App
from iku.domain.question import UnknownReference
from iku.exchange import workbook
from iku.exchange.papers import issuing, registry, table_csv
from iku.exchange.papers.sources import PaperRequest
from iku.exchange.table_output import XLSX
from iku.messages import message
from iku.queries import papers
from iku.queries.papers import PaperRecord
from iku.queries.view import View
from iku.web import paper_sources
from iku.web.api.attachments import disposition
from iku.web.security_headers import content_policy

PDF, CSV, ZIP = "application/pdf", "text/csv; charset=utf-8", "application/zip"
STATE = "Iku-Paper"  # header: issued, or draft


async def file(
    app: App,
    view: View,
    file_name: str,
    request: PaperRequest,
    *,
    signing: bool = False,
) -> Response[bytes]:
    """A paper in the format of its suffix; for *signing* with a line feed behind it.

    Raises:
        UnknownReference: The paper or the format does not exist.
        Forbidden: The viewer may not make it.
    """
    name, _, suffix = file_name.rpartition(".")
    sources = paper_sources.sources(app, view)
    offered = issuing.file_name(name, request, suffix)
    if suffix == "zip" and name in registry.ARCHIVES:
        packed = await registry.pack(sources, name, request)
        return _response(packed, ZIP, offered)
    if suffix not in {"pdf", "csv", "xlsx"}:
        raise UnknownReference(
            message(
                "file {file} does not exist: a paper is {paper}.pdf, {paper}.xlsx or "
                "{paper}.csv",
                file=file_name,
                paper=name or file_name,
            )
        )
    issuing.kind_of(name)
    if suffix != "pdf":
        made = await registry.make(sources, name, request)
        if suffix == "csv":
            return _response(table_csv.document(made).encode(), CSV, offered)
        book = await asyncio.to_thread(workbook.document, made)
        return _response(book, XLSX, offered)
    site = paper_sources.site(app)
    printed = await issuing.print_paper(sources, name, request, site)
    more = b"\n" if signing and printed.issued else b""
    state = {STATE: "issued" if printed.issued else "draft"}
    return _response(printed.content + more, PDF, offered, state)


async def issued(app: App, view: View, name: str, request: PaperRequest) -> PaperRecord:
    """The issued paper.

    Raises:
        UnknownReference: The paper was never issued.
    """
    kind = issuing.kind_of(name)
    view.viewer.require_somewhere(kind.action)
    found = await issuing.find(paper_sources.sources(app, view), kind, request)
    if found is None:
        raise UnknownReference(message("paper {paper} is not issued", paper=name))
    return found


async def signed(
    app: App, view: View, name: str, request: PaperRequest
) -> Response[bytes]:
    """The last signed copy of an issued paper (raises as `issued` does)."""
    found = await issued(app, view, name, request)
    content = await papers.read_signed(view, found)
    return _response(content, PDF, f"{found.subject}-bertanda-tangan.pdf")


def _response(
    content: bytes, media_type: str, name: str, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(
        content,
        media_type=media_type,
        headers={
            **(headers or {}),
            "Content-Disposition": disposition(name),
            # No browser may render a file as a page of this origin.
            "Content-Security-Policy": content_policy("sandbox"),
        },
    )
