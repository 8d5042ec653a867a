"""The interactive API documentation: Swagger UI, served without external hosts.

The assets are read from the files of the `swagger-ui-py` package, which is not
imported.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import FromPath

from iku.web.openapi_document import describe
from iku.web.security_headers import content_policy

DESCRIPTION = "/api/v1/openapi.json"
ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
# Forbids inline scripts and every request to another host.
POLICY = content_policy(
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
)
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>iku: API</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<noscript>The description itself: <a href="/api/v1/openapi.json">openapi.json</a>
</noscript>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
"""
# Without validatorUrl, Swagger UI sends the document to an external validator.
START = f"""\
SwaggerUIBundle({{
  url: "{DESCRIPTION}",
  dom_id: "#ui",
  deepLinking: true,
  validatorUrl: null,
}});
"""


class DocumentationPage(OpenAPIRenderPlugin):
    """The Swagger UI page."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Any) -> bytes:  # noqa: ARG002 - the page fetches the description itself
        """The HTML of the page, which is constant."""
        return PAGE.encode()


class OpenApiDocument(OpenAPIRenderPlugin):
    """The renderer that serves the OpenAPI document below `/docs`."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Any) -> bytes:  # noqa: ARG002 - it is made once, and more exactly
        """The OpenAPI document as JSON."""
        return openapi_json(request.app)


@cache
def openapi_json(app: Any) -> bytes:
    """The OpenAPI document of *app*, generated once."""
    return describe(app)


@get(DESCRIPTION, include_in_schema=False, sync_to_thread=False)
def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI document."""
    return Response(openapi_json(request.app), media_type=MediaType.JSON)


@get("/docs/assets/{name:str}", include_in_schema=False, sync_to_thread=False)
def asset(name: FromPath[str]) -> Response[bytes]:
    """A static asset of the page."""
    if name == "start.js":
        return Response(START.encode(), media_type="text/javascript")
    if name not in ASSETS:
        raise NotFoundException
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(_read(name), media_type=ASSETS[name], headers=headers)


@cache
def _read(name: str) -> bytes:
    package = find_spec("swagger_ui")
    if package is None or not package.submodule_search_locations:
        raise NotFoundException
    return (Path(package.submodule_search_locations[0]) / "static" / name).read_bytes()


def router() -> Router:
    """The router under which the framework serves the page."""
    return Router(
        "/docs",
        route_handlers=[],
        include_in_schema=False,
        response_headers={"Content-Security-Policy": POLICY},
    )


def pages() -> tuple[OpenAPIRenderPlugin, ...]:
    """The render plugins of `/docs`, the page first."""
    return DocumentationPage(path="/"), OpenApiDocument(
        path="/openapi.json", media_type=MediaType.JSON
    )


HANDLERS: list[Any] = [openapi, asset]
