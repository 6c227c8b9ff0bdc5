"""What the transport reports goes in: a status that says no, an error of the system; the error of ours comes out."""

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime

from chain.errors import ChainError, Denied, Overloaded, TooManyCalls, Unreachable
from chain.jsonrpc import Call, refusal, title
from chain.refusals import to_error
from chain.transport import Reply

REFUSED_STATUS = 400
DENIED_STATUSES = frozenset({401, 402, 403, 404, 405, 451})
TOO_LARGE_STATUS = 413
TOO_FAST_STATUS = 429
BUSY_STATUSES = frozenset({408, 425, TOO_FAST_STATUS})
SERVER_FAULT = 500
SAID_CHARACTERS = 200
RETRY_AFTER_MAX_S = 60.0


def of_status(place: str, calls: Sequence[Call], reply: Reply, clock: Callable[[], float] = time.time) -> ChainError:
    """Why a provider answered with a status that is no success: its own words first, if they are JSON-RPC."""
    said = reply.body.decode(errors="replace").strip()[:SAID_CHARACTERS]
    message = f"{place} answers with status {reply.status}: {said or 'no reason'}"
    after_s = _retry_after_s(reply.headers, clock)
    told = refusal(reply.body)
    if told is not None and (meant := to_error(title(calls), told)).kind not in ("refused", "5xx"):
        if isinstance(meant, Overloaded) and after_s is not None:
            return Overloaded(message, after_s, meant.kind)
        return meant
    if reply.status in BUSY_STATUSES or reply.status >= SERVER_FAULT:
        return Overloaded(message, after_s, "429" if reply.status == TOO_FAST_STATUS else "5xx")
    if reply.status == TOO_LARGE_STATUS and len(calls) > 1:
        return TooManyCalls(message)
    if told is not None and reply.status not in DENIED_STATUSES:
        return to_error(title(calls), told)
    return Denied(f"{message}; check rpc_url and its key", reply.status)


def of_system(place: str, error: OSError) -> Unreachable:
    """Why there is no connection, or no longer."""
    reason = error.strerror or str(error) or type(error).__name__
    return Unreachable(f"{place}: {reason}; start that node, or correct rpc_url", _step(error))


def _step(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ssl.SSLError):
        return "tls"
    return "connect" if isinstance(error, ConnectionRefusedError) else "reset"


def _retry_after_s(headers: Mapping[str, str], clock: Callable[[], float]) -> float | None:
    """Seconds, or until a date, as the header allows both."""
    told = headers.get("retry-after", "")
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(told).timestamp() - clock()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S) if seconds == seconds else None
