"""The OpenAPI 3.1 document, exact enough to generate clients from it.

The framework lists routes and parameters. msgspec generates the schemas of bodies and
responses from the types that decode and encode them, so bounds, patterns and fields in
the document cannot differ from those that the server enforces.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import License, Tag
from litestar.router import Router
from litestar.routes import HTTPRoute

import iku
from iku import parsing
from iku.exchange.table_output import FileFormat
from iku.parsing import Field
from iku.queries.indicators import IndicatorWithScale
from iku.queries.proposals import ShownProposal
from iku.queries.publications import ShownPublication
from iku.web import examples, problems, routes
from iku.web.api.accounts import AccountDetails
from iku.web.api.conflicts import ConflictDetail
from iku.web.api.log import NDJSON, LogEntry
from iku.web.api.organisations import OrganisationDetail
from iku.web.commands import AccountHeaders
from iku.web.problems import Problem
from iku.web.routes import RouteParameters
from iku.web.schema_components import Json, Schemas, adapt_to_json_schema

_JSON = "application/json"
_OCTETS = "application/octet-stream"
_ACCEPTED, _ANSWERED = "AcceptLanguage", "ContentLanguage"
_ACCEPT_LANGUAGE: Json = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "The language of messages: Indonesian (id) or English "
    "(en), with weights as in RFC 9110, section 12.5.4. Without it, problems and notes "
    "of a receipt are in English, and words in place of a withheld text in Indonesian.",
    "schema": {"type": "string", "examples": ["id, en;q=0.5"]},
}
_LANGUAGE: Json = {"Content-Language": {"$ref": f"#/components/headers/{_ANSWERED}"}}
_CONTENT_LANGUAGE: Json = {
    "description": "The language of the messages in the response.",
    "schema": {"type": "string", "enum": ["en", "id"]},
}
# Operations with a file as the request body, and with a file as the response.
_ATTACHING = frozenset({"attachFile", "attachOrganisationFile", "takeSignedPaper"})
_FETCHING = frozenset(
    {
        *("getAttachment", "getOrganisationAttachment"),
        *("getPaper", "getPublicationPaper", "getSignedPaper"),
    }
)
_BYTES = {"schema": {"type": "string", "format": "binary"}}

INTRODUCTION = """\
The register of conflict cases and organisations of a city's National Unity and Politics
Agency, and the key performance indicators (IKU) counted from it.

* **Valid time and knowledge.** `as_of` is the requested day, `known_on` the knowledge
  cut-off: a figure *as of* 31 March *as known on* 8 April counts what was true on
  31 March, as far as the office knew it on 8 April.
* **Size.** The log's size orders all events. A figure has the size from which it was
  counted; a request with all its coordinates always returns the same figure.
* **Pages.** Lists return `items` and `next`; `cursor=<next>` requests the next page.
  `next` is null on the last page.
* **Actor.** Until there are accounts, `Iku-Actor` names the actor of an event.
* **Idempotency.** Every POST that records supports an `Idempotency-Key`: a command
  repeated with the same key is carried out once, and the first receipt is returned.
* **Optimistic concurrency.** `ETag` is the version of a history. With `If-Match`
  nothing is recorded (412) if the history has a later version.
* **Formats.** JSON, with ISO dates and decimal point. If a route also has
  CSV, XLSX or NDJSON, `Accept` selects it.
* **Errors** are `application/problem+json` (RFC 9457), in English or Indonesian as
  `Accept-Language` requests; `message` and `parameters` are the same in both. Unknown
  fields and parameters are refused. On 503, send the same request again after
  `Retry-After` seconds.
"""
TAGS = {
    "Conflict cases": "Reports, later events and corrections.",
    "Organisations": "Ormas, LSM and parties: registration and participation.",
    "Indicators": "Formulas as data, in versions; targets; the rating scale.",
    "Figures": "Numerator, denominator and percentage of any day.",
    "Publications": "Published figures, and the changes since.",
    "Papers": "Papers, and the data of the agency that they print.",
    "Proposals": "Commands that another person must approve.",
    "Accounts": "Roles, one-time links, sessions, API keys; openings of texts.",
    "Subjects": "The stored texts of a person, and their erasure.",
    "Log": "Every record, byte for byte.",
    "Proof": "Signed checkpoints, tiles and proofs, for independent verification.",
    "Agency": "The agency that keeps the register.",
    "Health": "Liveness, readiness and metrics.",
}


def config(router: Router, *pages: OpenAPIRenderPlugin) -> OpenAPIConfig:
    """The framework's OpenAPI configuration: introduction, tags, router and pages."""
    return OpenAPIConfig(
        title="iku",
        version=iku.__version__,
        description=INTRODUCTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=[Tag(name, description) for name, description in TAGS.items()],
        use_handler_docstrings=True,
        openapi_router=router,
        render_plugins=pages,
    )


