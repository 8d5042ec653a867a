"""Responses to OPTIONS, with every method of a path in `Allow`.

The framework's own response names only the methods of the path's first handler.
"""

from collections import defaultdict
from collections.abc import Iterable

from litestar import Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler


def options_handlers(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """An OPTIONS handler for each path of *handlers*; register them first."""
    methods: dict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for handler in handlers:
        for path in handler.paths:
            methods[path].update(handler.http_methods)
    return [
        _options_handler(path, ", ".join(sorted(of))) for path, of in methods.items()
    ]


def _options_handler(path: str, allow: str) -> HTTPRouteHandler:
    def answer() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": allow})

    return HTTPRouteHandler(
        path,
        http_method=[HttpMethod.OPTIONS],
        include_in_schema=False,
        status_code=204,
        sync_to_thread=False,
    )(answer)
