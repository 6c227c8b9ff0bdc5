from collections.abc import Callable

import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager
from eth_utils.conversions import to_bytes

from receipts.poseidon import FIELD
from tests.contracts.notary import Notary, Settlement
from tests.contracts.refusing import assert_refused
from tests.contracts.terms import (
    LEASE_S,
    MODEL_CID,
    MODEL_ID,
    NOBODY,
    PROMPT_CID,
    RECEIPT_WINDOW_S,
    RESPONSE_CID,
    SETTLED,
)

VALUE = 400
TOKENS = (10, 7)
AMOUNT = 10 * 2 + 7 * 5
# The modulus of the curve's coordinates: A = (x, y) becomes -A = (x, CURVE - y).
CURVE = 21888242871839275222246405745257275088696311157297823662689037894645226208583

Settle = Callable[..., Settlement]


@pytest.fixture
def job(coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI) -> int:
    """A job that the worker holds."""
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    coordinator.claim(1, sender=worker)
    return 1


@pytest.fixture
def settle(coordinator: ContractInstance, notary: Notary, worker: AccountAPI) -> Settle:
    """What a worker submits for a job, unless told otherwise the one and for `TOKENS`."""

    def settle(
        job: int, tokens: tuple[int, int] = TOKENS, by: AccountAPI = worker, answer: str = RESPONSE_CID
    ) -> Settlement:
        return notary.settle(job, to_bytes(hexstr=by.address), coordinator.termsOf(job), tokens, answer)

    return settle


def test_a_proven_answer_is_paid_exactly_and_the_rest_is_refunded(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, job: int, settle: Settle
) -> None:
    coordinator.submitReceipt(*settle(job), sender=worker)
    assert coordinator.jobOf(job).status == SETTLED
    assert (coordinator.creditOf(worker), coordinator.creditOf(controller)) == (AMOUNT, VALUE - AMOUNT)
    assert (coordinator.openEscrow(), coordinator.totalCredit(), coordinator.balance) == (0, VALUE, VALUE)


def test_the_receipts_event_carries_the_whole_receipt(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle
) -> None:
    submitted = settle(job)
    receipt = coordinator.submitReceipt(*submitted, sender=worker)
    completed, accepted = receipt.events
    assert (completed.event_name, completed.responseCID) == ("InferenceCompleted", RESPONSE_CID)
    assert accepted.event_arguments == {
        "jobId": job,
        "worker": worker,
        "jobKey": coordinator.jobKey(job, worker, RESPONSE_CID),
        "promptCID": PROMPT_CID,
        "responseCID": RESPONSE_CID,
        "modelId": MODEL_ID,
        "modelCID": MODEL_CID,
        "terms": coordinator.termsOf(job),
        "amount": AMOUNT,
        "refund": VALUE - AMOUNT,
        "commitment": submitted.commitment,
        "verifierVersion": 1,
    }


def test_an_answer_given_before_is_not_told_again(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle
) -> None:
    coordinator.submitResponse(job, RESPONSE_CID, sender=worker)
    receipt = coordinator.submitReceipt(*settle(job), sender=worker)
    assert [each.event_name for each in receipt.events] == ["ReceiptAccepted"]


def test_the_receipt_must_be_of_the_answer_given(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle
) -> None:
    coordinator.submitResponse(job, RESPONSE_CID, sender=worker)
    assert_refused("not the response given", coordinator.submitReceipt, *settle(job, answer="QmAnother"), sender=worker)


def test_a_receipt_is_in_time_until_its_window_closes(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle, chain: ChainManager
) -> None:
    coordinator.submitResponse(job, RESPONSE_CID, sender=worker)
    snapshot = chain.snapshot()
    chain.pending_timestamp = coordinator.jobOf(job).receiptDeadline
    coordinator.submitReceipt(*settle(job), sender=worker)
    chain.restore(snapshot)
    chain.mine(deltatime=RECEIPT_WINDOW_S + 1)
    assert_refused("lease has run out", coordinator.submitReceipt, *settle(job), sender=worker)


def test_a_receipt_after_the_lease_is_refused(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle, chain: ChainManager
) -> None:
    chain.mine(deltatime=LEASE_S + 1)
    assert_refused("lease has run out", coordinator.submitReceipt, *settle(job), sender=worker)


def test_a_job_is_paid_once(coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle) -> None:
    coordinator.submitReceipt(*settle(job), sender=worker)
    assert_refused("job is not claimed", coordinator.submitReceipt, *settle(job), sender=worker)
    assert_refused("job is not claimed", coordinator.submitReceipt, *settle(job, tokens=(1, 1)), sender=worker)


def test_a_node_is_not_paid_for_anothers_job(
    coordinator: ContractInstance, rival: AccountAPI, job: int, settle: Settle
) -> None:
    assert_refused("not the claimant", coordinator.submitReceipt, *settle(job), sender=rival)
    assert_refused("not the claimant", coordinator.submitReceipt, *settle(job, by=rival), sender=rival)


