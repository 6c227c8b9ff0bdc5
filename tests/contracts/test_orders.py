import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager

from tests.contracts.terms import (
    CANCELLED,
    LEASE_S,
    LIFETIME_S,
    MAX_TOKENS,
    MODEL_CID,
    MODEL_ID,
    NOBODY,
    OPEN,
    PRICE_COMPLETION,
    PRICE_PROMPT,
    PROMPT_CID,
)

VALUE = 400  # affords 80 completion tokens


def test_an_order_escrows_its_value_and_fixes_its_terms(
    coordinator: ContractInstance, controller: AccountAPI, chain: ChainManager
) -> None:
    receipt = coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    requested, fixed = receipt.events
    assert (requested.jobId, requested.controller, requested.modelCID) == (1, controller, MODEL_CID)
    assert (fixed.escrow, fixed.maxTokens, fixed.refundTo, fixed.verifierVersion) == (VALUE, 80, controller, 1)
    job = coordinator.jobOf(1)
    assert (job.status, job.controller, job.promptCID, job.modelId) == (OPEN, controller, PROMPT_CID, MODEL_ID)
    assert (job.pricePromptToken, job.priceCompletionToken) == (PRICE_PROMPT, PRICE_COMPLETION)
    assert job.deadline == chain.blocks.head.timestamp + LIFETIME_S
    assert coordinator.openEscrow() == coordinator.balance == VALUE


def test_jobs_are_numbered_from_one(coordinator: ContractInstance, controller: AccountAPI) -> None:
    for number in (1, 2, 3):
        coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
        assert coordinator.jobCount() == number


def test_more_value_than_the_model_can_use_does_not_raise_its_limit(
    coordinator: ContractInstance, controller: AccountAPI
) -> None:
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=10**18)
    assert coordinator.jobOf(1).maxTokens == MAX_TOKENS


def test_a_model_is_ordered_by_what_it_contains(coordinator: ContractInstance, controller: AccountAPI) -> None:
    coordinator.submitPromptWithCID(PROMPT_CID, MODEL_CID, sender=controller, value=VALUE)
    assert coordinator.jobOf(1).modelId == MODEL_ID
    with ape.reverts("unknown model CID"):
        coordinator.submitPromptWithCID(PROMPT_CID, "QmUnknown", sender=controller, value=VALUE)


def test_a_job_keeps_the_terms_and_the_content_of_its_time(
    coordinator: ContractInstance, models: ContractInstance, controller: AccountAPI, owner: AccountAPI
) -> None:
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    terms = coordinator.termsOf(1)
    models.setPrices(MODEL_ID, 99, 99, sender=owner)
    models.updateModel(MODEL_ID, "QmNewer", sender=owner)
    job = coordinator.jobOf(1)
    assert coordinator.termsOf(1) == terms == 80 | PRICE_PROMPT << 32 | PRICE_COMPLETION << 128
    assert (job.modelCID, job.priceCompletionToken) == (MODEL_CID, PRICE_COMPLETION)


@pytest.mark.parametrize(
    ("prompt", "model", "value", "reason"),
    [
        (PROMPT_CID, "no-such-model", VALUE, "unknown model"),
        (PROMPT_CID, MODEL_ID, PRICE_COMPLETION - 1, "too little value"),
        ("", MODEL_ID, VALUE, "empty prompt CID"),
    ],
)
def test_an_order_that_cannot_be_served_is_refused(
    coordinator: ContractInstance, controller: AccountAPI, prompt: str, model: str, value: int, reason: str
) -> None:
    with ape.reverts(reason):
        coordinator.submitPrompt(prompt, model, sender=controller, value=value)


def test_an_inactive_model_takes_no_orders(
    coordinator: ContractInstance, models: ContractInstance, controller: AccountAPI, owner: AccountAPI
) -> None:
    models.setActive(MODEL_ID, False, sender=owner)
    with ape.reverts("model is not active"):
        coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)


def test_a_free_model_takes_orders_without_value(
    coordinator: ContractInstance, models: ContractInstance, controller: AccountAPI, owner: AccountAPI
) -> None:
    models.setPrices(MODEL_ID, 0, 0, sender=owner)
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller)
    assert coordinator.jobOf(1).maxTokens == MAX_TOKENS


def test_a_full_order_names_every_term(
    coordinator: ContractInstance, controller: AccountAPI, stranger: AccountAPI, chain: ChainManager
) -> None:
    deadline = chain.pending_timestamp + 50
    coordinator.submitOrder(PROMPT_CID, MODEL_ID, 10, deadline, stranger, NOBODY, 0, sender=controller, value=VALUE)
    job = coordinator.jobOf(1)
    assert (job.maxTokens, job.deadline, job.refundTo, job.escrow) == (10, deadline, stranger, VALUE)
    coordinator.cancel(1, sender=controller)
    assert (coordinator.creditOf(stranger), coordinator.creditOf(controller)) == (VALUE, 0)


