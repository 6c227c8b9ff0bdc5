"""A whole block against the books: its transactions, its events, and what each event changes."""

from domain.facts import BlockFinalised, Occurrence, Transaction

from ..rows import BlockRow, EventRow, ParkedRow, TransactionRow
from .arguments import arguments, name_of
from .books import Books
from .consequences import consequences
from .moment import Moment, Unfoldable, hexed


def fold_block(books: Books, block: BlockFinalised) -> None:
    """Takes the block into the books. A fact that contradicts them is parked and the rest goes on."""
    block_hash = hexed(block.hash)
    transactions = {each.index: _transaction(block, each) for each in block.transactions}
    for occurrence in block.occurrences:
        transaction = transactions.get(occurrence.tx_index)
        books.add(_event(block, occurrence, transaction))
        try:
            moment = _moment(block, block_hash, occurrence, transaction)
            rows = consequences(books, moment, occurrence.fact)
        except Unfoldable as reason:
            name = name_of(occurrence.fact)
            books.add(ParkedRow(block.number, occurrence.log_index, name, str(reason)))
        else:
            for row in rows:
                books.put(row)
    for each in transactions.values():
        books.add(each)
    books.add(_block(block, block_hash, books))


def _moment(
    block: BlockFinalised, block_hash: str, occurrence: Occurrence, transaction: TransactionRow | None
) -> Moment:
    if transaction is None:
        raise Unfoldable(f"block {block.number} names no transaction {occurrence.tx_index}")
    return Moment(
        block=block.number,
        block_hash=block_hash,
        at=block.timestamp,
        tx_hash=transaction.hash,
        gas_used=transaction.gas_used,
        log_index=occurrence.log_index,
    )


def _block(block: BlockFinalised, block_hash: str, books: Books) -> BlockRow:
    return BlockRow(
        number=block.number,
        hash=block_hash,
        parent=hexed(block.parent),
        timestamp=block.timestamp,
        transactions=len(block.transactions),
        events=len(block.occurrences),
        open_escrow=books.totals.open_escrow,
        credit=books.totals.credit,
        stakes=books.totals.stakes,
    )


def _transaction(block: BlockFinalised, transaction: Transaction) -> TransactionRow:
    return TransactionRow(
        hash=hexed(transaction.hash),
        block=block.number,
        index=transaction.index,
        timestamp=block.timestamp,
        sender=hexed(transaction.sender),
        recipient=hexed(transaction.recipient) if transaction.recipient else None,
        value=int(transaction.value),
        gas_used=transaction.gas_used,
        fee=int(transaction.fee),
        succeeded=transaction.succeeded,
    )


def _event(block: BlockFinalised, occurrence: Occurrence, transaction: TransactionRow | None) -> EventRow:
    fact = occurrence.fact
    return EventRow(
        block=block.number,
        log_index=occurrence.log_index,
        tx_hash=transaction.hash if transaction else "0x",
        contract=hexed(occurrence.contract),
        name=name_of(fact),
        args=arguments(fact),
        job_id=getattr(fact, "job_id", None),
    )
