"""Each limit's own words, as providers and clients say them (`samples/limits.toml`), and what we make of them."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec import Struct, convert

from chain.errors import ChainError, Denied, Missing, Overloaded, Refused, TooManyCalls, TooMuch
from chain.limits import PHRASES, Kind, Limit, read
from chain.refusals import RpcError, to_error


class Said(Struct, frozen=True):
    """`allows` is the number that the text names: blocks, calls, or seconds to stay away."""

    by: str
    means: str
    text: str
    allows: int | None = None
    code: int = -32000


SAMPLES = Path(__file__).parent / "samples" / "limits.toml"
TEXTS = convert(tomllib.loads(SAMPLES.read_text())["said"], list[Said])


def saying(*meanings: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "said", [each for each in TEXTS if each.means in meanings], ids=lambda said: f"{said.by}: {said.text[:40]}"
    )


@saying("range")
def test_the_longest_range_is_read_from_the_refusal(said: Said) -> None:
    assert read("eth_getLogs", said.text) == Limit(Kind.RANGE, said.allows, is_lasting=said.allows is not None)


@saying("answer")
def test_an_answer_that_would_be_too_large_is_understood_and_the_range_proposed_is_read(said: Said) -> None:
    assert read("eth_getLogs", said.text) == Limit(Kind.ANSWER, said.allows)


@saying("batch")
def test_a_batch_of_too_many_calls_is_understood(said: Said) -> None:
    assert read("eth_getLogs", said.text) == Limit(Kind.BATCH, said.allows, is_lasting=said.allows is not None)


@saying("rate")
def test_going_too_fast_is_understood_and_when_to_come_back_is_read(said: Said) -> None:
    error = to_error("eth_call", RpcError(said.code, said.text))
    assert isinstance(error, Overloaded)
    assert (error.kind, error.retry_after_s) == ("429", said.allows)


@saying("quota")
def test_a_provider_whose_quota_is_used_up_is_left_alone_for_longer(said: Said) -> None:
    error = to_error("eth_call", RpcError(said.code, said.text))
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == 60


def test_infura_says_in_the_data_how_long_to_stay_away() -> None:
    data = {"rate": {"allowed_rps": 1, "backoff_seconds": 30, "current_rps": 2.63}, "see": "https://infura.io"}
    error = to_error("eth_call", RpcError(-32005, "project ID request rate exceeded", data))
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == 30


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RpcError(-32000, "block range extends beyond current head block"), Missing),
        (RpcError(-32014, "block not yet imported"), Missing),
        (RpcError(-32601, "the method eth_getBlockReceipts does not exist/is not available"), Denied),
        (RpcError(-32602, "Archive requests require a personal token"), Denied),
        (RpcError(-32000, "exceeds block gas limit"), Refused),
        (RpcError(-32000, "tx fee (2.10 ether) exceeds the configured cap (1.00 ether)"), Refused),
        (RpcError(-32000, "nonce too low"), Refused),
        (RpcError(-32602, "invalid block range params"), Refused),
    ],
)
def test_what_is_no_limit_is_not_taken_for_one(error: RpcError, kind: type[ChainError]) -> None:
    assert type(to_error("eth_getLogs", error)) is kind


def test_what_is_too_much_can_be_asked_for_in_parts() -> None:
    error = to_error("eth_getLogs", RpcError(-32701, "exceed maximum block range: 50000"))
    assert isinstance(error, TooMuch)
    assert (error.suggested, error.is_lasting) == (50_000, True)
    batch = to_error("batch", RpcError(-32010, "The batch request was too large", "Exceeded max limit of 20"))
    assert isinstance(batch, TooManyCalls)
    assert batch.suggested == 20


def test_a_timeout_of_a_question_that_names_no_range_is_no_limit() -> None:
    assert read("eth_call", "execution aborted (timeout = 5s)") is None


def test_a_range_that_runs_backwards_is_no_suggestion_to_ask_for_nothing() -> None:
    limit = read("eth_getLogs", "query exceeds max results 20000, retry with the range 6000509-6000000")
    assert limit == Limit(Kind.ANSWER, 1)


def test_a_long_refusal_is_read_only_at_its_beginning() -> None:
    assert read("eth_getLogs", "x" * 5000 + "block range is too wide") is None


def test_every_phrase_of_the_table_has_its_text() -> None:
    said = [each.text.lower() for each in TEXTS]
    unseen = [each.text for each in PHRASES if not any(re.search(each.text, text, re.DOTALL) for text in said)]
    assert not unseen
