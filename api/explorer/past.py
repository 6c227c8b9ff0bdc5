"""What is wrong with a moment that was asked for, as the index says it, to a refusal that says how to go on."""

from api.service.refusals import Absent, Clashing, Invalid, Refusal, Unready
from indexer.explorer import BadMoment, BeyondHead, DroppedBlock, UnknownBlock


class AsOfBeyondHead(Invalid):
    """The block is not there yet."""

    remedy = "Ask as of a block up to the head, which every answer names; or without as_of for the newest."


class AsOfDropped(Clashing):
    """The block is no longer part of the chain."""

    remedy = "Ask as of the same height by number, or of the block that stands there now."


class AsOfUnknown(Absent):
    """No block of this hash is known here."""

    remedy = "Ask as of the block's number; /explorer/v1/blocks lists the hashes that are known."


class PastInTheMaking(Unready):
    """The state after this block is being made from the ledger."""

    remedy = "Ask again in a moment: it goes on meanwhile, and is kept for a while once it is there."


def in_words(fault: BadMoment) -> Refusal:
    kinds: dict[type[BadMoment], type[Refusal]] = {
        BeyondHead: AsOfBeyondHead,
        DroppedBlock: AsOfDropped,
        UnknownBlock: AsOfUnknown,
    }
    return kinds.get(type(fault), PastInTheMaking)(str(fault))
