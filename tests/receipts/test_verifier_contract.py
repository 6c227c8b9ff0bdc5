"""The verifier on the chain: it accepts what holds, alone and in a batch, refuses the rest, and is cheap."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from eth_abi.abi import encode

from receipts.keccak import keccak256
from receipts.keys import Keys
from receipts.poseidon import FIELD
from receipts.proof import Proof
from receipts.prover import Prover
from receipts.statement import PublicInputs
from receipts.verifier_contract import BATCH_MAX
from tests.network import Network, Reverted, running
from tests.receipts.statements import honest
from tests.receipts.test_proof import MALFORMED

TRANSACTION_GAS, CALLDATA_GAS, CALLDATA_ZERO_GAS = 21_000, 16, 4
SINGLE_GAS_MAX = 210_000
BATCHED_GAS_MAX = 57_000
ON_CHAIN = {name: words for name, (words, _) in MALFORMED.items() if len(words) == 8 and min(words) >= 0}
Proved = tuple[Proof, PublicInputs]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def verifier(deployed_state: Path) -> Iterator[Network]:
    with running(deployed_state) as network:
        yield network


@pytest.fixture(scope="module")
def proved(prover: Prover) -> list[Proved]:
    """A full batch of proofs, each with its public inputs."""
    sides = [honest(index) for index in range(BATCH_MAX)]
    return [(prover.prove(private, public), public) for private, public in sides]


def accepts(network: Network, proof: Proof, public: PublicInputs) -> bool:
    return bool(network.call("ReceiptVerifier", "verify", proof.words, public.words))


def accepts_all(network: Network, proved: list[Proved]) -> bool:
    proofs, inputs = [proof.words for proof, _ in proved], [public.words for _, public in proved]
    return bool(network.call("ReceiptVerifier", "verifyBatch", proofs, inputs))


def execution_gas(network: Network, signature: str, *arguments: object) -> int:
    """What a contract pays that calls the verifier: a transaction's own cost is taken off."""
    types = re.findall(r"[a-z0-9]+(?:\[\d*\])+", signature)
    data = keccak256(signature.encode())[:4] + encode(types, arguments)
    message = {"to": network.deployment.contracts["ReceiptVerifier"].address, "data": "0x" + data.hex()}
    trace = network.rpc("debug_traceCall", message, "latest", {"tracer": "callTracer"})
    calldata = sum(CALLDATA_ZERO_GAS if byte == 0 else CALLDATA_GAS for byte in data)
    return int(trace["gasUsed"], 16) - TRANSACTION_GAS - calldata


def test_the_contract_names_its_key(verifier: Network, keys: Keys) -> None:
    assert verifier.call("ReceiptVerifier", "circuitDigest") == keys.digest


def test_proofs_that_hold_are_accepted_one_by_one_and_together(verifier: Network, proved: list[Proved]) -> None:
    assert accepts(verifier, *proved[0])
    for count in (1, 2, 7, BATCH_MAX):
        assert accepts_all(verifier, proved[:count])


@pytest.mark.parametrize("name", ["job_key", "terms", "amount", "commitment"])
def test_another_public_input_is_refused(verifier: Network, proved: list[Proved], name: str) -> None:
    proof, public = proved[0]
    altered = msgspec.structs.replace(public, **{name: getattr(public, name) + 1})
    assert not accepts(verifier, proof, altered)
    assert not accepts_all(verifier, [*proved[1:3], (proof, altered)])


@pytest.mark.parametrize("place", [0, 1, BATCH_MAX - 1])
def test_one_proof_in_the_wrong_place_spoils_the_batch(verifier: Network, proved: list[Proved], place: int) -> None:
    spoilt = list(proved)
    spoilt[place] = (proved[place - 1][0], proved[place][1])
    assert not accepts_all(verifier, spoilt)


def test_errors_that_cancel_out_without_weights_are_refused(verifier: Network, proved: list[Proved]) -> None:
    """A plain sum of both equations holds when two proofs swap their C; weights tell them apart."""
    (one, first), (other, second) = proved[:2]
    swapped = [(msgspec.structs.replace(one, c=other.c), first), (msgspec.structs.replace(other, c=one.c), second)]
    assert not accepts_all(verifier, swapped)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("excess", [0, 1])
def test_an_input_at_or_above_the_modulus_reverts(
    verifier: Network, proved: list[Proved], place: int, excess: int
) -> None:
    proof, public = proved[0]
    words = [*public.words]
    words[place] = FIELD + excess * words[place]
    with pytest.raises(Reverted, match="not below the field's modulus"):
        verifier.call("ReceiptVerifier", "verify", proof.words, words)
    with pytest.raises(Reverted, match="not below the field's modulus"):
        verifier.call("ReceiptVerifier", "verifyBatch", [proof.words], [words])


@pytest.mark.parametrize(("name", "words"), ON_CHAIN.items())
def test_malformed_words_are_never_accepted(
    verifier: Network, proved: list[Proved], name: str, words: tuple[int, ...]
) -> None:
    """The precompile takes a point at infinity, for which the equation is false; all else reverts."""
    inputs, good = proved[0][1].words, proved[0][0].words
    calls = (
        ("verify", words, inputs),
        ("verifyBatch", [words], [inputs]),
        ("verifyBatch", [good, words], [inputs] * 2),
    )
    for function, *arguments in calls:
        if "infinity" in name:
            assert verifier.call("ReceiptVerifier", function, *arguments) is False
        else:
            with pytest.raises(Reverted):
                verifier.call("ReceiptVerifier", function, *arguments)


def test_an_empty_batch_and_unequal_lengths_revert(verifier: Network, proved: list[Proved]) -> None:
    with pytest.raises(Reverted, match="the batch is empty"):
        accepts_all(verifier, [])
    with pytest.raises(Reverted, match="differ in number"):
        verifier.call("ReceiptVerifier", "verifyBatch", [proved[0][0].words], [])


def test_verifying_costs_little_gas(verifier: Network, proved: list[Proved]) -> None:
    proofs, inputs = [proof.words for proof, _ in proved], [public.words for _, public in proved]
    single = execution_gas(verifier, "verify(uint256[8],uint256[4])", proofs[0], inputs[0])
    batch = execution_gas(verifier, "verifyBatch(uint256[8][],uint256[4][])", proofs, inputs)
    assert single <= SINGLE_GAS_MAX
    assert batch / BATCH_MAX <= BATCHED_GAS_MAX
