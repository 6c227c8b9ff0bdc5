"""A job that is settled on a running chain has evidence that verifies, anchored by that chain."""

from pathlib import Path

import pytest

from receipts.evidence import NotSettled, build, decode_bundle, from_payload
from receipts.rlp import encode
from receipts.tokens import tokenizer_in
from receipts.verification import verify_bundle
from tests.network import Network
from tests.receipts.settled import settle


def test_evidence_of_a_fresh_settlement_verifies_by_the_node_s_own_word(network: Network, tmp_path: Path) -> None:
    settled = settle(network, tmp_path)

    def block_hash_at(number: int) -> bytes:
        return bytes.fromhex(network.rpc("eth_getBlockByNumber", hex(number), False)["hash"][2:])

    verdict = verify_bundle(
        settled.data, settled.deployment, block_hash_at=block_hash_at, tokenizer_of=tokenizer_in(tmp_path)
    )
    assert verdict.outcome == "verified", verdict.failure
    assert decode_bundle(settled.data) == settled.bundle
    assert len(settled.bundle.inclusion.nodes) > 1, "the settlement should share its block"


def test_a_receipt_without_a_settlement_has_no_evidence(network: Network, tmp_path: Path) -> None:
    settled = settle(network, tmp_path)
    contents = {name: from_payload(getattr(settled.bundle, name)) for name in ("prompt", "response", "model")}
    with pytest.raises(NotSettled, match="settlement of job"):
        build(settled.bundle.receipt, **contents, header=encode([b""] * 15), receipts=[])
