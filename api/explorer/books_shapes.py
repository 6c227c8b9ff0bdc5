"""What readers get who ask where the money is: books after each block, totals that must agree, statements."""

from typing import Annotated

from msgspec import Meta, Struct

from api.rendering import Time, Wei
from indexer.explorer.postings import Balance, PostingKind

SignedWei = Annotated[str, Meta(pattern="^-?[0-9]+$", description="wei, as decimal text; negative for what leaves")]


class BooksAfterOut(Struct, frozen=True):
    """What the contracts owe after a block, as indexed. `link` compares it with their own figures and balances."""

    block: int
    hash: str
    open_escrow: Wei
    credit: Wei
    stakes: Wei
    is_final: bool
    link: str


class SumsOut(Struct, frozen=True):
    """All accounts and all nodes added up."""

    accounts: int
    ordered: Wei
    open_escrow: Wei
    spent: Wei
    refunded: Wei
    earned: Wei
    credit: Wei
    withdrawn: Wei
    nodes: int
    stakes: Wei
    slashed: Wei


class AgreementOut(Struct, frozen=True):
    """Two ways to reckon the same, and whether they come to the same."""

    rule: str
    left: Wei
    right: Wei
    holds: bool


class TotalsOut(Struct, frozen=True):
    """The books in total. `balanced` is true when every agreement holds."""

    sums: SumsOut
    agreements: list[AgreementOut]
    balanced: bool


class PostingOut(Struct, frozen=True):
    """What an event moved: `hold` puts an order's price into escrow; `charge` pays it to the worker and `release` gives
    the rest back; `earning` and `refund` are credit until a `withdrawal`; `stake`, `unstake` and `slash` move a node's
    stake."""

    kind: PostingKind
    balance: Balance
    amount: SignedWei


class BalancesOut(Struct, frozen=True):
    escrow: SignedWei
    credit: SignedWei
    stake: SignedWei


class EntryOut(Struct, frozen=True):
    """An event that moved balances of the address, and what they came to after it."""

    block: int
    log_index: int
    at: Time
    tx_hash: str
    event: str
    job_id: str | None
    postings: list[PostingOut]
    after: BalancesOut
    is_final: bool
