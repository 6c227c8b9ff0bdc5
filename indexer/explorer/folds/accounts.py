"""What one fact moves between whom: the coordinator's books, one entry an address.

Escrow is the controller's until the job ends. Then the worker is credited what the receipt is worth and the refund
address the rest. Credit leaves by withdrawal alone.
"""

from msgspec import Struct

from domain.facts import JobCancelled, JobExpired, JobTermsFixed, ReceiptAccepted, Withdrawn

from ..rows import AccountRow, JobRow
from .moment import hexed

MoneyFact = JobTermsFixed | JobCancelled | JobExpired | ReceiptAccepted | Withdrawn


class Movement(Struct, frozen=True, gc=False):
    """What one fact adds to one address's books, in wei."""

    address: str
    ordered: int = 0
    open_escrow: int = 0
    credit: int = 0
    spent: int = 0
    refunded: int = 0
    earned: int = 0
    withdrawn: int = 0


def movements(job: JobRow | None, fact: MoneyFact) -> tuple[Movement, ...]:
    """The movements of `fact`, with `job` as that same fact left it (None for a withdrawal)."""
    if isinstance(fact, Withdrawn):
        return (Movement(hexed(fact.account), credit=-fact.amount, withdrawn=fact.amount),)
    assert job is not None
    match fact:
        case JobTermsFixed():
            return (Movement(job.controller, ordered=fact.escrow, open_escrow=fact.escrow),)
        case ReceiptAccepted():
            return (
                Movement(job.controller, open_escrow=-job.escrow, spent=fact.amount),
                Movement(hexed(fact.worker), credit=fact.amount, earned=fact.amount),
                Movement(job.refund_to, credit=fact.refund, refunded=fact.refund),
            )
        case JobCancelled() | JobExpired():
            return (
                Movement(job.controller, open_escrow=-job.escrow),
                Movement(job.refund_to, credit=fact.refund, refunded=fact.refund),
            )


def fold_account(account: AccountRow | None, movement: Movement, block: int) -> AccountRow:
    """The address's books after one movement."""
    before = account or AccountRow(movement.address, 0, 0, 0, 0, 0, 0, 0, block)
    return AccountRow(
        address=before.address,
        ordered=before.ordered + movement.ordered,
        open_escrow=before.open_escrow + movement.open_escrow,
        credit=before.credit + movement.credit,
        spent=before.spent + movement.spent,
        refunded=before.refunded + movement.refunded,
        earned=before.earned + movement.earned,
        withdrawn=before.withdrawn + movement.withdrawn,
        block=block,
    )
