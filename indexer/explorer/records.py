"""Tables whose rows are only ever added: blocks, transactions, events, and what was seen beside the chain."""

from .columns import Column, Kind
from .rows import BlockRow, DroppedRow, EventRow, IntegrityRow, ParkedRow, ReorgRow, SampleRow, TransactionRow
from .table import Table

BLOCKS = Table(
    "blocks",
    BlockRow,
    "Blocks that touched us, and every block that is not final yet",
    (
        Column("number", Kind.INTEGER, "Height"),
        Column("hash", Kind.TEXT, "Hash of the header"),
        Column("parent", Kind.TEXT, "Hash of the block before"),
        Column("timestamp", Kind.SECONDS, "Time by the header"),
        Column("transactions", Kind.INTEGER, "Transactions that touched us"),
        Column("events", Kind.INTEGER, "Our events in it"),
        Column("open_escrow", Kind.WEI, "Escrow of all open jobs after this block"),
        Column("credit", Kind.WEI, "Withdrawable credit of all accounts after this block"),
        Column("stakes", Kind.WEI, "Stakes of all nodes after this block"),
    ),
)
TRANSACTIONS = Table(
    "transactions",
    TransactionRow,
    "Transactions that touched us",
    (
        Column("hash", Kind.TEXT, "Hash of the transaction"),
        Column("block", Kind.INTEGER, "Block that holds it"),
        Column("index", Kind.INTEGER, "Place within the block"),
        Column("timestamp", Kind.SECONDS, "Time of the block"),
        Column("sender", Kind.TEXT, "Who signed it and paid for its gas"),
        Column("recipient", Kind.TEXT, "Contract called; empty when it created one"),
        Column("value", Kind.WEI, "Wei sent along; empty where the blocks were read at level bloom"),
        Column("gas_used", Kind.INTEGER, "Gas used"),
        Column("fee", Kind.WEI, "Gas used times effective gas price, in wei"),
        Column("succeeded", Kind.FLAG, "False when it reverted"),
    ),
)
EVENTS = Table(
    "events",
    EventRow,
    "Every decoded log of our contracts",
    (
        Column("block", Kind.INTEGER, "Block that holds it"),
        Column("log_index", Kind.INTEGER, "Place within the block"),
        Column("tx_hash", Kind.TEXT, "Transaction that emitted it"),
        Column("contract", Kind.TEXT, "Contract that emitted it"),
        Column("name", Kind.TEXT, "The event's name in the ABI"),
        Column("args", Kind.JSON, "Its arguments by name; amounts are decimal text, bytes 0x text"),
        Column("job_id", Kind.INTEGER, "The job it is about"),
        Column("address", Kind.TEXT, "Whose doing or fate it tells: who ordered, worked, withdrew or staked"),
    ),
)
PARKED = Table(
    "parked",
    ParkedRow,
    "Events that contradict what came before: kept, with no consequence drawn",
    (
        Column("block", Kind.INTEGER, "Block that holds the event"),
        Column("log_index", Kind.INTEGER, "Place within the block"),
        Column("name", Kind.TEXT, "The event's name"),
        Column("reason", Kind.TEXT, "What it contradicts"),
    ),
)
DROPPED = Table(
    "dropped",
    DroppedRow,
    "Parked events that an operator decided to leave without consequence for good",
    (
        Column("block", Kind.INTEGER, "Block that holds the event"),
        Column("log_index", Kind.INTEGER, "Place within the block"),
        Column("reason", Kind.TEXT, "What it was parked for"),
        Column("dropped_at", Kind.MILLISECONDS, "When that was decided"),
    ),
)
NODE_SAMPLES = Table(
    "node_samples",
    SampleRow,
    "Telemetry as reported by workers; what was not measured is absent",
    (
        Column("node", Kind.TEXT, "The node that reported"),
        Column("sampled_at", Kind.MILLISECONDS, "Time of the sample, by the node's clock"),
        Column("cpu_percent", Kind.REAL, "Use of the CPU, percent"),
        Column("memory_used", Kind.INTEGER, "Bytes of memory in use"),
        Column("memory_total", Kind.INTEGER, "Bytes of memory"),
        Column("gpus", Kind.GPUS, "Readings of each GPU: percent, bytes, degrees Celsius, watts"),
    ),
)
REORGS = Table(
    "reorgs",
    ReorgRow,
    "Unfinal blocks that were shown and then dropped by the chain",
    (
        Column("reorg", Kind.INTEGER, "Number of the reorganisation"),
        Column("seen_at", Kind.MILLISECONDS, "When we saw it"),
        Column("from_number", Kind.INTEGER, "Height of the first dropped block"),
        Column("depth", Kind.INTEGER, "How many blocks were dropped"),
        Column("dropped", Kind.TEXTS, "Their hashes, oldest first"),
        Column("rows", Kind.INTEGER, "Rows that readers had seen and that changed or vanished"),
    ),
)
INTEGRITY = Table(
    "integrity",
    IntegrityRow,
    "Ranges of final blocks, and what was checked about each block before it was believed",
    (
        Column("first", Kind.INTEGER, "First block of the range"),
        Column("last", Kind.INTEGER, "Last block of the range"),
        Column("parent_hash", Kind.TEXT, "Hash of the block before the first: where the range before must end"),
        Column("last_hash", Kind.TEXT, "Hash of the last block"),
        Column("level", Kind.TEXT, "How strictly completeness was checked"),
        Column("checks", Kind.TEXTS, "The checks made of each block"),
        Column("provider", Kind.TEXT, "Who served the blocks"),
        Column("checked_at", Kind.MILLISECONDS, "When the range was closed"),
        Column("doubts", Kind.TEXTS, "What was told about these blocks and not believed, or by one provider alone"),
    ),
)
