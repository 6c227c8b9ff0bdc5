"""What readers get who ask how well founded the index is: checks, gaps, reorganisations, digests, books."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from api.explorer.shapes import CountOut, HeadOut
from api.rendering import Time, TimeMs, Wei


class RangeOut(Struct, frozen=True):
    """Blocks that were checked in the same way before they were believed. Each range stands on the one before."""

    first: int
    last: int
    parent_hash: str
    last_hash: str
    level: str
    checks: list[str]
    provider: str
    checked_at: TimeMs
    doubts: list[str]


class GapOut(Struct, frozen=True):
    first: int
    last: int
    reason: str


class LevelOut(Struct, frozen=True):
    level: str
    blocks: int


class SoundnessOut(Struct, frozen=True):
    """All ranges together. `open` final blocks were checked too, in a range that is not closed yet."""

    first: int | None
    last: int | None
    open: int
    is_whole: bool
    levels: list[LevelOut]
    doubts: int
    gaps: list[GapOut]


class IntegrityPageOut(Struct, frozen=True, kw_only=True):
    """A page of ranges, newest first, and what all of them come to."""

    data: list[RangeOut]
    next: str | None
    summary: SoundnessOut
    count: CountOut | UnsetType = UNSET
    head: HeadOut


class ReorgOut(Struct, frozen=True):
    """Unfinal blocks that were shown and then dropped by the chain; `rows` is how many readers saw change or vanish."""

    reorg: int
    seen_at: TimeMs
    from_number: int
    depth: int
    dropped: list[str]
    rows: int


class ParkedOut(Struct, frozen=True):
    """An event that contradicts what came before it: kept, with no consequence drawn."""

    block: int
    log_index: int
    name: str
    reason: str
    is_final: bool


class BlockDetailOut(Struct, frozen=True):
    """A height of the chain: the block there, how it was checked, and what stood there before.

    Hash, parent and time are null for a final block without anything of ours: of such only the check is kept.
    `integrity` is null while the block is not final, or its range is not closed yet.
    """

    number: int
    hash: str | None
    parent: str | None
    timestamp: Time | None
    transactions: int
    events: int
    is_final: bool
    integrity: RangeOut | None
    reorgs: list[ReorgOut]


class TableDigestOut(Struct, frozen=True):
    table: str
    rows: int
    sum: str


class DigestOut(Struct, frozen=True):
    """A fingerprint of all that followed from the chain after `block`, and after each block up to `upto`.

    Two indexes of one chain that agree on it hold the same rows.
    """

    block: int
    hash: str
    upto: int
    digest: str
    tables: list[TableDigestOut]


class BooksOut(Struct, frozen=True):
    """Money after a block, as one side has it."""

    open_escrow: Wei
    credit: Wei
    stakes: Wei


class ReconciliationOut(Struct, frozen=True):
    """The index's books beside the contracts' own at the same block, and the balances that must cover them.

    `balanced` is true when figures agree and balances cover them; ether that was forced in is surplus.
    """

    block: int
    hash: str
    balanced: bool
    indexed: BooksOut
    contracts: BooksOut
    coordinator_balance: Wei
    registry_balance: Wei
    surplus: Annotated[str, Meta(pattern="^-?[0-9]+$")]
