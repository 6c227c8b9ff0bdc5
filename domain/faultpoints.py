"""Named places where a crash is most likely to hurt: code says that it has come to one, and a test may end it there.

In production nobody listens, and to come to a place costs a look at one variable.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

POINTS = {
    "ledger.begun": "a writing transaction of the ledger has begun, nothing is written",
    "ledger.inserting": "facts are about to be inserted",
    "ledger.before_commit": "everything of a transaction is written, nothing committed",
    "ledger.committed": "the transaction is committed, its writer does not know yet",
    "ledger.created": "the ledger's tables were made, nothing is in them",
    "tip.extended": "a block was put on the tip, within its transaction",
    "tip.taken": "blocks have left the tip and are not in the ledger yet, within their transaction",
    "tip.settled": "final blocks are in the ledger and the position moved, within their transaction",
    "ledger.copied": "a copy of the ledger is written",
    "indexer.block_shown": "the explorer shows what came in last",
    "indexer.reorg_shown": "a reorg's blocks were taken back, the reorg is not on record yet",
    "indexer.final_recorded": "final blocks are in the ledger, that they were checked is not on record yet",
    "indexer.checks_recorded": "a range of checked blocks is on record",
    "explorer.begun": "a transaction of the explorer has begun, nothing is written",
    "explorer.stored": "some tables of a batch are written, others not",
    "explorer.before_commit": "rows and position are written, nothing committed",
    "explorer.committed": "rows and position are committed, memory does not know yet",
    "explorer.created": "the explorer's tables were made, nothing is committed",
    "explorer.copied": "a copy of the explorer is written, its file is not closed yet",
    "rebuild.begun": "what an older rebuild left was removed, nothing is built",
    "rebuild.batch": "a batch of the rebuild is committed",
    "rebuild.built": "everything is built, under the name of what is not complete",
    "rebuild.named": "the new file has its name, the old one is live",
    "rebuild.caught_up": "the new file holds what the live one holds, the old one is live",
    "rebuild.adopted": "readers are on the new file, the link still leads to the old one",
    "rebuild.linked": "the link leads to the new file, the old one is still there",
    "upgrade.built": "tables of this version are built beside older ones, under the name of what is not complete",
    "upgrade.named": "the upgraded file has its name, the link still leads to the old one",
    "upgrade.linked": "the link leads to the upgraded file, the old one is still there",
    "backup.begun": "the folder of a backup is there, nothing is in it",
    "backup.folded": "ledger and explorer are copied, what they are is not written down",
    "backup.described": "everything is in the backup's folder, under the name of what is not complete",
    "restore.copied": "the files are beside their places, under names of what is not complete",
    "restore.ledger_placed": "the ledger is in its place, the explorer is not",
}
"""Every name there is, and what is true at that moment."""

Listener = Callable[[str], None]

_listener: Listener | None = None


def reach(point: str) -> None:
    """The code has come to `point`, a name of `POINTS`."""
    if _listener is not None:
        _listener(point)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Has `listener` told of every point reached by any thread; what it raises, the code at that point raises."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before
