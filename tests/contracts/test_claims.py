import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager

from tests.contracts.terms import (
    ANSWERED,
    CLAIMED,
    EXPIRED,
    LEASE_S,
    LIFETIME_S,
    MODEL_ID,
    NOBODY,
    PROMPT_CID,
    RECEIPT_WINDOW_S,
    RESPONSE_CID,
    UNBONDING_S,
)

VALUE = 400


@pytest.fixture
def job(coordinator: ContractInstance, controller: AccountAPI) -> int:
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    return int(coordinator.jobCount())


def reserve(coordinator: ContractInstance, controller: AccountAPI, node: AccountAPI, until: int) -> int:
    coordinator.submitOrder(PROMPT_CID, MODEL_ID, 10, 0, NOBODY, node, until, sender=controller, value=VALUE)
    return int(coordinator.jobCount())


def test_a_claim_is_a_lease(coordinator: ContractInstance, job: int, worker: AccountAPI, chain: ChainManager) -> None:
    receipt = coordinator.claim(job, sender=worker)
    (claimed,) = receipt.events
    assert (claimed.event_name, claimed.leaseUntil) == ("JobClaimed", chain.blocks.head.timestamp + LEASE_S)
    found = coordinator.jobOf(job)
    assert (found.status, found.worker, found.leaseUntil) == (CLAIMED, worker, claimed.leaseUntil)


def test_a_leased_job_is_nobody_elses(
    coordinator: ContractInstance, job: int, worker: AccountAPI, rival: AccountAPI, chain: ChainManager
) -> None:
    coordinator.claim(job, sender=worker)
    chain.pending_timestamp = coordinator.jobOf(job).leaseUntil
    with ape.reverts("job is not open"):
        coordinator.claim(job, sender=rival)


def test_a_lease_that_ran_out_frees_the_job_and_its_late_answer_is_refused(
    coordinator: ContractInstance, job: int, worker: AccountAPI, rival: AccountAPI, chain: ChainManager
) -> None:
    coordinator.claim(job, sender=worker)
    chain.mine(deltatime=LEASE_S + 1)
    with ape.reverts("lease has run out"):
        coordinator.submitResponse(job, RESPONSE_CID, sender=worker)
    receipt = coordinator.claim(job, sender=rival)
    assert [(each.event_name, each.worker) for each in receipt.events] == [
        ("LeaseExpired", worker),
        ("JobClaimed", rival),
    ]
    with ape.reverts("not the claimant"):
        coordinator.submitResponse(job, RESPONSE_CID, sender=worker)
    coordinator.submitResponse(job, RESPONSE_CID, sender=rival)


def test_a_lease_ends_with_the_deadline_at_the_latest(
    coordinator: ContractInstance, job: int, worker: AccountAPI, chain: ChainManager
) -> None:
    deadline = coordinator.jobOf(job).deadline
    chain.pending_timestamp = deadline - 1
    coordinator.claim(job, sender=worker)
    assert coordinator.jobOf(job).leaseUntil == deadline


def test_an_overdue_job_is_not_claimed(
    coordinator: ContractInstance, job: int, worker: AccountAPI, chain: ChainManager
) -> None:
    chain.pending_timestamp = coordinator.jobOf(job).deadline
    with ape.reverts("job is overdue"):
        coordinator.claim(job, sender=worker)


def test_only_nodes_in_good_standing_claim(
    coordinator: ContractInstance,
    nodes: ContractInstance,
    job: int,
    owner: AccountAPI,
    worker: AccountAPI,
    stranger: AccountAPI,
) -> None:
    with ape.reverts("node may not claim"):
        coordinator.claim(job, sender=stranger)
    coordinator.slash(worker, 1, "late", sender=owner)
    with ape.reverts("node may not claim"):
        coordinator.claimJobs([job], sender=worker)
    nodes.addStake(sender=worker, value=1)
    coordinator.claim(job, sender=worker)


def test_a_job_that_does_not_exist_is_not_claimed(coordinator: ContractInstance, worker: AccountAPI) -> None:
    for number in (0, 1):
        with ape.reverts("no such job"):
            coordinator.claim(number, sender=worker)


def test_many_claims_skip_what_cannot_be_claimed(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, rival: AccountAPI
) -> None:
    for _ in range(4):
        coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    coordinator.claim(2, sender=rival)
    coordinator.cancel(3, sender=controller)
    receipt = coordinator.claimJobs([1, 2, 3, 4, 4, 99], sender=worker)
    assert [(each.event_name, each.jobId) for each in receipt.events] == [("JobClaimed", 1), ("JobClaimed", 4)]


