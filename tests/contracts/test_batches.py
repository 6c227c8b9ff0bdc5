from collections.abc import Callable

import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager
from eth_utils.conversions import to_bytes

from tests.contracts.notary import Notary, Settlement
from tests.contracts.refusing import assert_refused
from tests.contracts.terms import (
    CANCELLED,
    CLAIMED,
    LEASE_S,
    MODEL_ID,
    PROMPT_CID,
    RESPONSE_CID,
    SETTLED,
)

VALUE = 400
TOKENS = (10, 7)
AMOUNT = 10 * 2 + 7 * 5

Settle = Callable[[int], Settlement]


@pytest.fixture
def settle(coordinator: ContractInstance, notary: Notary, worker: AccountAPI) -> Settle:
    def settle(job: int) -> Settlement:
        return notary.settle(job, to_bytes(hexstr=worker.address), coordinator.termsOf(job), TOKENS, RESPONSE_CID)

    return settle


def order(coordinator: ContractInstance, controller: AccountAPI, count: int) -> list[int]:
    for _ in range(count):
        coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    newest = coordinator.jobCount()
    return list(range(newest - count + 1, newest + 1))


def test_a_full_batch_is_settled_in_one_transaction(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, settle: Settle
) -> None:
    jobs = order(coordinator, controller, 32)
    coordinator.claimJobs(jobs, sender=worker)
    receipt = coordinator.submitReceipts([settle(job) for job in jobs], sender=worker)
    assert len(receipt.decode_logs(coordinator.ReceiptAccepted)) == 32
    assert coordinator.creditOf(worker) == 32 * AMOUNT
    assert (coordinator.openEscrow(), coordinator.creditOf(controller)) == (0, 32 * (VALUE - AMOUNT))


def test_a_batch_skips_jobs_that_are_no_longer_open_to_the_worker(
    coordinator: ContractInstance,
    controller: AccountAPI,
    worker: AccountAPI,
    rival: AccountAPI,
    settle: Settle,
    chain: ChainManager,
) -> None:
    lost, cancelled, settled, good = order(coordinator, controller, 4)
    coordinator.claimJobs([lost, cancelled], sender=worker)
    chain.mine(deltatime=LEASE_S + 1)
    coordinator.claim(lost, sender=rival)
    coordinator.cancel(cancelled, sender=controller)
    coordinator.claimJobs([settled, good], sender=worker)
    coordinator.submitReceipt(*settle(settled), sender=worker)
    receipt = coordinator.submitReceipts([settle(each) for each in (lost, cancelled, settled, good)], sender=worker)
    skipped = receipt.decode_logs(coordinator.ReceiptSkipped)
    assert [(each.jobId, each.status) for each in skipped] == [
        (lost, CLAIMED),
        (cancelled, CANCELLED),
        (settled, SETTLED),
    ]
    assert coordinator.jobOf(good).status == SETTLED
    assert coordinator.creditOf(worker) == 2 * AMOUNT


def test_a_job_named_twice_in_a_batch_is_paid_once(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, settle: Settle
) -> None:
    one, two = order(coordinator, controller, 2)
    coordinator.claimJobs([one, two], sender=worker)
    coordinator.submitReceipts([settle(one), settle(one), settle(two)], sender=worker)
    assert coordinator.creditOf(worker) == 2 * AMOUNT


@pytest.mark.parametrize("spoiled", range(3))
def test_one_bad_proof_reverts_the_whole_batch(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, settle: Settle, spoiled: int
) -> None:
    jobs = order(coordinator, controller, 3)
    coordinator.claimJobs(jobs, sender=worker)
    batch = [settle(job) for job in jobs]
    batch[spoiled] = batch[spoiled]._replace(amount=AMOUNT + 1)
    assert_refused("invalid proof in batch", coordinator.submitReceipts, batch, sender=worker)
    assert coordinator.openEscrow() == 3 * VALUE


def test_proofs_do_not_stand_in_for_each_other_in_a_batch(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, settle: Settle
) -> None:
    jobs = order(coordinator, controller, 2)
    coordinator.claimJobs(jobs, sender=worker)
    one, two = (settle(job) for job in jobs)
    assert_refused(
        "invalid proof in batch",
        coordinator.submitReceipts,
        [one._replace(proof=two.proof), two._replace(proof=one.proof)],
        sender=worker,
    )


def test_a_batch_of_nothing_open_settles_nothing(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, settle: Settle
) -> None:
    (job,) = order(coordinator, controller, 1)
    receipt = coordinator.submitReceipts([settle(job)], sender=worker)
    assert [each.event_name for each in receipt.events] == ["ReceiptSkipped"]
    assert coordinator.submitReceipts([], sender=worker).events == []


def test_a_batch_that_names_a_job_that_never_was_is_refused(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, settle: Settle
) -> None:
    (job,) = order(coordinator, controller, 1)
    coordinator.claim(job, sender=worker)
    batch = [settle(job), settle(job)._replace(job_id=99)]
    assert_refused("no such job", coordinator.submitReceipts, batch, sender=worker)


def test_a_batch_across_a_change_of_verifier_asks_each_jobs_own(
    coordinator: ContractInstance, controller: AccountAPI, owner: AccountAPI, worker: AccountAPI, settle: Settle
) -> None:
    old = order(coordinator, controller, 2)
    coordinator.addVerifier(owner.deploy(ape.project.ReceiptVerifier), sender=owner)
    new = order(coordinator, controller, 1)
    coordinator.claimJobs(old + new, sender=worker)
    batch = [settle(job) for job in old + new]
    assert_refused(
        "invalid proof", coordinator.submitReceipts, [*batch[:2], batch[2]._replace(amount=AMOUNT + 1)], sender=worker
    )
    receipt = coordinator.submitReceipts(batch, sender=worker)
    accepted = receipt.decode_logs(coordinator.ReceiptAccepted)
    assert [each.verifierVersion for each in accepted] == [1, 1, 2]
