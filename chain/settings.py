"""How to reach a chain and how patient to be with it."""

from collections import Counter
from typing import Literal, get_args
from urllib.parse import urlsplit

from msgspec import Struct

from chain import finality, levels

Role = Literal["backfill", "head", "fallback"]
ROLES: tuple[Role, ...] = get_args(Role)
HTTP, WEBSOCKET = ("http", "https"), ("ws", "wss")


class ProviderSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint of the chain. Without `url` it is asked through its WebSocket."""

    url: str | None = None
    ws_url: str | None = None
    name: str = ""
    """What messages and metrics call it; its host if left out."""
    roles: tuple[str, ...] = ("backfill", "head")
    """`fallback` alone is asked only while no other that has the role at hand works."""
    weight: float = 1.0
    """At the head the heaviest that works is asked; a backfill is shared out by weight."""
    requests_per_s: float | None = None
    """What its plan allows; each call of a batch counts."""

    def __post_init__(self) -> None:
        if self.url is None and self.ws_url is None:
            raise ValueError(f"provider {self.name or '?'} has no url: give it a url, a ws_url or both")
        if self.url is not None:
            _check_url("url", self.url, HTTP)
        if self.ws_url is not None:
            _check_url("ws_url", self.ws_url, WEBSOCKET)
        if not self.roles:
            raise ValueError(f"provider {self.called} has no roles: give one or more of {', '.join(ROLES)}")
        for role in self.roles:
            if role not in ROLES:
                raise ValueError(f"provider {self.called} has role {role!r}: there are {', '.join(ROLES)}")
        if not self.weight > 0:
            raise ValueError(f"weight of provider {self.called} is {self.weight}: give a number above 0")
        if self.requests_per_s is not None and not self.requests_per_s > 0:
            raise ValueError(
                f"requests_per_s of provider {self.called} is {self.requests_per_s}: give a number above 0, or none"
            )

    @property
    def called(self) -> str:
        return self.name or without_secrets(self.url or self.ws_url or "")


DURATIONS = ("request_timeout_s", "deadline_s", "backoff_s", "backoff_max_s", "poll_interval_s", "quiet_after_s")
COUNTS = ("attempts", "batch_blocks", "batches_ahead", "batch_calls", "requests_at_once", "answer_bytes_max")
LOCAL_URL = "http://127.0.0.1:8545"


class ChainSettings(Struct, frozen=True, kw_only=True):
    """Without `ws_url` new heads are learnt by asking each `poll_interval_s`; with it, that is the fallback."""

    rpc_url: str = LOCAL_URL
    ws_url: str | None = None
    providers: tuple[ProviderSettings, ...] = ()
    """Instead of `rpc_url` and `ws_url`, where there are several."""
    chain_id: int | None = None
    finality: str = "finalized"
    level: str = "root"
    """How strictly blocks are checked before they are believed: root, bloom, or quorum:K."""
    request_timeout_s: float = 10.0
    deadline_s: float = 30.0
    """The most that one call may take, all its repetitions included."""
    attempts: int = 5
    backoff_s: float = 0.1
    backoff_max_s: float = 5.0
    poll_interval_s: float = 1.0
    batch_blocks: int = 50
    """Blocks asked for at once when catching up begins; then as many as bring a few thousand logs, and are taken."""
    batches_ahead: int = 3
    batch_calls: int = 1000
    """Calls in one request at most; a provider that takes fewer is asked with fewer."""
    requests_at_once: int = 32
    """Requests under way with one provider at most; fewer while it limits us."""
    answer_bytes_max: int = 256 * 1024 * 1024
    stale_after_s: float = 3.0
    """How long a head below ours, with nothing new in its place, is taken for a node that lags."""
    quiet_after_s: float = 20.0
    """After how long without a new head the providers' heads are compared: one of them may have stopped."""
    behind_after_s: float = 60.0
    """How long a node may lag behind our last final block before we stop."""
    distrust_s: float = 60.0
    """How long a provider that told something untrue is passed over, if there is another."""

    def __post_init__(self) -> None:
        _check_url("rpc_url", self.rpc_url, HTTP)
        if self.ws_url is not None:
            _check_url("ws_url", self.ws_url, WEBSOCKET)
        if self.providers:
            self._check_providers()
        finality.parse(self.finality)
        self._check_level()
        for name in (
            "request_timeout_s",
            "deadline_s",
            "backoff_s",
            "backoff_max_s",
            "poll_interval_s",
            "quiet_after_s",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give seconds above 0")
        for name in COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 1 or more")
        for name in ("stale_after_s", "behind_after_s", "distrust_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 seconds or more")

    @property
    def endpoints(self) -> tuple[ProviderSettings, ...]:
        """All providers; the one of `rpc_url` and `ws_url` has every role."""
        return self.providers or (ProviderSettings(url=self.rpc_url, ws_url=self.ws_url),)

    def _check_level(self) -> None:
        voters, count = levels.parse(self.level).voters, len(self.endpoints)
        if voters > count:
            raise ValueError(f"level is {self.level!r}, but providers lists {count}: list {voters} or more")

    def _check_providers(self) -> None:
        if self.rpc_url != LOCAL_URL or self.ws_url is not None:
            raise ValueError("rpc_url or ws_url is set beside providers: list it among them, or leave them out")
        names = Counter(each.called for each in self.providers)
        for name, count in names.items():
            if count > 1:
                raise ValueError(f"{count} providers are called {name}: give each a name of its own")
        if self.chain_id is None and len(self.providers) > 1:
            raise ValueError("chain_id is not set: with several providers it tells one of another chain from the rest")
        for role in ("backfill", "head"):
            if not any(role in each.roles or "fallback" in each.roles for each in self.providers):
                raise ValueError(f"no provider has the role {role!r}: give it to one of {', '.join(names)}")


def without_secrets(url: str) -> str:
    """Scheme, host and port: the rest of a provider's URL is often its key, which belongs in no message."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"{name} is {url!r}: give a URL such as {schemes[0]}://127.0.0.1:8545")
