"""What the index says about its own soundness to the explorer's JSON: pure, no HTTP."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import asdict

from api.explorer.soundness_shapes import (
    BlockDetailOut,
    BooksOut,
    DigestOut,
    GapOut,
    LevelOut,
    ParkedOut,
    RangeOut,
    ReconciliationOut,
    ReorgOut,
    SoundnessOut,
    TableDigestOut,
)
from api.rendering import iso_of_s, render
from api.service.ports import Books
from indexer.explorer import BlockDigest, Soundness
from indexer.explorer.rows import BlockRow, IntegrityRow, ParkedRow, ReconciliationRow, ReorgRow


def range_out(row: IntegrityRow) -> RangeOut:
    return render(row, RangeOut, checks=list(row.checks), doubts=list(row.doubts))


def reorg_out(row: ReorgRow) -> ReorgOut:
    return render(row, ReorgOut, dropped=list(row.dropped))


def parked_out(row: ParkedRow) -> ParkedOut:
    return render(row, ParkedOut)


def soundness_out(found: Soundness) -> SoundnessOut:
    begun = found.first >= 0
    return SoundnessOut(
        first=found.first if begun else None,
        last=found.last if begun else None,
        open=found.open,
        is_whole=found.is_whole,
        levels=[LevelOut(**asdict(each)) for each in found.levels],
        doubts=found.doubts,
        gaps=[GapOut(**asdict(each)) for each in found.gaps],
    )


class BlockDetail(Struct, frozen=True):
    """What there is to say of a height of the chain."""

    number: int
    row: BlockRow | None
    integrity: IntegrityRow | None
    reorgs: Sequence[ReorgRow]

    @property
    def is_final(self) -> bool:
        return self.row.is_final if self.row else True


def is_settled(found: BlockDetail) -> bool:
    """Final, and its range is closed: nothing is added to it any more."""
    return found.is_final and found.integrity is not None


def block_detail_out(found: BlockDetail) -> BlockDetailOut:
    row = found.row
    return BlockDetailOut(
        number=found.number,
        hash=row.hash if row else None,
        parent=row.parent if row else None,
        timestamp=iso_of_s(row.timestamp) if row else None,
        transactions=row.transactions if row else 0,
        events=row.events if row else 0,
        is_final=found.is_final,
        integrity=range_out(found.integrity) if found.integrity else None,
        reorgs=[reorg_out(each) for each in found.reorgs],
    )


def digest_out(found: BlockDigest) -> DigestOut:
    tables = [TableDigestOut(each.table, each.rows, each.sum) for each in found.digest.tables]
    return DigestOut(found.number, found.hash, found.upto, found.digest.text, tables)


def reconciliation_out(row: ReconciliationRow, books: Books) -> ReconciliationOut:
    agree = (row.open_escrow, row.credit, row.stakes) == (books.open_escrow, books.credit, books.stakes)
    surplus = books.coordinator_balance - books.open_escrow - books.credit
    return ReconciliationOut(
        block=row.block,
        hash=row.hash,
        balanced=agree and surplus >= 0 and books.registry_balance >= books.stakes,
        indexed=render(row, BooksOut),
        contracts=render(books, BooksOut),
        coordinator_balance=str(books.coordinator_balance),
        registry_balance=str(books.registry_balance),
        surplus=str(surplus),
    )
