"""A table of the explorer: which rows it holds, under which columns, and what names a row."""

from functools import cached_property

from .columns import Column
from .folds import KEYS
from .rows import Row


class Table:
    """Columns are the row's fields, in the same order; fields that a view adds come after them."""

    def __init__(self, name: str, row: type[Row], comment: str, columns: tuple[Column, ...]) -> None:
        self.name = name
        self.row = row
        self.comment = comment
        self.columns = columns

    @cached_property
    def key(self) -> str | None:
        """The field that names a row that changes; None for rows that are only ever added."""
        return KEYS.get(self.row)

    @cached_property
    def block(self) -> str | None:
        """The field that holds the block of the row, if it comes from the chain."""
        names = {column.name for column in self.columns}
        return next((name for name in ("block", "number") if name in names), None)

    @cached_property
    def ddl(self) -> str:
        return ", ".join(
            f'"{column.name}" {column.kind.value.sql} {column.kind.value.packed}'.rstrip() for column in self.columns
        )