def describe(app: Litestar) -> bytes:
    """The OpenAPI document of *app* as JSON."""
    described = app.openapi_schema.to_schema()
    handlers = {handler.operation_id: handler for handler in _handlers(app)}
    bodies = [of for of in map(_request_body_type, handlers.values()) if of is not None]
    answers = [one for handler in handlers.values() for one in _response_types(handler)]
    schemas = Schemas([Problem, LogEntry, *answers, *bodies])
    for path in described["paths"].values():
        for operation in path.values():
            handler = handlers[operation["operationId"]]
            _complete_operation(operation, handler, schemas)
    described["components"] = {
        "schemas": schemas.components,
        "parameters": {_ACCEPTED: _ACCEPT_LANGUAGE},
        "headers": {_ANSWERED: _CONTENT_LANGUAGE},
    }
    return msgspec.json.encode(described)


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from (
                h for h, _ in route.route_handler_map.values() if h.operation_id
            )


def _complete_operation(
    operation: Json, handler: HTTPRouteHandler, schemas: Schemas
) -> None:
    name = operation["operationId"]
    operation.pop("deprecated", None)
    operation["parameters"] = [
        *_parameters(routes.route_parameters(handler), handler),
        {"$ref": f"#/components/parameters/{_ACCEPTED}"},
    ]
    if routes.route_parameters(handler).command is not None:
        shown = {k: {"value": v} for k, v in examples.BODIES[name].items()}
        content = {
            "schema": schemas.schema_of(_request_body_type(handler)),
            "examples": shown,
        }
        operation["requestBody"] = {"required": True, "content": {_JSON: content}}
    if name in _ATTACHING:
        operation["requestBody"] = {
            "description": "The file. Any media type is accepted, and stored as the "
            "type of the file.",
            "required": True,
            "content": {_OCTETS: _BYTES},
        }
    operation["responses"] = {
        **_responses(name, handler, schemas),
        **{
            str(int(s)): _error_response(s, schemas)
            for s in _error_statuses(operation, handler)
        },
    }


def _parameters(taken: RouteParameters, handler: HTTPRouteHandler) -> list[Json]:
    """The path, query and header parameters that the route's Structs declare."""
    (path,) = handler.paths
    in_path = set(_PLACEHOLDER.findall(path))
    found = [
        _parameter(field, "path" if field.name in in_path else "query")
        for field in parsing.struct_fields(taken.about).values()
    ]
    if taken.headers is not None:
        of = parsing.struct_fields(taken.headers).values()
        found += [_parameter(field, "header") for field in of]
    return found


_PLACEHOLDER = re.compile(r"\{(\w+):")


def _parameter(field: Field, place: str) -> Json:
    schema = {k: v for k, v in field.schema.items() if k != "description"}
    if field.is_repeatable:
        schema |= {"minItems": 1, "uniqueItems": True}
    adapt_to_json_schema(schema)
    parameter = {
        "name": field.name,
        "in": place,
        "required": field.required,
        "description": field.description,
        "schema": schema,
    }
    _add_example(parameter)
    return parameter


def _add_example(parameter: Json) -> None:
    """Add an example to the parameter.

    Swagger UI prefills `example`, which must not happen for an optional filter or a key
    that must be unique; those have their example in the schema.
    """
    schema = parameter["schema"]
    example = _example(parameter["name"], schema)
    if parameter["required"] or parameter["name"] == "Iku-Actor":
        parameter["example"] = example
    else:
        schema["examples"] = [example]


def _example(name: str, schema: Json) -> Any:
    """A value of the parameter that is valid for the example register."""
    if "items" in schema:
        return [_example(name, schema["items"])]
    if "enum" in schema:
        usual = examples.PARAMETERS.get(name)
        return usual if usual in schema["enum"] else schema["enum"][0]
    return examples.PARAMETERS[name]


def _request_body_type(handler: HTTPRouteHandler) -> Any:
    """The type of the request body."""
    return routes.route_parameters(handler).command


def _response_type(handler: HTTPRouteHandler) -> Any:
    """The type of the response."""
    return _response_types(handler)[0]


def _response_types(handler: HTTPRouteHandler) -> tuple[Any, ...]:
    """The types of the response; the second one is the type of a preview."""
    returned = handler.parsed_fn_signature.return_type
    if returned.is_subclass_of(Response):
        returned = returned.inner_types[0]
    annotation = returned.annotation
    return get_args(annotation) if returned.is_union else (annotation,)


