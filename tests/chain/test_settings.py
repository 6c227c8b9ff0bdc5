from typing import Any

import pytest

from chain.finality import Depth, Tag, parse
from chain.settings import ChainSettings


@pytest.mark.parametrize(
    ("text", "rule"),
    [("depth:0", Depth(0)), ("depth:12", Depth(12)), ("finalized", Tag("finalized")), ("safe", Tag("safe"))],
)
def test_finality_is_a_depth_or_the_nodes_own_word(text: str, rule: object) -> None:
    assert parse(text) == rule


@pytest.mark.parametrize("text", ["", "depth", "depth:-1", "depth:1.5", "latest", "depth:12\n"])
def test_any_other_finality_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="choose 'finalized', 'safe' or 'depth:N'"):
        ChainSettings(finality=text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rpc_url": "localhost:8545"},
        {"rpc_url": "ws://localhost"},
        {"ws_url": "http://localhost"},
        {"request_timeout_s": 0},
        {"deadline_s": float("nan")},
        {"attempts": 0},
        {"batch_blocks": 0},
        {"stale_after_s": -1},
    ],
)
def test_a_setting_out_of_range_is_named(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} is "):
        ChainSettings(**wrong)
