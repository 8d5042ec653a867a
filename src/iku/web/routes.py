"""Routes: requests are parsed into the Structs that annotate a handler's parameters.

The names of a handler's parameters select what it receives:

* `question` or `about`: path and query string, as the annotated Struct;
* `command`: the body, as the annotated Struct or union;
* `headers`, or the `command_gateway` made from them, which handles commands;
* the `viewer`, with the language of the response; the `caller`, if the response has no
  translated text;
* `app`, `metrics` and `request`.

A query parameter or precondition that the handler does not declare is refused. The
OpenAPI document is generated from the same Structs (`openapi_document`).
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache, lru_cache, wraps
from types import GenericAlias
from typing import Any, NamedTuple, TypeAlias, cast, get_origin
from urllib.parse import parse_qsl

import litestar
from litestar import Response
from litestar.handlers import BaseRouteHandler
from msgspec import Struct, structs

from iku import parsing
from iku.app import App
from iku.domain.access import Action
from iku.gateway import CommandGateway
from iku.messages import message
from iku.queries.view import LOCAL, Viewer
from iku.settings import is_loopback
from iku.web import authentication
from iku.web.admission import Application
from iku.web.authentication import Caller
from iku.web.commands import AccountHeaders, ChangeHeaders, EntryHeaders
from iku.web.headers import CONDITIONS, AnyRequest, json_body, unsupported_header
from iku.web.metrics import Metrics
from iku.web.problems import language_headers, preferred_language

Handler: TypeAlias = Callable[..., Awaitable[Any]]
ACTION = "action"  # the key of the action that a reader must be allowed
LOCAL_PROGRAMS = "local_programs"
TAKEN = "taken"  # the key of the `RouteParameters` in a handler's `opt`
REMEMBERED = 512  # bytes; longer query strings are not cached


class NoParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a route that has none in path and query."""


class RouteParameters(NamedTuple):
    """The declared parameters of a route.

    Attributes:
        about: The Struct of path and query string.
        headers: The Struct of the headers; None if the route declares none.
        command: The type of the body; None if there is no body, or it is a file.
        names: The names of the handler's parameters.
    """

    about: type[Struct]
    headers: type[AccountHeaders] | None
    command: Any
    names: tuple[str, ...]

    @property
    def has_translated_text(self) -> bool:
        """Whether the response contains text in the caller's language."""
        return "viewer" in self.names


class ParsedRequest(NamedTuple):
    """A parsed request; its attributes are the possible parameters of a handler."""

    request: AnyRequest
    caller: Caller
    question: Any
    headers: Any = None
    command: Any = None

    @property
    def about(self) -> Any:
        """The parsed path and query parameters of a route that records an event."""
        return self.question

    @property
    def app(self) -> App:
        """The application that the ASGI application serves."""
        return self._app.app

    @property
    def metrics(self) -> Metrics:
        """The metrics of the ASGI application."""
        return self._app.metrics

    @property
    def command_gateway(self) -> CommandGateway:
        """The gateway that handles the request's command."""
        command_gateway: CommandGateway = self.headers.command_gateway(self.app)
        return structs.replace(
            command_gateway,
            language=preferred_language(self.request.scope["headers"]),
            credentials=self.caller.credentials,
        )

    @property
    def viewer(self) -> Viewer:
        """The caller's viewer, in the preferred language; Indonesian by default."""
        headers = self.request.scope["headers"]
        language = preferred_language(headers, LOCAL.language)
        return structs.replace(self.caller.viewer, language=language)

    @property
    def _app(self) -> Application:
        return cast(Application, self.request.app)


def get(path: str, action: Action | None, **options: Any) -> Callable[[Handler], Any]:
    """A GET route for those who may take *action*. A public route has the action None.

    *options* are those of the framework. A route whose `opt` has `LOCAL_PROGRAMS` is
    public for programs on this machine.
    """
    return _route(litestar.get, path, action, None, options)


def post(
    path: str, *, headers: type[AccountHeaders] | None = None, **options: Any
) -> Callable[[Handler], Any]:
    """A POST route that records an event; with path parameters, it supports If-Match.

    The command handler checks the right to record the event.
    """
    usual = ChangeHeaders if "{" in path else EntryHeaders
    return _route(litestar.post, path, None, headers or usual, options)


def route_parameters(handler: BaseRouteHandler) -> RouteParameters:
    """The declared parameters of the route."""
    found: RouteParameters = handler.opt[TAKEN]
    return found