def test_a_proof_of_another_statement_is_refused(
    coordinator: ContractInstance,
    controller: AccountAPI,
    worker: AccountAPI,
    rival: AccountAPI,
    settle: Settle,
    job: int,
) -> None:
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    coordinator.claim(2, sender=worker)
    right = settle(job)
    for wrong in (
        right._replace(amount=AMOUNT + 1),
        right._replace(commitment=right.commitment + 1),
        right._replace(response_cid="QmAnother"),
        right._replace(job_id=2),
        settle(job, by=rival),
        right._replace(proof=settle(job, tokens=(1, 1)).proof),
    ):
        assert_refused("invalid proof", coordinator.submitReceipt, *wrong, sender=worker)
    coordinator.submitReceipt(*right, sender=worker)


def test_a_proof_for_other_terms_is_refused(
    coordinator: ContractInstance, notary: Notary, worker: AccountAPI, job: int
) -> None:
    cheaper = coordinator.termsOf(job) - (1 << 128)
    wrong = notary.settle(job, to_bytes(hexstr=worker.address), cheaper, TOKENS, RESPONSE_CID)
    assert_refused("invalid proof", coordinator.submitReceipt, *wrong, sender=worker)


@pytest.mark.parametrize("word", range(8))
def test_words_that_are_no_points_are_refused(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle, word: int
) -> None:
    right = settle(job)
    words = list(right.proof)
    words[word] += 1
    assert_refused(None, coordinator.submitReceipt, *right._replace(proof=tuple(words)), sender=worker)


def test_numbers_above_the_modulus_are_refused(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle
) -> None:
    right = settle(job)
    assert_refused(
        "an input is not below the field's modulus",
        coordinator.submitReceipt,
        *right._replace(commitment=right.commitment + FIELD),
        sender=worker,
    )
    assert_refused(
        "amount above escrow", coordinator.submitReceipt, *right._replace(amount=right.amount + FIELD), sender=worker
    )


def test_a_receipt_never_costs_more_than_the_escrow(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle
) -> None:
    assert_refused("amount above escrow", coordinator.submitReceipt, *settle(job, tokens=(1, 80)), sender=worker)
    coordinator.submitReceipt(*settle(job, tokens=(0, 80)), sender=worker)
    assert coordinator.creditOf(worker) == VALUE


def test_another_form_of_the_same_proof_settles_the_job_no_second_time(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle
) -> None:
    right = settle(job)
    ax, ay, bx_i, bx_r, by_i, by_r, cx, cy = right.proof
    negated = right._replace(proof=(ax, CURVE - ay, bx_i, bx_r, CURVE - by_i, CURVE - by_r, cx, cy))
    coordinator.submitReceipt(*negated, sender=worker)
    assert_refused("job is not claimed", coordinator.submitReceipt, *right, sender=worker)


def test_an_answer_without_a_name_is_not_paid(
    coordinator: ContractInstance, worker: AccountAPI, job: int, settle: Settle
) -> None:
    assert_refused(
        "empty response CID", coordinator.submitReceipt, *settle(job)._replace(response_cid=""), sender=worker
    )


def test_the_refund_goes_where_the_order_said(
    coordinator: ContractInstance, controller: AccountAPI, stranger: AccountAPI, worker: AccountAPI, settle: Settle
) -> None:
    coordinator.submitOrder(PROMPT_CID, MODEL_ID, 10, 0, stranger, NOBODY, 0, sender=controller, value=VALUE)
    coordinator.claim(1, sender=worker)
    coordinator.submitReceipt(*settle(1), sender=worker)
    assert (coordinator.creditOf(stranger), coordinator.creditOf(controller)) == (VALUE - AMOUNT, 0)


def test_a_job_keeps_the_verifier_of_its_time(
    coordinator: ContractInstance,
    controller: AccountAPI,
    owner: AccountAPI,
    worker: AccountAPI,
    job: int,
    settle: Settle,
) -> None:
    first = coordinator.currentVerifier()
    another = owner.deploy(ape.project.ReceiptVerifier)
    (added,) = coordinator.addVerifier(another, sender=owner).events
    assert (added.version, added.verifier, added.circuitDigest) == (2, another, another.circuitDigest())
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    assert (coordinator.jobOf(job).verifierVersion, coordinator.jobOf(2).verifierVersion) == (1, 2)
    assert (coordinator.currentVerifier(), coordinator.verifiers(1)) == (another, first)
    coordinator.submitReceipt(*settle(job), sender=worker)


def test_only_the_owner_adds_verifiers(
    coordinator: ContractInstance, stranger: AccountAPI, contracts: dict[str, ContractInstance]
) -> None:
    assert_refused("not the owner", coordinator.addVerifier, contracts["ReceiptVerifier"], sender=stranger)
