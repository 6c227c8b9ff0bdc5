"""A folder and what it is for come in; its ledger and tables are opened, and indexed into from where they stand."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from chain.decoding import Decoder
from chain.following import Follower
from chain.identity import Pins
from chain.keeping import Keeper
from chain.node import Node
from domain.ledger import Ledger, Tip
from indexer.explorer import Explorer
from indexer.following import Indexer
from indexer.integrity import Checks
from indexer.settings import IndexerSettings
from tallystick.solo.subject import Subject
from tallystick.solo.survey import Ground

if TYPE_CHECKING:
    from indexer.events import Events
    from tallystick.solo.running import Order

LEDGER = "ledger.db"


class Store(Struct, frozen=True):
    """What the folder holds, opened."""

    ledger: Ledger
    tip: Tip
    tables: "Explorer | Events"
    settings: IndexerSettings
    ground: Ground

    def rows(self) -> int:
        """How many events the tables hold."""
        with self.tables.database.reading() as cursor:
            return int(cursor.execute("SELECT count(*) FROM events").fetchall()[0][0])

    def resume(self, order: "Order", node: Node) -> tuple[Follower, Indexer]:
        """Goes on where the folder ends, whoever wrote there last."""
        checks = Checks(
            self.ledger,
            self.ground.chain_id,
            node.place,
            level=order.chain.level,
            blocks_max=self.settings.integrity_blocks,
            open_max_s=self.settings.integrity_s,
        )
        snapshot = self.tip.snapshot()
        checks.recover(snapshot.final)
        self.tables.refresh()
        pins = Pins(self.ground.chain_id, order.subject.first, self.ground.genesis_hash)
        follower = Follower(node, _decoder(order.subject), pins, snapshot.final, snapshot.blocks)
        return follower, Indexer(self.ledger, self.tip, self.tables, checks, node.effort)


def check_abis(subject: Subject) -> None:
    """Raises BadAbi for events that no table could hold."""
    if subject.projection == "events":
        from indexer.events import layouts_of

        layouts_of((each.address, each.abi) for each in subject.contracts)


@contextmanager
def open_store(order: "Order", settings: IndexerSettings, ground: Ground) -> Iterator[Store]:
    """Opens what is there, or begins it."""
    with ExitStack() as stack:
        ledger = Ledger(f"sqlite:///{order.data / LEDGER}")
        stack.callback(ledger.close)
        tip = Tip(ledger, ground.chain_id)
        tables = _open_tables(order.subject, settings, ledger, tip)
        stack.callback(tables.close)
        yield Store(ledger, tip, tables, settings, ground)


def _open_tables(subject: Subject, settings: IndexerSettings, ledger: Ledger, tip: Tip) -> "Explorer | Events":
    limits = {
        "batch_events": settings.batch_events,
        "memory_limit_mib": settings.memory_limit_mib,
        "threads": settings.threads,
    }
    if subject.projection == "explorer":
        limits["history_blocks"] = settings.history_blocks
        return Explorer(settings.database, ledger, tip, coordinator=subject.coordinator, **limits)
    from indexer.events import Events

    return Events(settings.database, ledger, tip, [(each.address, each.abi) for each in subject.contracts], **limits)


def _decoder(subject: Subject) -> Decoder:
    """What is recorded of our own contracts are facts; of any other, its logs as they came."""
    if subject.projection == "explorer":
        return Decoder((each.address, each.abi) for each in subject.contracts)
    return Keeper(each.address for each in subject.contracts)