def test_a_reserved_job_waits_for_its_node_and_then_for_anyone(
    coordinator: ContractInstance,
    nodes: ContractInstance,
    controller: AccountAPI,
    worker: AccountAPI,
    rival: AccountAPI,
    chain: ChainManager,
) -> None:
    nodes.postOffer(MODEL_ID, 1, 3, sender=worker)
    until = chain.pending_timestamp + 100
    first, second = (reserve(coordinator, controller, worker, until) for _ in range(2))
    with ape.reverts("job is reserved"):
        coordinator.claim(first, sender=rival)
    assert coordinator.claimJobs([first], sender=rival).events == []
    coordinator.claim(first, sender=worker)
    chain.pending_timestamp = until + 1
    coordinator.claim(second, sender=rival)
    assert coordinator.jobOf(second).priceCompletionToken == 3


def test_a_reservation_ends_with_its_first_claim(
    coordinator: ContractInstance,
    nodes: ContractInstance,
    controller: AccountAPI,
    worker: AccountAPI,
    rival: AccountAPI,
    chain: ChainManager,
) -> None:
    nodes.postOffer(MODEL_ID, 1, 3, sender=worker)
    job = reserve(coordinator, controller, worker, chain.pending_timestamp + 900)
    coordinator.claim(job, sender=worker)
    chain.mine(deltatime=LEASE_S + 1)
    coordinator.claim(job, sender=rival)


def test_an_answer_is_told_once_and_starts_the_receipt_window(
    coordinator: ContractInstance, job: int, worker: AccountAPI, chain: ChainManager
) -> None:
    coordinator.claim(job, sender=worker)
    receipt = coordinator.submitResponse(job, RESPONSE_CID, sender=worker)
    completed, due = receipt.events
    assert (completed.event_name, completed.responseCID) == ("InferenceCompleted", RESPONSE_CID)
    assert (due.event_name, due.receiptDeadline) == ("ReceiptDue", chain.blocks.head.timestamp + RECEIPT_WINDOW_S)
    assert coordinator.jobOf(job).status == ANSWERED
    with ape.reverts("job is not claimed"):
        coordinator.submitResponse(job, RESPONSE_CID, sender=worker)


def test_an_empty_answer_is_refused(coordinator: ContractInstance, job: int, worker: AccountAPI) -> None:
    coordinator.claim(job, sender=worker)
    with ape.reverts("empty response CID"):
        coordinator.submitResponse(job, "", sender=worker)


def test_a_node_that_left_still_answers_what_it_holds(
    coordinator: ContractInstance, nodes: ContractInstance, job: int, worker: AccountAPI
) -> None:
    coordinator.claim(job, sender=worker)
    nodes.deregisterNode(sender=worker)
    coordinator.submitResponse(job, RESPONSE_CID, sender=worker)


def test_anyone_refunds_an_overdue_job(
    coordinator: ContractInstance, job: int, controller: AccountAPI, stranger: AccountAPI, chain: ChainManager
) -> None:
    chain.pending_timestamp = coordinator.jobOf(job).deadline
    with ape.reverts("job is not overdue"):
        coordinator.expire(job, sender=stranger)
    chain.mine(deltatime=LIFETIME_S)
    receipt = coordinator.expire(job, sender=stranger)
    assert [(each.event_name, each.worker, each.refund) for each in receipt.events] == [("JobExpired", NOBODY, VALUE)]
    assert coordinator.jobOf(job).status == EXPIRED
    assert coordinator.creditOf(controller) == VALUE
    with ape.reverts("job is closed"):
        coordinator.expire(job, sender=stranger)


def test_an_overdue_lease_is_said_to_have_expired(
    coordinator: ContractInstance, job: int, worker: AccountAPI, stranger: AccountAPI, chain: ChainManager
) -> None:
    coordinator.claim(job, sender=worker)
    chain.mine(deltatime=LIFETIME_S + 1)
    receipt = coordinator.expire(job, sender=stranger)
    assert [(each.event_name, each.worker) for each in receipt.events] == [
        ("LeaseExpired", worker),
        ("JobExpired", worker),
    ]


def test_an_answer_that_stays_unproven_is_refunded(
    coordinator: ContractInstance,
    job: int,
    controller: AccountAPI,
    worker: AccountAPI,
    stranger: AccountAPI,
    chain: ChainManager,
) -> None:
    coordinator.claim(job, sender=worker)
    coordinator.submitResponse(job, RESPONSE_CID, sender=worker)
    chain.pending_timestamp = coordinator.jobOf(job).receiptDeadline
    with ape.reverts("job is not overdue"):
        coordinator.expire(job, sender=stranger)
    chain.mine(deltatime=UNBONDING_S)
    coordinator.expire(job, sender=stranger)
    assert (coordinator.creditOf(controller), coordinator.creditOf(worker)) == (VALUE, 0)
