import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance

from tests.contracts.terms import MODEL_ID, PROMPT_CID

VALUE = 400


@pytest.fixture
def credit(coordinator: ContractInstance, controller: AccountAPI) -> int:
    """What the controller is owed after cancelling an order."""
    coordinator.submitPrompt(PROMPT_CID, MODEL_ID, sender=controller, value=VALUE)
    coordinator.cancel(1, sender=controller)
    return VALUE


def test_credit_is_withdrawn_once(coordinator: ContractInstance, controller: AccountAPI, credit: int) -> None:
    assert (coordinator.totalCredit(), coordinator.balance) == (credit, credit)
    receipt = coordinator.withdraw(sender=controller)
    (withdrawn,) = receipt.events
    assert (withdrawn.account, withdrawn.recipient, withdrawn.amount) == (controller, controller, credit)
    assert (coordinator.totalCredit(), coordinator.balance) == (0, 0)
    with ape.reverts("no credit"):
        coordinator.withdraw(sender=controller)


@pytest.mark.usefixtures("credit")
def test_credit_goes_where_its_owner_says(
    coordinator: ContractInstance, controller: AccountAPI, stranger: AccountAPI
) -> None:
    before = stranger.balance
    coordinator.withdrawTo(stranger, sender=controller)
    assert stranger.balance == before + VALUE


@pytest.mark.usefixtures("credit")
def test_nobody_withdraws_anothers_credit(coordinator: ContractInstance, stranger: AccountAPI) -> None:
    with ape.reverts("no credit"):
        coordinator.withdrawTo(stranger, sender=stranger)


@pytest.mark.usefixtures("credit")
def test_a_recipient_that_takes_no_ether_leaves_the_credit_where_it_was(
    coordinator: ContractInstance, models: ContractInstance, controller: AccountAPI
) -> None:
    with ape.reverts():
        coordinator.withdrawTo(models, sender=controller)
    assert coordinator.creditOf(controller) == VALUE


def test_plain_ether_is_refused(coordinator: ContractInstance, stranger: AccountAPI) -> None:
    with ape.reverts():
        stranger.transfer(coordinator, 1)
