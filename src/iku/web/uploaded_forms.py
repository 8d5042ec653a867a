"""Forms with a file (multipart/form-data, RFC 7578), read in bounded memory.

The file goes to an encrypted temporary file while it arrives. The framework's own
reader would write it to disk in clear.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from multipart import (  # type: ignore[import-untyped] # it has no annotations
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from iku.access.uploads import SealedFile, Upload
from iku.messages import message
from iku.web.headers import refuse_encoded
from iku.web.page_forms import KEY, MOST_FIELDS, Form, check_key
from iku.web.problems import BadRequest, UnsupportedMediaType
from iku.web.visitor import Visitor

WITH_FILES = "multipart/form-data"
LARGEST_TEXTS = 64 * 1024  # bytes of a form in addition to its file


class FormTooLarge(HTTPException):
    """The form, with its file, is larger than its route accepts."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@dataclass
class _Parts:
    """The parts of a form that have arrived."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    upload: Upload | None = None
    _segment: Any = None
    _text: bytearray = field(default_factory=bytearray)
    _texts: int = 0  # bytes of all fields without a file

    def take(self, event: Any) -> None:
        """The next event of the parser: the head of a part, content, or its end."""
        if isinstance(event, MultipartSegment):
            self._begin_part(event)
        elif event is None:
            self._end_part()
        else:
            self._add_content(bytes(event))

    def _begin_part(self, segment: Any) -> None:
        self._segment, self._text = segment, bytearray()
        if segment.filename is None:
            return
        if self.upload is not None:
            raise BadRequest("", message("the form has more than one file"))
        kind = segment.content_type or ""
        self.upload = Upload(segment.filename, kind, SealedFile())

    def _add_content(self, content: bytes) -> None:
        if self.upload is not None and self._segment.filename is not None:
            self.upload.file.write(content)
            return
        self._texts += len(content)
        if self._texts > LARGEST_TEXTS:
            raise BadRequest("", message("the texts of the form are too long"))
        self._text += content

    def _end_part(self) -> None:
        if self._segment.filename is None:
            text = self._text.decode("utf-8", "replace").strip("\x00")
            self.pairs.append((self._segment.name, text))


async def read_upload(
    request: Request[Any, Any, Any], visitor: Visitor, largest: int
) -> tuple[Form, Upload]:
    """The form of a request and its file, which has at most *largest* bytes.

    Raises:
        StaleForm: The form does not carry the key of the visitor's session.
        UnsupportedMediaType: The body is not a form with files.
        BadRequest: The body is malformed.
        FormTooLarge: The file, or the body, is larger.
    """
    refuse_encoded(request)
    kind, options = request.content_type
    if kind.lower() != WITH_FILES:
        must = message("the body must be of type {type}", type=WITH_FILES)
        raise UnsupportedMediaType(must)
    parts = _Parts()
    try:
        await _read(request, options.get("boundary", ""), parts)
    except MultipartError as error:
        raise BadRequest("", message("the form is incomplete or malformed")) from error
    except HTTPException as error:
        if error.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
        raise FormTooLarge from error
    form = Form(tuple(parts.pairs))
    check_key(visitor, form.text(KEY))
    if parts.upload is not None and parts.upload.file.length > largest:
        raise FormTooLarge
    return form, parts.upload or Upload("", "", SealedFile())


async def _read(request: Request[Any, Any, Any], boundary: str, parts: _Parts) -> None:
    with PushMultipartParser(boundary, max_segment_count=MOST_FIELDS) as parser:
        async for chunk in request.stream():
            if chunk:
                for event in parser.parse(chunk):
                    parts.take(event)
