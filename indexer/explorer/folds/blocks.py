"""A whole block against the books: its transactions, its events, and what each event changes."""

from domain.facts import BlockFinalised, Transaction

from ..rows import BlockRow, EventRow, ParkedRow, TransactionRow
from .arguments import arguments, name_of, subject
from .books import Books
from .consequences import consequences
from .moment import Moment, Unfoldable, address, hexed


class Poison(Exception):
    """A fact that breaks a rule in a way nobody foresaw: the books are spoilt, fold again and skip it."""

    def __init__(self, block: int, log_index: int, fault: Exception) -> None:
        super().__init__(f"block {block}, log {log_index}: {type(fault).__name__}: {fault}")
        self.place = (block, log_index)
        self.reason = f"{type(fault).__name__}: {fault}"


def fold_block(books: Books, block: BlockFinalised) -> None:
    """Takes the block into the books. A fact that contradicts them is parked and the rest goes on."""
    moment = Moment(block.number, hexed(block.hash), block.timestamp)
    transactions = {each.index: _transaction(block, each) for each in block.transactions}
    events = books.rows(EventRow)
    for occurrence in block.occurrences:
        fact, moment.log_index = occurrence.fact, occurrence.log_index
        transaction = transactions.get(occurrence.tx_index)
        moment.tx_hash = transaction.hash if transaction else "0x"
        events.append(
            EventRow(
                block.number,
                occurrence.log_index,
                moment.tx_hash,
                address(occurrence.contract),
                name_of(fact),
                arguments(fact),
                getattr(fact, "job_id", None),
                subject(fact),
            )
        )
        try:
            if transaction is None:
                raise Unfoldable(f"block {block.number} names no transaction {occurrence.tx_index}")
            if books.skipped and (reason := books.skipped.get((block.number, occurrence.log_index))):
                raise Unfoldable(reason)
            moment.gas_used = transaction.gas_used
            consequences(books, moment, fact)
        except Unfoldable as reason:
            books.add(ParkedRow(block.number, occurrence.log_index, name_of(fact), str(reason)))
        except Exception as fault:
            raise Poison(block.number, occurrence.log_index, fault) from fault
    books.rows(TransactionRow).extend(transactions.values())
    books.add(_block(block, moment.block_hash, books))


def _block(block: BlockFinalised, block_hash: str, books: Books) -> BlockRow:
    return BlockRow(
        number=block.number,
        hash=block_hash,
        parent=hexed(block.parent),
        timestamp=block.timestamp,
        transactions=len(block.transactions),
        events=len(block.occurrences),
        open_escrow=books.sums.open_escrow,
        credit=books.sums.credit,
        stakes=books.sums.stakes,
    )


def _transaction(block: BlockFinalised, transaction: Transaction) -> TransactionRow:
    return TransactionRow(
        hash=hexed(transaction.hash),
        block=block.number,
        index=transaction.index,
        timestamp=block.timestamp,
        sender=address(transaction.sender),
        recipient=address(transaction.recipient) if transaction.recipient else None,
        value=None if transaction.value is None else int(transaction.value),
        gas_used=transaction.gas_used,
        fee=int(transaction.fee),
        succeeded=transaction.succeeded,
    )
