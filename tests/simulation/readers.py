"""What the explorer shows comes in; nothing comes out, or the first thing that no reader should ever see.

A reader's moment belongs to one block: every table must say what the oracle says after that very block.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from indexer.explorer import Explorer, Page, Queries
from indexer.explorer.rows import Head
from tests.simulation.chain import Block, Chain
from tests.simulation.oracle import TABLES, Tables, text

KEYS: Mapping[str, Callable[[Any], Any]] = {
    "jobs": lambda row: row.job_id,
    "receipts": lambda row: row.job_id,
    "nodes": lambda row: row.address,
    "models": lambda row: row.model_id,
    "accounts": lambda row: row.address,
    "blocks": lambda row: row.number,
    "transactions": lambda row: row.hash,
    "events": lambda row: (row.block, row.log_index),
}
PAGE = 1000


class Wrong(AssertionError):
    """Something that must never be seen."""


class Reader:
    """Looks at the explorers of one chain, one life after another."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._final = -1
        self._head: Block | None = None
        self.looks = 0

    def begins(self) -> None:
        """Another process shows its tables: what it has not read again yet is not seen."""
        self._head = None

    def glance(self, explorer: Explorer) -> None:
        """After every commit: heads only grow on each other or are taken back, and what is final stays so."""
        head = explorer.head()
        block, final = self._named(head.hash), self._named(head.final_hash)
        if head.final < self._final:
            raise Wrong(f"final block {self._final} was shown, now the newest final one is {head.final}")
        self._final = head.final
        if final is not None and self._chain.final.ancestor(final.number) is not final:
            raise Wrong(f"block {head.final} {head.final_hash} is shown as final, the chain has another there")
        before, self._head = self._head, block
        if before is not None and block is not None and not _is_on(block, before) and not _is_on(before, block):
            raise Wrong(f"block {before.number} was replaced by block {block.number} before it was retracted")

    def look(self, explorer: Explorer, tables: tuple[str, ...] = TABLES) -> None:
        """Whole tables, as they are now."""
        self.looks += 1
        head = explorer.queries.head()
        block = self._named(head.hash)
        for table in tables:
            self._compare(explorer.queries, table, block, head)
        if block is not None:
            self._balance(explorer, block, head)

    def look_at_the_past(self, explorer: Explorer, table: str, blocks_ago: int) -> None:
        """A table as of a block that is not final yet, or that just became so: what it said then."""
        head = explorer.queries.head()
        block = self._named(head.hash)
        then = block.ancestor(max(head.number - blocks_ago, head.final, self._chain.first)) if block else None
        if then is not None:
            self._compare(explorer.queries.as_of(then.number), table, then, head)

    def _compare(self, queries: Queries, table: str, block: Block | None, head: Head) -> None:
        shown = _all_pages(getattr(queries, table))
        wanted = getattr(block.tables if block else Tables(), table)
        if table == "blocks":
            wanted = {n: row for n, row in wanted.items() if self._is_kept(row, n, head)}
        at = f"{table} as of block {block.number if block else None} (final {head.final})"
        _compare(at, {KEYS[table](row): row for row in shown}, len(shown), wanted, head)

    def look_back(self, explorer: Explorer) -> None:
        """What was written down beside the tables: nothing parked, every range checked, every reorg of real blocks."""
        queries = explorer.queries
        if parked := queries.parked().rows:
            raise Wrong(f"parked: {parked[0]}")
        ranges = sorted(queries.integrity(limit=PAGE).rows, key=lambda row: row.first)
        for before, after in pairwise(ranges):
            if (after.first, after.parent_hash) != (before.last + 1, before.last_hash):
                raise Wrong(f"checked ranges {before} and {after} do not link")
        if ranges and ranges[0].first > self._chain.first:
            raise Wrong(f"checked from block {ranges[0].first} on, the first that matters is {self._chain.first}")
        if ranges and ranges[-1].last > explorer.head().final:
            raise Wrong(f"checked are {ranges[0].first} to {ranges[-1].last}, final is {explorer.head().final}")
        for reorg in queries.reorgs(limit=PAGE).rows:
            for digest in reorg.dropped:
                self._named(digest)

    def _balance(self, explorer: Explorer, block: Block, head: Head) -> None:
        """The books cover what the contracts hold, to the last wei."""
        books = explorer.queries.reconciliation_at(head.number)
        held, staked = block.books.balance, block.books.stakes_balance - block.books.slashed
        if books is not None and (books.open_escrow + books.credit, books.stakes) != (held, staked):
            raise Wrong(f"after block {head.number} the contracts hold {held} and {staked}, the books say {books}")

    def _is_kept(self, row: Mapping[str, Any], number: int, head: Head) -> bool:
        """Of final blocks, those that touched us."""
        return bool(number > head.final or row["transactions"] or row["events"]) and number >= self._chain.first

    def _named(self, digest: str) -> Block | None:
        if not digest or int(digest, 16) == 0:
            return None
        block = self._chain.blocks.get(bytes.fromhex(digest[2:]))
        if block is None:
            raise Wrong(f"block {digest} is shown, which never was")
        return block


def level(chain: Chain, head: Head) -> bool:
    return head.hash == text(chain.head.hash)


def _all_pages(ask: Callable[..., Page[Any]]) -> list[Any]:
    page = ask(limit=PAGE)
    rows = list(page.rows)
    while page.next is not None:
        page = ask(after=page.next, limit=PAGE)
        rows += page.rows
    return rows


def _is_on(block: Block, below: Block) -> bool:
    return block.ancestor(below.number) is below


def _compare(at: str, shown: Mapping[Any, Any], count: int, wanted: Mapping[Any, Any], head: Head) -> None:
    if count != len(shown):
        raise Wrong(f"{at}: {count} rows for {len(shown)} keys")
    if missing := sorted(map(str, wanted.keys() - shown.keys())):
        raise Wrong(f"{at}: no row for {', '.join(missing)}")
    if unknown := sorted(map(str, shown.keys() - wanted.keys())):
        raise Wrong(f"{at}: rows for {', '.join(unknown)}, which never happened on this branch")
    for key, row in shown.items():
        _compare_row(f"{at}: row {key}", row, wanted[key], head)


def _compare_row(at: str, row: Any, wanted: Mapping[str, Any], head: Head) -> None:
    for name, value in wanted.items():
        found = getattr(row, name)
        if name == "offers":
            found = {offer.model_id: offer.price_prompt_token for offer in found}
        if found != value:
            raise Wrong(f"{at}: {name} is {found!r}, should be {value!r}")
    block = row.block if hasattr(row, "block") else row.number
    if row.is_final != (block <= head.final):
        raise Wrong(f"{at}: is_final is {row.is_final} of block {block}, final are those up to {head.final}")
