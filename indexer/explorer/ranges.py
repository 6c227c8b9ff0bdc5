"""The tables of schema `history`: rows as they were until another took their place, and how far back they reach."""

from collections.abc import Iterator

from .aggregates import ACCOUNTS, JOBS, MODELS, NODES, RECEIPTS

HISTORIED = (JOBS, RECEIPTS, NODES, MODELS, ACCOUNTS)
"""Tables whose rows change by what the chain says."""

UNTIL = "The block that replaced the row: it held from `block` on until then"
SINCE = "The state after this block, and after each later one, can be told from the tables; only the newest if empty"


def statements() -> Iterator[str]:
    yield "CREATE SCHEMA history"
    yield "CREATE TABLE history.reach (since BIGINT)"
    yield "INSERT INTO history.reach VALUES (NULL)"
    yield "COMMENT ON TABLE history.reach IS 'How far back the replaced rows go; one row'"
    yield f"COMMENT ON COLUMN history.reach.since IS '{SINCE}'"
    for table in HISTORIED:
        yield f'CREATE TABLE history.{table.name} ({table.ddl}, "until" BIGINT)'
        yield f"COMMENT ON TABLE history.{table.name} IS '{table.name.title()} as they were, of the newest blocks only'"
        yield f"COMMENT ON COLUMN history.{table.name}.until IS '{UNTIL}'"
        for column in table.columns:
            comment = column.comment.replace("'", "''")
            yield f"COMMENT ON COLUMN history.{table.name}.\"{column.name}\" IS '{comment}'"
