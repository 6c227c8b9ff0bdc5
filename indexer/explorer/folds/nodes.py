"""What one fact does to one node: registration, stake and offers, and what its jobs came to."""

from domain.facts import (
    JobClaimed,
    JobCompleted,
    JobExpired,
    LeaseExpired,
    NodeDeregistered,
    NodeRegistered,
    NodeSlashed,
    NodeUpdated,
    OfferPosted,
    OfferWithdrawn,
    ReceiptAccepted,
    StakeAdded,
    StakeWithdrawn,
)
from domain.jobs import clamped

from ..rows import NodeRow, OfferRow
from .moment import Moment, address

ProfileFact = NodeUpdated | StakeAdded | OfferPosted | OfferWithdrawn | NodeDeregistered | StakeWithdrawn | NodeSlashed
WorkFact = JobClaimed | LeaseExpired | JobCompleted | ReceiptAccepted | JobExpired


def begin_node(before: NodeRow | None, moment: Moment, fact: NodeRegistered) -> NodeRow:
    """A node that comes back keeps its record."""
    return NodeRow(
        address=address(fact.node),
        state="active",
        max_ram=fact.max_ram,
        max_vram=fact.max_vram,
        max_cpu_percent=fact.max_cpu_percent,
        stake=int(fact.stake),
        slashed=before.slashed if before else 0,
        claims=before.claims if before else 0,
        completed=before.completed if before else 0,
        settled=before.settled if before else 0,
        leases_lost=before.leases_lost if before else 0,
        unproven=before.unproven if before else 0,
        earned=before.earned if before else 0,
        offers=(),
        registered_at=moment.at,
        block=moment.block,
    )


def fold_profile(node: NodeRow, moment: Moment, fact: ProfileFact) -> None:
    """Changes `node`, which must be the caller's own copy, to what it, or the owner, made of its registration."""
    node.block = moment.block
    match fact:
        case NodeUpdated():
            node.max_ram, node.max_vram, node.max_cpu_percent = fact.max_ram, fact.max_vram, fact.max_cpu_percent
        case StakeAdded():
            node.stake = int(fact.stake)
        case OfferPosted():
            node.offers = _without(node, fact.model_id, _offer(fact))
        case OfferWithdrawn():
            node.offers = _without(node, fact.model_id)
        case NodeDeregistered():
            node.state, node.withdrawable_at = "unbonding", clamped(fact.withdrawable_at)
        case StakeWithdrawn():
            # Offers end with the registration under which they were made.
            node.state, node.stake, node.offers = "withdrawn", node.stake - fact.amount, ()
        case NodeSlashed():
            node.stake -= fact.amount
            node.slashed += fact.amount


def fold_work(node: NodeRow, moment: Moment, fact: WorkFact) -> None:
    """Changes `node`, one of whose jobs moved. An expired job is unproven: tell only of one that had been answered."""
    node.block = moment.block
    match fact:
        case JobClaimed():
            node.claims += 1
        case JobCompleted():
            node.completed += 1
        case ReceiptAccepted():
            node.settled += 1
            node.earned += fact.amount
        case LeaseExpired():
            node.leases_lost += 1
        case JobExpired():
            node.unproven += 1


def _offer(fact: OfferPosted) -> OfferRow:
    return OfferRow(fact.model_id, int(fact.price_prompt_token), int(fact.price_completion_token))


def _without(node: NodeRow, model_id: str, *added: OfferRow) -> tuple[OfferRow, ...]:
    """The node's offers by model name, those for `model_id` replaced by `added`."""
    kept = (offer for offer in node.offers if offer.model_id != model_id)
    return tuple(sorted((*kept, *added), key=lambda offer: offer.model_id))
