"""What a request may carry: parameters, refused where they are strange, and bodies.

Nothing is read leniently. An unknown or repeated parameter, a number in the place of a
text, a field nobody knows, a condition nobody looks at: each is answered with its name.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import ParameterKwarg, PathParameter, QueryParameter
from litestar.typing import FieldDefinition

from iku import strict_json
from iku.domain.fact import NUMBER
from iku.domain.period import Kind
from iku.strict_json import Duplicated, Unreadable
from iku.web import wording
from iku.web.problems import Malformed, Misread, Unsupported

_WHOLE = re.compile(r"-?[0-9]+")
LARGEST = 2**53 - 1  # exact in every JSON reader
MOST_SHOWN = 100  # characters of what a client sent and is refused
# What makes a request conditional: RFC 9110, section 13.1; and one that is sent again.
CONDITIONS = (
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "Idempotency-Key",
)
LIST = {"minItems": 1, "uniqueItems": True}  # what a repeated parameter gives

AsOf: TypeAlias = Annotated[
    date | None,
    QueryParameter(description="The day asked about; today where it is left out."),
]
KnownOn: TypeAlias = Annotated[
    date | None,
    QueryParameter(
        description="Knowledge cut-off: only facts known by the end of this day count; "
        "all where it is left out."
    ),
]
Size: TypeAlias = Annotated[
    int | None,
    QueryParameter(
        ge=0,
        le=LARGEST,
        schema_extra={"minimum": 0},  # the framework forgets a bound of nought
        description="Only the first so many events of the log count; all where it is "
        "left out.",
    ),
]
PeriodKind: TypeAlias = Annotated[
    Kind, QueryParameter(description="The period counted is the one as_of lies in.")
]
Definition: TypeAlias = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        le=2_147_483_647,
        description="Version of the definition; the one in force at the start of the "
        "period where it is left out.",
    ),
]
Limit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=200, description="The most items of one page.")
]
Cursor: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=256,
        pattern=wording.CURSOR,
        description="What the page before gave as next.",
    ),
]
OfNumber: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=64,
        pattern=NUMBER,
        description="Only those with this number, without regard to case, by the "
        "knowledge asked for.",
    ),
]
Text: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=500,
        description="Part of the title, name or number, without regard to case.",
    ),
]
Id: TypeAlias = Annotated[
    str,
    PathParameter(
        description="Identifier, or the number in the register. In an identifier ~ "
        "stands where the number has /."
    ),
]
Code: TypeAlias = Annotated[str, PathParameter(description="Code of the indicator.")]


async def refuse_stray_parameters(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Refuse what the route does not know, or takes only once.

    (The framework would call it in a thread, were it not a coroutine function.)

    Raises:
        Malformed: A parameter is unknown, given twice, or ``null``.
    """
    declared = _declared(handler)
    given = list(connection.query_params.multi_items())
    for name, times in Counter(name for name, _ in given).items():
        if name not in declared:
            has = ", ".join(declared) or "none"
            message = f"there is no parameter {shown(name)}; there are: {has}"
            raise Malformed(name, message)
        if times > 1 and not declared[name].repeated:
            raise Malformed(name, f"{name} is given {times} times")
    for name, value in given:
        _refuse_lenient(name, value, declared[name].kind)