@pytest.mark.parametrize(
    ("tokens", "value", "reason"),
    [(80, 399, "too little value"), (MAX_TOKENS + 1, 10**6, "more tokens than the model allows")],
)
def test_the_tokens_of_a_full_order_must_be_affordable_and_allowed(
    coordinator: ContractInstance, controller: AccountAPI, tokens: int, value: int, reason: str
) -> None:
    with ape.reverts(reason):
        coordinator.submitOrder(PROMPT_CID, MODEL_ID, tokens, 0, NOBODY, NOBODY, 0, sender=controller, value=value)


@pytest.mark.parametrize("offset", [0, LIFETIME_S + 10])
def test_a_deadline_is_ahead_and_within_the_usual_lifetime(
    coordinator: ContractInstance, controller: AccountAPI, chain: ChainManager, offset: int
) -> None:
    deadline = chain.blocks.head.timestamp + offset
    with ape.reverts("deadline out of range"):
        coordinator.submitOrder(PROMPT_CID, MODEL_ID, 10, deadline, NOBODY, NOBODY, 0, sender=controller, value=VALUE)


def test_a_refund_never_goes_to_the_coordinator_itself(coordinator: ContractInstance, controller: AccountAPI) -> None:
    with ape.reverts("refund to the coordinator"):
        coordinator.submitOrder(PROMPT_CID, MODEL_ID, 10, 0, coordinator, NOBODY, 0, sender=controller, value=VALUE)


def test_a_reserved_job_has_the_prices_of_the_offer(
    coordinator: ContractInstance,
    nodes: ContractInstance,
    controller: AccountAPI,
    worker: AccountAPI,
    chain: ChainManager,
) -> None:
    nodes.postOffer(MODEL_ID, 1, 3, sender=worker)
    until = chain.pending_timestamp + 100
    coordinator.submitOrder(PROMPT_CID, MODEL_ID, 10, 0, NOBODY, worker, until, sender=controller, value=30)
    job = coordinator.jobOf(1)
    assert (job.pricePromptToken, job.priceCompletionToken) == (1, 3)
    assert (job.reservedFor, job.reservedUntil, job.worker) == (worker, until, NOBODY)


def test_a_job_is_reserved_only_for_a_node_that_can_take_it(
    coordinator: ContractInstance,
    nodes: ContractInstance,
    controller: AccountAPI,
    worker: AccountAPI,
    stranger: AccountAPI,
    chain: ChainManager,
) -> None:
    now = chain.blocks.head.timestamp

    def reserve(node: AccountAPI | str, until: int) -> None:
        coordinator.submitOrder(PROMPT_CID, MODEL_ID, 10, 0, NOBODY, node, until, sender=controller, value=VALUE)

    with ape.reverts("no such offer"):
        reserve(worker, now + 100)
    with ape.reverts("reserved for a node that may not claim"):
        reserve(stranger, now + 100)
    with ape.reverts("reserved for nobody"):
        reserve(NOBODY, now + 100)
    nodes.postOffer(MODEL_ID, 1, 3, sender=worker)
    with ape.reverts("reservation out of range"):
        reserve(worker, now)
    with ape.reverts("reservation out of range"):
        reserve(worker, now + LIFETIME_S + 100)


def test_the_controller_takes_back_a_job_that_nobody_holds(
    coordinator: ContractInstance, controller: AccountAPI
) -> None:
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    receipt = coordinator.cancel(1, sender=controller)
    assert [(each.event_name, each.refund) for each in receipt.events] == [("JobCancelled", VALUE)]
    assert coordinator.jobOf(1).status == CANCELLED
    assert (coordinator.openEscrow(), coordinator.creditOf(controller)) == (0, VALUE)
    with ape.reverts("job is not open"):
        coordinator.cancel(1, sender=controller)


def test_nobody_else_cancels(coordinator: ContractInstance, controller: AccountAPI, stranger: AccountAPI) -> None:
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    with ape.reverts("not the controller"):
        coordinator.cancel(1, sender=stranger)
    with ape.reverts("no such job"):
        coordinator.cancel(2, sender=stranger)


def test_a_claimed_job_is_cancelled_only_once_its_lease_ran_out(
    coordinator: ContractInstance, controller: AccountAPI, worker: AccountAPI, chain: ChainManager
) -> None:
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    coordinator.claim(1, sender=worker)
    with ape.reverts("job is not open"):
        coordinator.cancel(1, sender=controller)
    chain.mine(deltatime=LEASE_S + 1)
    receipt = coordinator.cancel(1, sender=controller)
    assert [each.event_name for each in receipt.events] == ["LeaseExpired", "JobCancelled"]
