"""How to reach a chain and how patient to be with it."""

from urllib.parse import urlsplit

from msgspec import Struct

from chain import finality


class ChainSettings(Struct, frozen=True, kw_only=True):
    """Without `ws_url` new heads are learnt by asking each `poll_interval_s`; with it, that is the fallback."""

    rpc_url: str = "http://127.0.0.1:8545"
    ws_url: str | None = None
    chain_id: int | None = None
    finality: str = "finalized"
    request_timeout_s: float = 10.0
    deadline_s: float = 30.0
    """The most that one call may take, all its repetitions included."""
    attempts: int = 5
    backoff_s: float = 0.1
    backoff_max_s: float = 5.0
    poll_interval_s: float = 1.0
    batch_blocks: int = 50
    """Blocks asked for in one request while catching up."""
    batches_ahead: int = 3
    answer_bytes_max: int = 256 * 1024 * 1024
    stale_after_s: float = 3.0
    """How long a head below ours, with nothing new in its place, is taken for a node that lags."""
    behind_after_s: float = 60.0
    """How long a node may lag behind our last final block before we stop."""

    def __post_init__(self) -> None:
        _check_url("rpc_url", self.rpc_url, ("http", "https"))
        if self.ws_url is not None:
            _check_url("ws_url", self.ws_url, ("ws", "wss"))
        finality.parse(self.finality)
        for name in ("request_timeout_s", "deadline_s", "backoff_s", "backoff_max_s", "poll_interval_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give seconds above 0")
        for name in ("attempts", "batch_blocks", "batches_ahead", "answer_bytes_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 1 or more")
        for name in ("stale_after_s", "behind_after_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 seconds or more")


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"{name} is {url!r}: give a URL such as {schemes[0]}://127.0.0.1:8545")
