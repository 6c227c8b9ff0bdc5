"""What an operator may choose about one worker, with its limits."""

from typing import Literal

from msgspec import Struct


class Settings(Struct, frozen=True, kw_only=True):
    """One worker's choices; `_s` are seconds, `_ms` milliseconds, `_mib` mebibytes."""

    model_id: str = "smollm2-135m-instruct"
    """The model as the registry names it; the worker takes jobs for no other."""
    model_folder: str = ".tallystick/models/smollm2-135m-instruct"
    """Hugging Face folder with the model's manifest."""

    engine: Literal["vllm", "openai"] = "vllm"
    """`vllm` runs inside the worker; `openai` is any OpenAI-compatible server at `engine_url`."""
    engine_url: str = ""
    engine_key: str = ""
    engine_model: str = ""
    """The model's name at the upstream server, where it differs from `model_id`."""
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """float32 answers alike in any batch on a CPU; `auto` is right on a GPU."""
    context_tokens: int = 2048
    kv_cache_mib: int = 512
    """Memory for the attention cache; 0 lets vLLM take what the GPU has."""
    threads: int = 1
    """CPU threads of the engine: two collapse when another process wants the core."""

    concurrency: int = 8
    """Jobs generated at once."""
    claim_ahead: int = 2
    """Jobs claimed beyond those, so that the engine never waits for a claim."""
    prompt_bytes_max: int = 1 << 20
    gas_cover_percent: int = 100
    """A job is declined whose escrow is below this share of what its transactions would cost; 0 takes any."""
    lease_margin_s: float = 5.0
    """An answer goes on chain before its proof when less of the lease than this would be left."""

    provers: int = 2
    """Processes that prove; while the engine works they get what it leaves, when it pauses they catch up."""
    prover_nice: int = 19
    batch_max: int = 32
    batch_wait_ms: int = 50
    """How long a proof waits for company when nothing else is under way."""
    batch_wait_busy_ms: int = 1000
    """How long it waits while other jobs are, whose proofs could share its transaction."""
    mined_timeout_s: float = 120.0

    api_url: str = ""
    """Where progress, tokens and receipts are sent; empty keeps them here."""
    sample_every_s: float = 10.0
    gpu_temperature_max_c: float = 92.0
    drain_s: float = 60.0
    """After SIGTERM: how long to finish and settle what is held."""

    def __post_init__(self) -> None:
        for name in ("context_tokens", "threads", "concurrency", "prompt_bytes_max", "provers", "batch_max"):
            _at_least(self, name, 1)
        for name in ("kv_cache_mib", "claim_ahead", "gas_cover_percent", "batch_wait_ms", "batch_wait_busy_ms"):
            _at_least(self, name, 0)
        for name in ("lease_margin_s", "drain_s"):
            _at_least(self, name, 0)
        for name in ("mined_timeout_s", "sample_every_s"):
            _at_least(self, name, 0.1)
        if self.batch_max > 32:
            raise ValueError(f"batch_max is {self.batch_max}: the contract takes at most 32 receipts at once")
        if not 0 <= self.prover_nice <= 19:
            raise ValueError(f"prover_nice is {self.prover_nice}: it must be between 0 and 19")
        if self.engine == "openai" and not self.engine_url.startswith(("http://", "https://")):
            raise ValueError(f"engine_url is {self.engine_url!r}: engine 'openai' needs its http(s):// address")
        if self.api_url and not self.api_url.startswith(("http://", "https://")):
            raise ValueError(f"api_url is {self.api_url!r}: it must begin with http:// or https://")


def _at_least(settings: Settings, name: str, least: float) -> None:
    value = getattr(settings, name)
    if value < least:
        raise ValueError(f"{name} is {value}: it must be at least {least}")
