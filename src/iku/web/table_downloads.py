"""Tables as CSV or XLSX: what a request asks for, and the streamed response."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated, Any, Protocol, TypeAlias

from litestar import Response
from msgspec import Meta

from iku.exchange.csv_output import Delimiter
from iku.exchange.table_output import FileFormat, TableFormat, TableOutput
from iku.messages import message
from iku.web.headers import AnyRequest, accepts
from iku.web.problems import BadRequest
from iku.web.streaming import stream_response

CsvDelimiter: TypeAlias = Annotated[
    Delimiter | None,
    Meta(
        description="Delimiter of CSV: comma (the default), or semicolon, for a "
        "spreadsheet with an Indonesian locale. Not allowed with other formats."
    ),
]
CsvMark: TypeAlias = Annotated[
    bool | None,
    Meta(
        description="Whether CSV begins with a byte order mark (the default), by which "
        "Excel recognises UTF-8. Not allowed with other formats."
    ),
]


class CsvOptions(Protocol):
    """A question with the options of CSV."""

    @property
    def delimiter(self) -> Delimiter | None:
        """The delimiter of CSV."""

    @property
    def bom(self) -> bool | None:
        """Whether CSV begins with a byte order mark."""


def accepted_format(request: AnyRequest, asked: CsvOptions) -> TableFormat | None:
    """The format that `Accept` names, with its options; None for JSON.

    Raises:
        BadRequest: An option of CSV is given for another format.
    """
    found = next((one for one in FileFormat if accepts(request, one.media_type)), None)
    if found is not FileFormat.CSV:
        for name, value in (("delimiter", asked.delimiter), ("bom", asked.bom)):
            if value is not None:
                raise _only_for_csv(name, value)
    if found is None:
        return None
    return TableFormat(
        found, asked.delimiter or Delimiter.COMMA, asked.bom is not False
    )


def _only_for_csv(name: str, value: Any) -> BadRequest:
    return BadRequest(
        name,
        message(
            "{name} is {value}, but it is only allowed if Accept names {csv}",
            name=name,
            value=str(value).lower(),
            csv=FileFormat.CSV.media_type,
        ),
    )


def page_format(name: str, *, indonesian: bool) -> TableFormat:
    """The format of a download of a page, by the suffix *name* of its address."""
    delimiter = Delimiter.SEMICOLON if indonesian else Delimiter.COMMA
    return TableFormat(FileFormat(name), delimiter)


def download(
    request: AnyRequest,
    output: TableOutput,
    parts: AsyncIterator[Iterable[Any]],
    name: str,
    notes: Sequence[str] = (),
) -> Response[Any]:
    """The response with a file of the items in *parts*, sent while they are read.

    *name* is the name of the file without its suffix; *notes* stand below the rows.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}.{output.format}"'}
    sent = _written(output, parts, notes)
    return stream_response(request, sent, output.format.media_type, headers)


async def _written(
    output: TableOutput, parts: AsyncIterator[Iterable[Any]], notes: Sequence[str]
) -> AsyncIterator[bytes]:
    yield output.head()
    async for items in parts:
        yield output.rows(items)
    yield output.end(notes)
