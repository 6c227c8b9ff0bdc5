"""A failed attempt goes in; how long to wait before the next comes out: doubling, jittered, as the provider asked."""

import random

from chain.errors import Overloaded, Retryable
from chain.settings import ChainSettings

DOUBLINGS_MAX = 30
_random = random.Random()


def pause_before(
    attempt: int, settings: ChainSettings, trouble: Retryable | None = None, chance: random.Random = _random
) -> float:
    """Seconds to wait after failed attempt number `attempt`, at least what the provider asked for."""
    ceiling = min(settings.backoff_max_s, settings.backoff_s * 2 ** min(attempt - 1, DOUBLINGS_MAX))
    pause_s = chance.uniform(ceiling / 2, ceiling)
    asked_s = trouble.retry_after_s if isinstance(trouble, Overloaded) else None
    return max(pause_s, asked_s or 0.0)