def _route(
    method: Callable[..., Any],
    path: str,
    action: Action | None,
    headers: type[AccountHeaders] | None,
    options: dict[str, Any],
) -> Callable[[Handler], Any]:
    def decorate(handler: Handler) -> Any:
        signature = inspect.signature(handler)
        of = {name: one.annotation for name, one in signature.parameters.items()}
        about = of.get("question") or of.get("about") or NoParameters
        declared = RouteParameters(about, headers, of.get("command"), tuple(of))
        local_programs = options.get("opt", {}).get(LOCAL_PROGRAMS, False)

        @wraps(handler)
        async def respond(request: AnyRequest) -> Any:
            public = local_programs and _is_local(request)
            caller = await authentication.admit(request, None if public else action)
            received = await _parse_request(request, declared, caller)
            found = await handler(**{name: getattr(received, name) for name in of})
            return (
                _with_language_headers(found, received.viewer)
                if declared.has_translated_text
                else found
            )

        # The framework passes only the request; the return type is the handler's.
        given = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        respond.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[given.replace(annotation=AnyRequest)]
        )
        returned: Any = signature.return_annotation
        if declared.has_translated_text and get_origin(returned) is not Response:
            returned = GenericAlias(Response, (returned,))
        respond.__annotations__ = {"request": AnyRequest, "return": returned}
        opt = {**options.pop("opt", {}), TAKEN: declared, ACTION: action}
        return method(path, opt=opt, **options)(respond)

    return decorate


def _is_local(request: AnyRequest) -> bool:
    """Whether the client is on this machine; a trusted proxy states its client."""
    client = request.scope["client"]
    return client is not None and is_loopback(client[0])


def _with_language_headers(found: Any, viewer: Viewer) -> Response[Any]:
    """The response of a handler, with the headers that state its language."""
    answer: Response[Any] = found if isinstance(found, Response) else Response(found)
    answer.headers.update(language_headers(viewer.language))
    return answer


async def _parse_request(
    request: AnyRequest, declared: RouteParameters, caller: Caller
) -> ParsedRequest:
    """The request, parsed as its route declares.

    Raises:
        ParseError: Parameters, headers or body are invalid.
        BadRequest: The request has a precondition that the route does not declare.
    """
    scope = request.scope
    query, in_path = scope["query_string"], tuple(scope["path_params"].items())
    read = _parse_question_cached if len(query) <= REMEMBERED else _parse_question
    question = read(declared.about, query, in_path)
    if declared.headers is None:
        return ParsedRequest(request, caller, question)
    headers = _parse_headers(declared.headers, scope["headers"])
    if declared.command is None:
        return ParsedRequest(request, caller, question, headers)
    body = await json_body(request)
    return ParsedRequest(
        request, caller, question, headers, parsing.parse_json(declared.command, body)
    )


def _parse_question(
    struct: type[Struct], query: bytes, in_path: tuple[tuple[str, Any], ...]
) -> Struct:
    """Path and query string as the Struct; `admission` has checked the encoding."""
    pairs = parse_qsl(query.decode(), keep_blank_values=True)
    return parsing.parse_texts(struct, pairs, dict(in_path))


_parse_question_cached = lru_cache(1024)(
    _parse_question
)  # safe, because the Structs are frozen


def _parse_headers(
    struct: type[AccountHeaders], sent: Iterable[tuple[bytes, bytes]]
) -> AccountHeaders:
    known = _names_by_lower_case(struct)
    given = [(name.decode("latin-1"), value) for name, value in sent]
    names = {name for name, _ in given}
    for name in _unsupported_preconditions(struct):
        if name.lower() in names:
            supported = ", ".join(one for one in CONDITIONS if one in known.values())
            raise unsupported_header(
                name,
                message(
                    "supported headers: {supported}",
                    supported=supported or message("none"),
                ),
            )
    pairs = [(known[n], v.decode("latin-1")) for n, v in given if n in known]
    return parsing.parse_texts(struct, pairs) if pairs else _default_headers(struct)


@cache
def _default_headers(struct: type[AccountHeaders]) -> AccountHeaders:
    """The headers of a request that has none of them."""
    return parsing.parse_texts(struct, ())


@cache
def _unsupported_preconditions(struct: type[AccountHeaders]) -> tuple[str, ...]:
    """The preconditions that *struct* does not declare."""
    return tuple(
        name for name in CONDITIONS if name.lower() not in _names_by_lower_case(struct)
    )


@cache
def _names_by_lower_case(struct: type[Struct]) -> Mapping[str, str]:
    """The names of headers by their lower-case form, which ASGI uses."""
    return {name.lower(): name for name in parsing.struct_fields(struct)}
