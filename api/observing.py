"""What is counted about requests: messages of the HTTP exchange come in, request ids and Prometheus metrics go out."""

import random
import re
import time

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.figures import IndexerCollector

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """One registry an app, so that two apps in a process do not share figures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tallystick_http_requests_total", "Requests", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "tallystick_http_request_seconds",
            "Time to the end of the answer",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.orders = Counter("tallystick_orders_total", "Orders answered", ["replayed"], registry=self.registry)
        self.streams = Gauge("tallystick_streams", "Readers that follow a job now", registry=self.registry)
        self.live = Gauge("tallystick_live_readers", "Readers that follow the explorer now", registry=self.registry)
        self.workers = Gauge("tallystick_workers", "Workers connected now", registry=self.registry)
        self.jobs = Gauge("tallystick_jobs", "Jobs by state", ["state"], registry=self.registry)
        self.indexer = IndexerCollector()
        self.registry.register(self.indexer)

    def page(self) -> bytes:
        return generate_latest(self.registry)


def request_id(scope: Scope) -> str:
    """The caller's id where it sent a sane one, else a new one; the same for the whole exchange."""
    state = scope["state"]
    if "request_id" not in state:
        sent = Headers.from_scope(scope).get("x-request-id", "")
        state["request_id"] = sent if REQUEST_ID.fullmatch(sent) else f"{random.getrandbits(128):032x}"
    return str(state["request_id"])


async def name_answer(message: Message, scope: Scope) -> None:
    """Hook for every message that leaves, those of unknown routes too."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], (b"x-request-id", request_id(scope).encode())]


class Counting(ASGIMiddleware):
    """Counts and times the requests of routes that exist: others could make labels without end."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        started, status = time.perf_counter(), 500

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method, route = str(scope.get("method")), scope.get("path_template", "")
        try:
            await next_app(scope, receive, watching)
        finally:
            self.metrics.requests.labels(method, route, str(status)).inc()
            self.metrics.seconds.labels(method, route).observe(time.perf_counter() - started)
