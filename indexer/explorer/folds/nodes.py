"""What one fact does to one node: registration, stake and offers, and what its jobs came to."""

from msgspec.structs import replace

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

from ..rows import NodeRow, OfferRow
from .moment import Moment, Unfoldable, clamped, hexed

ProfileFact = (
    NodeRegistered
    | NodeUpdated
    | StakeAdded
    | OfferPosted
    | OfferWithdrawn
    | NodeDeregistered
    | StakeWithdrawn
    | NodeSlashed
)
WorkFact = JobClaimed | LeaseExpired | JobCompleted | ReceiptAccepted | JobExpired


def fold_profile(node: NodeRow | None, moment: Moment, fact: ProfileFact) -> NodeRow:
    """The node after it, or the owner, changed its registration."""
    if isinstance(fact, NodeRegistered):
        return _registered(node, moment, fact)
    if node is None:
        raise Unfoldable(f"node {hexed(fact.node)} was never registered")
    match fact:
        case NodeUpdated():
            node = replace(node, max_ram=fact.max_ram, max_vram=fact.max_vram, max_cpu_percent=fact.max_cpu_percent)
        case StakeAdded():
            node = replace(node, stake=int(fact.stake))
        case OfferPosted():
            node = replace(node, offers=_without(node, fact.model_id, _offer(fact)))
        case OfferWithdrawn():
            node = replace(node, offers=_without(node, fact.model_id))
        case NodeDeregistered():
            node = replace(node, state="unbonding", withdrawable_at=clamped(fact.withdrawable_at))
        case StakeWithdrawn():
            # Offers end with the registration under which they were made.
            node = replace(node, state="withdrawn", stake=node.stake - fact.amount, offers=())
        case NodeSlashed():
            node = replace(node, stake=node.stake - fact.amount, slashed=node.slashed + fact.amount)
    return replace(node, block=moment.block)


def fold_work(node: NodeRow | None, moment: Moment, fact: WorkFact) -> NodeRow:
    """The node after one of its jobs moved. An expired job counts as unproven: ask only when it had been answered."""
    if node is None:
        raise Unfoldable(f"job {fact.job_id} names worker {hexed(fact.worker)}, which was never registered")
    match fact:
        case JobClaimed():
            return replace(node, claims=node.claims + 1, block=moment.block)
        case LeaseExpired():
            return replace(node, leases_lost=node.leases_lost + 1, block=moment.block)
        case JobCompleted():
            return replace(node, completed=node.completed + 1, block=moment.block)
        case ReceiptAccepted():
            return replace(node, settled=node.settled + 1, earned=node.earned + fact.amount, block=moment.block)
        case JobExpired():
            return replace(node, unproven=node.unproven + 1, block=moment.block)


def _registered(node: NodeRow | None, moment: Moment, fact: NodeRegistered) -> NodeRow:
    """A node that comes back keeps its record."""
    return NodeRow(
        address=hexed(fact.node),
        state="active",
        max_ram=fact.max_ram,
        max_vram=fact.max_vram,
        max_cpu_percent=fact.max_cpu_percent,
        stake=int(fact.stake),
        slashed=node.slashed if node else 0,
        claims=node.claims if node else 0,
        completed=node.completed if node else 0,
        settled=node.settled if node else 0,
        leases_lost=node.leases_lost if node else 0,
        unproven=node.unproven if node else 0,
        earned=node.earned if node else 0,
        offers=(),
        registered_at=moment.at,
        block=moment.block,
    )


def _offer(fact: OfferPosted) -> OfferRow:
    return OfferRow(fact.model_id, int(fact.price_prompt_token), int(fact.price_completion_token))


def _without(node: NodeRow, model_id: str, *added: OfferRow) -> tuple[OfferRow, ...]:
    """The node's offers by model name, those for `model_id` replaced by `added`."""
    kept = (offer for offer in node.offers if offer.model_id != model_id)
    return tuple(sorted((*kept, *added), key=lambda offer: offer.model_id))
