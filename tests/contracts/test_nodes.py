import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager

from tests.contracts.terms import MODEL_ID, STAKE, UNBONDING_S


def leave(nodes: ContractInstance, chain: ChainManager, node: AccountAPI) -> None:
    nodes.deregisterNode(sender=node)
    chain.mine(deltatime=UNBONDING_S)


def test_a_node_with_enough_stake_may_claim(nodes: ContractInstance, stranger: AccountAPI) -> None:
    assert not nodes.mayClaim(stranger)
    nodes.registerNode(1024, 2048, 50, sender=stranger, value=STAKE)
    profile = nodes.nodeOf(stranger)
    assert nodes.mayClaim(stranger)
    assert (profile.maxRAM, profile.maxVRAM, profile.maxCPUPercent, profile.stake) == (1024, 2048, 50, STAKE)


@pytest.mark.parametrize(
    ("limits", "stake", "reason"),
    [
        ((1024, 0, 50), STAKE - 1, "stake too low"),
        ((1024, 0, 0), STAKE, "maxCPUPercent not in 1..100"),
        ((1024, 0, 101), STAKE, "maxCPUPercent not in 1..100"),
        ((2**32, 0, 50), STAKE, "maxRAM too high"),
        ((0, 2**32, 50), STAKE, "maxVRAM too high"),
    ],
)
def test_a_registration_out_of_bounds_is_refused(
    nodes: ContractInstance, stranger: AccountAPI, limits: tuple[int, int, int], stake: int, reason: str
) -> None:
    with ape.reverts(reason):
        nodes.registerNode(*limits, sender=stranger, value=stake)


def test_a_node_registers_once(nodes: ContractInstance, worker: AccountAPI) -> None:
    with ape.reverts("node is registered"):
        nodes.registerNode(1, 1, 1, sender=worker, value=STAKE)


def test_limits_are_replaced_and_the_stake_stays(nodes: ContractInstance, worker: AccountAPI) -> None:
    nodes.updateNode(1, 2, 3, sender=worker)
    profile = nodes.nodeOf(worker)
    assert (profile.maxRAM, profile.maxVRAM, profile.maxCPUPercent, profile.stake) == (1, 2, 3, STAKE)


def test_added_stake_adds_up(nodes: ContractInstance, worker: AccountAPI) -> None:
    before = nodes.totalStake()
    nodes.addStake(sender=worker, value=7)
    assert nodes.nodeOf(worker).stake == STAKE + 7
    assert nodes.totalStake() == before + 7


def test_an_offer_stands_until_it_is_withdrawn(nodes: ContractInstance, worker: AccountAPI) -> None:
    nodes.postOffer(MODEL_ID, 3, 4, sender=worker)
    assert tuple(nodes.offerOf(worker, MODEL_ID)) == (3, 4, True)
    nodes.withdrawOffer(MODEL_ID, sender=worker)
    assert tuple(nodes.offerOf(worker, MODEL_ID)) == (0, 0, False)
    with ape.reverts("no such offer"):
        nodes.withdrawOffer(MODEL_ID, sender=worker)


def test_offers_end_with_the_registration_they_were_made_under(
    nodes: ContractInstance, chain: ChainManager, worker: AccountAPI
) -> None:
    nodes.postOffer(MODEL_ID, 3, 4, sender=worker)
    leave(nodes, chain, worker)
    nodes.withdrawStake(sender=worker)
    nodes.registerNode(1024, 0, 50, sender=worker, value=STAKE)
    assert tuple(nodes.offerOf(worker, MODEL_ID)) == (0, 0, False)


def test_a_leaving_node_may_not_claim_and_waits_for_its_stake(nodes: ContractInstance, worker: AccountAPI) -> None:
    nodes.deregisterNode(sender=worker)
    assert not nodes.mayClaim(worker)
    with ape.reverts("stake is unbonding"):
        nodes.withdrawStake(sender=worker)
    with ape.reverts("node is leaving"):
        nodes.postOffer(MODEL_ID, 3, 4, sender=worker)


def test_a_node_that_left_takes_its_stake_once(
    nodes: ContractInstance, chain: ChainManager, worker: AccountAPI
) -> None:
    held = nodes.balance
    leave(nodes, chain, worker)
    receipt = nodes.withdrawStake(sender=worker)
    assert [(each.event_name, each.amount) for each in receipt.events] == [("StakeWithdrawn", STAKE)]
    assert nodes.balance == held - STAKE
    with ape.reverts("deregister first"):
        nodes.withdrawStake(sender=worker)


def test_a_bonded_stake_stays(nodes: ContractInstance, worker: AccountAPI) -> None:
    with ape.reverts("deregister first"):
        nodes.withdrawStake(sender=worker)


def test_the_owner_and_the_arbiter_slash_through_the_coordinator(
    nodes: ContractInstance,
    coordinator: ContractInstance,
    owner: AccountAPI,
    stranger: AccountAPI,
    worker: AccountAPI,
) -> None:
    coordinator.setArbiter(stranger, sender=owner)
    coordinator.slash(worker, 100, "wrong answer", sender=stranger)
    receipt = coordinator.slash(worker, 50, "late", sender=owner)
    assert [(each.event_name, each.amount, each.reason) for each in receipt.events] == [("NodeSlashed", 50, "late")]
    assert nodes.nodeOf(worker).stake == STAKE - 150
    assert nodes.slashedFunds() == 150
    assert not nodes.mayClaim(worker)


def test_nobody_else_slashes(
    nodes: ContractInstance, coordinator: ContractInstance, owner: AccountAPI, stranger: AccountAPI, worker: AccountAPI
) -> None:
    with ape.reverts("not the arbiter"):
        coordinator.slash(worker, 1, "", sender=stranger)
    with ape.reverts("not the coordinator"):
        nodes.slash(worker, 1, "", sender=owner)


def test_a_slash_takes_at_most_the_stake_even_from_a_node_that_leaves(
    nodes: ContractInstance, coordinator: ContractInstance, chain: ChainManager, owner: AccountAPI, worker: AccountAPI
) -> None:
    nodes.deregisterNode(sender=worker)
    coordinator.slash(worker, 10 * STAKE, "gone", sender=owner)
    chain.mine(deltatime=UNBONDING_S)
    receipt = nodes.withdrawStake(sender=worker)
    assert [each.amount for each in receipt.events] == [0]
    assert nodes.slashedFunds() == STAKE


def test_slashed_funds_go_where_the_owner_says(
    nodes: ContractInstance, coordinator: ContractInstance, owner: AccountAPI, stranger: AccountAPI, worker: AccountAPI
) -> None:
    coordinator.slash(worker, 100, "wrong answer", sender=owner)
    with ape.reverts("not the owner"):
        nodes.withdrawSlashed(stranger, sender=stranger)
    before = stranger.balance
    nodes.withdrawSlashed(stranger, sender=owner)
    assert stranger.balance == before + 100
    with ape.reverts("nothing slashed"):
        nodes.withdrawSlashed(stranger, sender=owner)


def test_the_coordinator_is_named_once(nodes: ContractInstance, owner: AccountAPI, stranger: AccountAPI) -> None:
    with ape.reverts("coordinator is set"):
        nodes.setCoordinator(stranger, sender=owner)