_HEADERS = {
    "ETag": 'The version of the history, such as "3", for If-Match.',
    "Location": "The path of the resource.",
    "Idempotency-Replayed": "true if this is the receipt of the first attempt.",
}


_TABLES = {"explainFigure", "listConflicts", "listOrganisations"}
_MEDIA = {"replayFigure": NDJSON}  # the schema describes one line
# Responses that carry the version for If-Match.
_VERSIONED = (
    *(ConflictDetail, OrganisationDetail, IndicatorWithScale),
    *(ShownPublication, ShownProposal, AccountDetails),
)
_MEDIA_TYPES: dict[Any, str] = {
    str: "text/plain",
    bytes: _OCTETS,
}


def _responses(name: str, handler: HTTPRouteHandler, schemas: Schemas) -> Json:
    # A binary response has no schema in JSON Schema.
    returned = _response_type(handler)
    content: Json = {} if returned is bytes else {"schema": schemas.schema_of(returned)}
    usual = _MEDIA_TYPES.get(returned, _JSON)
    media_type = _MEDIA.get(name, usual)
    answer: Json = {
        "description": "The requested resource.",
        "content": {media_type: content},
    }
    if name == "readLog":
        answer["content"][NDJSON] = {"schema": schemas.schema_of(LogEntry)}
    if name in _TABLES:
        answer["content"][FileFormat.CSV.media_type] = {"schema": {"type": "string"}}
        answer["content"][FileFormat.XLSX.media_type] = _BYTES
    if name in _FETCHING:
        answer["content"] = {_OCTETS: _BYTES, "*/*": _BYTES}
    if "POST" not in handler.http_methods:
        if returned in _VERSIONED:
            answer["headers"] = _response_headers("ETag")
        if routes.route_parameters(handler).has_translated_text:
            answer["headers"] = answer.get("headers", {}) | _LANGUAGE
        return _with_examples(name, {"200": answer})
    answers = {"201": answer | _recorded_response(handler)}
    for foreseen in _response_types(handler)[1:]:
        answers["200"] = {
            "description": "The effect of the command; nothing is recorded.",
            "content": {_JSON: {"schema": schemas.schema_of(foreseen)}},
        }
    return _with_examples(name, answers)


def _recorded_response(handler: HTTPRouteHandler) -> Json:
    """The description of a recorded event, and the headers of its receipt."""
    said: Json = {"description": "The command was carried out."}
    if routes.route_parameters(handler).headers is not AccountHeaders:
        return said | {"headers": _response_headers(*_HEADERS)}
    if handler.parsed_fn_signature.return_type.is_subclass_of(Response):
        return said | {"headers": _response_headers("Location")}
    return said


def _with_examples(name: str, answers: Json) -> Json:
    """*answers* with the operation's responses for the example register."""
    for status, answer in answers.items():
        for media_type, content in answer["content"].items():
            shown = examples.ANSWERS.get(name, {}).get(status, {}).get(media_type)
            if shown is not None:
                content["example"] = shown
    return answers


def _response_headers(*names: str) -> Json:
    return {
        name: {"description": _HEADERS[name], "schema": {"type": "string"}}
        for name in names
    }


def _error_statuses(operation: Json, handler: HTTPRouteHandler) -> list[HTTPStatus]:
    """The error statuses of the operation."""
    places = {parameter.get("in") for parameter in operation["parameters"]}
    names = {parameter.get("name") for parameter in operation["parameters"]}
    found = [HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
    if "path" in places:
        found.append(HTTPStatus.NOT_FOUND)
    if "POST" in handler.http_methods:
        found += [
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ]
    if "If-Match" in names:
        found.append(HTTPStatus.PRECONDITION_FAILED)
    found += [HTTPStatus(status) for status in handler.opt.get("errors", ())]
    if operation["operationId"] in _FETCHING:
        found.append(HTTPStatus.GONE)
    found.append(HTTPStatus.INTERNAL_SERVER_ERROR)
    if routes.route_parameters(handler).names:
        found.append(HTTPStatus.SERVICE_UNAVAILABLE)
    return sorted(found)


def _error_response(status: HTTPStatus, schemas: Schemas) -> Json:
    titles = {str(title) for at, title in problems.KINDS.values() if at == status}
    error: Json = {
        "description": f"{titles.pop()}.",
        "content": {problems.MEDIA_TYPE: {"schema": schemas.schema_of(Problem)}},
        "headers": {**_LANGUAGE},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        retry = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        error["headers"]["Retry-After"] = retry
    return error
