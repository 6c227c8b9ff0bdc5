"""The worker's settings: a value out of range names its field."""

import pytest

from worker.settings import Settings


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        ({"concurrency": 0}, "concurrency is 0: it must be at least 1"),
        ({"batch_max": 33}, "batch_max is 33: the contract takes at most 32"),
        ({"claim_ahead": -1}, "claim_ahead is -1"),
        ({"prover_nice": 20}, "prover_nice is 20"),
        ({"drain_s": -1}, "drain_s is -1"),
        ({"engine": "openai"}, "engine_url is ''"),
        ({"api_url": "localhost:8001"}, "api_url is 'localhost:8001'"),
    ],
)
def test_a_choice_out_of_range_is_named(choice: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Settings(**choice)  # type: ignore[arg-type]


def test_the_defaults_are_fit_for_a_machine_without_a_gpu() -> None:
    settings = Settings()
    assert (settings.engine, settings.dtype, settings.threads) == ("vllm", "float32", 1)