async def refuse_unheeded_conditions(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Refuse a POST on a condition that its route would not look at.

    Whoever sets one relies on it: to be told afterwards would be too late.

    Raises:
        Malformed: A condition is not heeded here, or a header is given twice.
    """
    if connection.scope.get("method") != "POST":
        return
    taken = _headers(handler)
    given = Counter(name.decode("latin-1") for name, _ in connection.scope["headers"])
    for name in CONDITIONS:
        if name.lower() in given and name not in taken:
            heeded = ", ".join(one for one in CONDITIONS if one in taken) or "none"
            raise unheeded(name, f"conditions that are: {heeded}")
    for name in taken:
        if (times := given[name.lower()]) > 1:
            raise Malformed(name, f"{name} is given {times} times")


def unheeded(name: str, rather: str) -> Malformed:
    """The refusal of a header *name* that would be ignored; *rather* is the way out."""
    return Malformed(
        name, f"{name} is not heeded here, so nothing was recorded; {rather}"
    )


class _Declared(NamedTuple):
    """A parameter that a route takes.

    Attributes:
        kind: text, number, truth or other.
        repeated: Whether it may be given several times.
    """

    kind: str
    repeated: bool


def _refuse_lenient(name: str, value: str, kind: str) -> None:
    """Refuse what the framework, which has to read text as values, reads too kindly."""
    if kind != "text" and value.lower() == "null":
        raise Malformed(name, f"{name} is {value}; leave it out instead")
    if kind == "number" and not _WHOLE.fullmatch(value):
        raise Malformed(name, f"{name} is {shown(value)}, which is no whole number")
    if kind == "truth" and value not in {"true", "false"}:
        raise Malformed(name, f"{name} is {shown(value)}, neither true nor false")


def _declared(handler: BaseRouteHandler) -> dict[str, _Declared]:
    """The query parameters of a route."""
    return _taken(handler).query


def _headers(handler: BaseRouteHandler) -> tuple[str, ...]:
    """The headers that a route takes."""
    return _taken(handler).headers


class _Taken(NamedTuple):
    query: dict[str, _Declared]
    headers: tuple[str, ...]


# By function: guards are given a copy of the handler, another one for each request.
_TAKEN: dict[Any, _Taken] = {}


def _taken(handler: BaseRouteHandler) -> _Taken:
    """What a route takes; looked up once."""
    found = _TAKEN.get(handler.fn)
    if found is None:
        fields = _fields(handler)
        found = _TAKEN[handler.fn] = _Taken(_query_of(fields), _headers_of(fields))
    return found


def _query_of(fields: Mapping[str, FieldDefinition]) -> dict[str, _Declared]:
    return {
        field.kwarg_definition.name or name: _kind(field)
        for name, field in fields.items()
        if isinstance(field.kwarg_definition, ParameterKwarg)
        and field.kwarg_definition.param_type is ParamType.QUERY
    }


def _headers_of(fields: Mapping[str, FieldDefinition]) -> tuple[str, ...]:
    return tuple(
        field.kwarg_definition.name or name
        for name, field in fields.items()
        if isinstance(field.kwarg_definition, ParameterKwarg)
        and field.kwarg_definition.param_type is ParamType.HEADER
    )


def _kind(field: FieldDefinition) -> _Declared:
    kinds = {str: "text", int: "number", bool: "truth"}
    inner = [one for one in (field, *field.inner_types) if not one.is_none_type]
    repeated = any(one.is_non_string_sequence for one in inner)
    if repeated:
        inner = [deeper for one in inner for deeper in one.inner_types]
    found = (kinds[one.annotation] for one in inner if one.annotation in kinds)
    return _Declared(next(found, "other"), repeated)


def _fields(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """What the handler takes, and what those take that provide some of it."""
    fields: dict[str, FieldDefinition] = {}
    providers = handler.resolve_dependencies()
    for name, field in handler.parsed_fn_signature.parameters.items():
        if name in providers:
            fields |= providers[name].parsed_fn_signature.parameters
        else:
            fields[name] = field
    return fields


def declared(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """The parameters and headers of a route by the name that a request gives."""
    return {
        field.kwarg_definition.name or name: field
        for name, field in _fields(handler).items()
        if isinstance(field.kwarg_definition, ParameterKwarg)
    }


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is read by the type its route asks for, and by nothing else.

    The framework reads JSON into plain values first and then takes the text "1" for
    the number 1; here a body is decoded once, strictly.
    """

    async def json(self) -> Any:
        """The body as the route's `data`.

        Raises:
            Malformed: It is no JSON, has a key twice, or is not what is asked for.
            Unsupported: It is not said to be JSON.
        """
        try:
            return strict_json.decode(await self.body(), _decoder(self.route_handler))
        except msgspec.ValidationError as error:
            raise _misread(self.route_handler, str(error)) from error
        except Duplicated as error:
            raise Misread(error.path, "is given more than once") from error
        except Unreadable as error:
            raise Malformed("", f"the body {error}") from error

    async def body(self) -> bytes:
        """The body, which must be said to be JSON.

        Raises:
            Malformed: There is none.
            Unsupported: It is said to be something else, or nothing.
        """
        kind, options = self.content_type
        if kind.lower() != "application/json":
            raise Unsupported(f"Content-Type is {shown(kind)}, not application/json")
        charset = options.get("charset", "utf-8")
        if charset.lower() not in {"utf-8", "us-ascii"}:
            raise Unsupported(
                f"Content-Type has charset {shown(charset)}, but JSON is read as UTF-8"
            )
        refuse_encoded(self)
        body = await super().body()
        if not body:
            raise Malformed("", "there is no body")
        return body


def refuse_encoded(request: Request[Any, Any, Any]) -> None:
    """Refuse a body that is compressed or otherwise encoded.

    Raises:
        Unsupported: It is.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise Unsupported(
            f"Content-Encoding is {shown(encoding)}; send the body without one"
        )


def accepts(request: Request[Any, Any, Any], media_type: str) -> bool:
    """Whether `Accept` names that very type, and does not refuse it (``q=0``).

    A route whose usual answer is JSON gives another type only to those who name it.
    """
    for one in request.headers.get("Accept", "").lower().split(","):
        named, *options = (part.strip() for part in one.split(";"))
        if named == media_type:
            return not any(_REFUSED.fullmatch(option) for option in options)
    return False


_REFUSED = re.compile(r"q\s*=\s*0(?:\.0*)?")


def shown(value: str) -> str:
    """*value* as a sentence quotes it; the end of a long one is left out."""
    kept = value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}…"
    return f'"{kept}"'


_FIELD = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")


def _misread(handler: HTTPRouteHandler, said: str) -> Misread:
    """What the decoder *said* of a body, with the path of the field at fault."""
    message, _, path = said.partition(" - at `$")
    named = _FIELD.search(message)
    parts = [path.strip("`."), named[1] if named else ""]
    at = ".".join(filter(None, parts))
    return Misread(at, wording.told(message, _body(handler), at))


@cache
def _decoder(handler: HTTPRouteHandler) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_body(handler))


def _body(handler: HTTPRouteHandler) -> Any:
    """The type that the body is read as."""
    return handler.parsed_fn_signature.parameters["data"].annotation
