"""Parameters that a route does not take: requests come in, those that spell one wrongly or say it twice are refused."""

from typing import cast

from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.types.internal_types import PathParameterDefinition

from api.explorer.asking import check_names, read_query
from api.explorer.describing import TAKES

EXPLORER = "/explorer/v1/"


class Strict(ASGIMiddleware):
    """For routes of the explorer that do not read their query themselves. Raises BadParameter, UnknownParameter."""

    scopes = (ScopeType.HTTP,)

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, ...]] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        handler = scope["route_handler"]
        reads_itself = TAKES in handler.opt or scope.get("method") == "OPTIONS"
        if scope["query_string"] and scope["path"].startswith(EXPLORER) and not reads_itself:
            check_names(read_query(scope["query_string"]), self._names_of(cast("HTTPRouteHandler", handler), scope))
        await next_app(scope, receive, send)

    def _names_of(self, handler: HTTPRouteHandler, scope: Scope) -> tuple[str, ...]:
        if id(handler) not in self._names:
            paths = {name: cast("PathParameterDefinition", None) for name in scope["path_params"]}
            model = handler.create_kwargs_model(paths)
            self._names[id(handler)] = tuple(each.field_alias for each in model.expected_query_params)
        return self._names[id(handler)]
