"""Who may manage this deployment: the token of a request comes in, and is the operator's or is refused."""

import hmac
from pathlib import Path
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler

from api.service.refusals import Denied
from api.settings import ApiSettings

SCHEME = "Bearer "
TOKEN_CHARACTERS_MIN = 16


class NoOperator(Denied):
    """This server knows no operator."""

    remedy = "Set TALLYSTICK_API_OPERATOR_TOKEN, or [api] operator_token_file, where the server runs; start it anew."


class NotTheOperator(NotAuthorizedException):
    """The token is missing or another."""

    def __init__(self) -> None:
        super().__init__(
            "this route is the operator's: send `Authorization: Bearer TOKEN`", headers={"WWW-Authenticate": "Bearer"}
        )


class Operator:
    """Knows the operator's token."""

    def __init__(self, settings: ApiSettings) -> None:
        """Raises ValueError for a token that could be guessed, OSError for a file that cannot be read."""
        token = settings.operator_token
        if settings.operator_token_file:
            token = Path(settings.operator_token_file).read_text().strip()
        if token and len(token) < TOKEN_CHARACTERS_MIN:
            raise ValueError(f"the operator's token has {len(token)} characters: {TOKEN_CHARACTERS_MIN} at least")
        self._token = token.encode()

    def check(self, authorization: str) -> None:
        """Raises NoOperator, NotTheOperator. How long it takes tells nothing of the token."""
        if not self._token:
            raise NoOperator("the operator's token is not set, so that nobody can be the operator")
        sent = authorization.removeprefix(SCHEME) if authorization.startswith(SCHEME) else ""
        if not hmac.compare_digest(sent.encode(), self._token):
            raise NotTheOperator


def only_operator(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of the operator's routes."""
    operator: Operator = connection.app.state["operator"]
    operator.check(connection.headers.get("authorization", ""))
