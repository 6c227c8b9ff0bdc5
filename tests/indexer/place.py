"""A ledger, its tip and an explorer over both, in one folder."""

from pathlib import Path

from domain.facts import BlockFinalised
from domain.ledger import Ledger, Position, Tip
from indexer.explorer import Digest, Explorer, digest_of_chain, digest_of_ledger
from indexer.explorer.explorer import HISTORY_BLOCKS

CHAIN_ID = 31337


class Place:
    """Blocks go in as final or on the tip; `explorer` shows them after `refresh`."""

    def __init__(self, folder: Path, batch_events: int = 20_000, history_blocks: int = HISTORY_BLOCKS) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        self.tip = Tip(self.ledger, CHAIN_ID)
        path = folder / "explorer.duckdb"
        self.explorer = Explorer(path, self.ledger, self.tip, batch_events=batch_events, history_blocks=history_blocks)

    def finalise(self, *blocks: BlockFinalised) -> None:
        if blocks:
            self.tip.advance(blocks, Position(blocks[-1].number, blocks[-1].hash))

    def chain_digest(self) -> Digest:
        with self.explorer.database.reading() as cursor:
            return digest_of_chain(cursor)

    def ledger_digest(self) -> Digest:
        with self.explorer.database.reading() as cursor:
            return digest_of_ledger(cursor)

    def shown(self, table: str) -> list[tuple[object, ...]]:
        """Every row of a table as readers see it, but whether it is final."""
        with self.explorer.database.reading() as cursor:
            return sorted(cursor.execute(f"SELECT * EXCLUDE (is_final) FROM {table}").fetchall(), key=repr)

    def close(self) -> None:
        self.explorer.close()
        self.ledger.close()

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
