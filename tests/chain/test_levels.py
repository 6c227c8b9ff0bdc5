import pytest

from chain import levels
from chain.settings import ChainSettings, ProviderSettings


def test_a_level_says_what_it_checks() -> None:
    assert "receipts root" in levels.parse("root").checks
    assert "logs bloom" in levels.parse("bloom").checks
    assert "3 providers agree" in levels.parse("quorum:3").checks
    assert [levels.parse(text).voters for text in ("root", "bloom", "quorum:3")] == [1, 1, 3]


@pytest.mark.parametrize("text", ["", "none", "Root", "quorum", "quorum:", "quorum:1", "quorum:-2", "bloom:2"])
def test_an_unknown_level_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="choose 'root', 'bloom', or 'quorum:K'"):
        ChainSettings(level=text)


def test_a_quorum_needs_as_many_providers() -> None:
    with pytest.raises(ValueError, match="level is 'quorum:2', but providers lists 1: list 2 or more"):
        ChainSettings(level="quorum:2")
    two = tuple(ProviderSettings(url=f"http://node{i}:8545") for i in range(2))
    assert ChainSettings(level="quorum:2", providers=two, chain_id=1).level == "quorum:2"
