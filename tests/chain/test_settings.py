from pathlib import Path
from typing import Any

import pytest

from chain.finality import Depth, Tag, parse
from chain.settings import ChainSettings, ProviderSettings
from tallystick.settings import BadSettings, Sources, read_sources


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


FILE = """
[chain]
chain_id = 1

[[chain.providers]]
name = "own"
url = "http://10.0.0.5:8545"
ws_url = "ws://10.0.0.5:8546"

[[chain.providers]]
url = "https://user:pass@eth.example.com/v2/key"
roles = ["backfill"]
weight = 0.5
requests_per_s = 25
"""


def test_providers_are_tables_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tallystick.toml"
    path.write_text(FILE)
    settings = read_sources(path, {}, frozenset({"chain"})).room(ChainSettings, "chain")
    own, rented = settings.endpoints
    assert (own.called, own.ws_url, own.roles) == ("own", "ws://10.0.0.5:8546", ("backfill", "head"))
    assert (rented.called, rented.weight, rented.requests_per_s) == ("https://eth.example.com", 0.5, 25)


def test_without_providers_there_is_the_one_of_rpc_url() -> None:
    (only,) = ChainSettings(rpc_url="http://node:1", ws_url="ws://node:2").endpoints
    assert (only.url, only.ws_url, only.called) == ("http://node:1", "ws://node:2", "http://node:1")


ONE, OTHER = {"url": "http://one:1"}, {"url": "http://other:1"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"providers": [{"name": "a"}]}, "provider a has no url: give it a url, a ws_url or both"),
        ({"providers": [{"url": "ws://a:1"}]}, "url is 'ws://a:1': give a URL such as http://"),
        ({"providers": [ONE | {"ws_url": "http://a:1"}]}, "ws_url is 'http://a:1': give a URL such as ws://"),
        ({"providers": [ONE | {"roles": ["archive"]}]}, "has role 'archive': there are backfill, head, fallback"),
        ({"providers": [ONE | {"roles": []}]}, "provider http://one:1 has no roles"),
        ({"providers": [ONE | {"weight": 0}]}, "weight of provider http://one:1 is 0"),
        ({"providers": [ONE | {"requests_per_s": 0}]}, "requests_per_s of provider http://one:1 is 0"),
        ({"providers": [ONE | {"urls": "x"}]}, "unknown field `urls`"),
        ({"providers": [ONE, ONE]}, "2 providers are called http://one:1: give each a name of its own"),
        ({"providers": [ONE | {"name": "a"}, OTHER | {"name": "a"}]}, "2 providers are called a"),
        ({"providers": [ONE, OTHER]}, "chain_id is not set"),
        ({"providers": [ONE], "rpc_url": "http://two:1"}, "rpc_url or ws_url is set beside providers"),
        ({"providers": [ONE | {"roles": ["head"]}]}, "no provider has the role 'backfill'"),
    ],
)
def test_providers_that_do_not_fit_are_refused_by_name(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        Sources({"chain": wrong}, {}).room(ChainSettings, "chain")


def test_a_provider_is_called_without_its_key() -> None:
    assert ProviderSettings(url="https://eth.example.com/v2/secret").called == "https://eth.example.com"
