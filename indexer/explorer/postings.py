"""What one event moves on the balances of one address: the fact and its job come in, postings go out.

The rule is the fold's own, applied to an empty account: what it holds afterwards is what the event moved.
"""

from typing import Literal

from msgspec import Struct

from domain.facts import (
    ChainFact,
    JobCancelled,
    JobExpired,
    JobTermsFixed,
    NodeRegistered,
    NodeSlashed,
    ReceiptAccepted,
    StakeAdded,
    StakeWithdrawn,
    Withdrawn,
)

from .folds.accounts import Account, give_back, order, settle, withdraw
from .folds.totals import Sums
from .rows import AccountRow, JobRow

PostingKind = Literal["hold", "charge", "release", "earning", "refund", "withdrawal", "stake", "unstake", "slash"]
Balance = Literal["escrow", "credit", "stake"]

OF_JOBS = (JobTermsFixed, ReceiptAccepted, JobCancelled, JobExpired)
OF_ADDRESSES = (Withdrawn, NodeRegistered, StakeAdded, StakeWithdrawn, NodeSlashed)


class Posting(Struct, frozen=True):
    """`amount` wei more on a balance, or less."""

    kind: PostingKind
    balance: Balance
    amount: int


def postings_of(fact: ChainFact, address: str, job: JobRow | None) -> tuple[Posting, ...]:
    """In the order of their happening; none of nothing."""
    if isinstance(fact, NodeRegistered):
        return _moved(Posting("stake", "stake", fact.stake))
    if isinstance(fact, StakeAdded):
        return _moved(Posting("stake", "stake", fact.amount))
    if isinstance(fact, StakeWithdrawn):
        return _moved(Posting("unstake", "stake", -fact.amount))
    if isinstance(fact, NodeSlashed):
        return _moved(Posting("slash", "stake", -fact.amount))
    after = _booked(fact, address, job)
    return _moved(
        Posting("hold", "escrow", after.ordered),
        Posting("charge", "escrow", -after.spent),
        Posting("release", "escrow", after.open_escrow - after.ordered + after.spent),
        Posting("earning", "credit", after.earned),
        Posting("refund", "credit", after.refunded),
        Posting("withdrawal", "credit", -after.withdrawn),
    )


def _booked(fact: ChainFact, address: str, job: JobRow | None) -> AccountRow:
    """The account of `address` after the fact, if it was empty before."""
    own, others, sums = _empty(address), _empty(""), Sums(0, 0, 0)
    account: Account = lambda key: own if key == address else others  # noqa: E731
    if isinstance(fact, Withdrawn):
        withdraw(account, sums, fact)
    elif job and isinstance(fact, JobTermsFixed):
        order(account, sums, job, fact)
    elif job and isinstance(fact, ReceiptAccepted):
        settle(account, sums, job, fact)
    elif job and isinstance(fact, JobCancelled | JobExpired):
        give_back(account, sums, job, fact)
    return own


def _empty(address: str) -> AccountRow:
    return AccountRow(address, 0, 0, 0, 0, 0, 0, 0, 0)


def _moved(*postings: Posting) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)
