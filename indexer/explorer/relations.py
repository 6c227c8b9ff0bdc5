"""Tables as they are or were: a table and the moment meant come in, an expression that stands for its rows goes out."""

from .listing import At
from .ranges import HISTORIED
from .table import Table


def relation(table: Table, at: At | None = None) -> str:
    """For a FROM clause. What lies in `tip` hides what lies in `final` under the same key."""
    hidden = f" ANTI JOIN tip.{table.name} USING ({table.key})" if table.key else ""
    parts = [f"FROM tip.{table.name}", f"SELECT * FROM final.{table.name}{hidden}"]
    if at is not None:
        parts = [f'{part} WHERE "{table.block}" <= {at.number}' for part in parts]
        if table in HISTORIED:
            replaced = f'WHERE "{table.block}" <= {at.number} AND "until" > {at.number}'
            parts.append(f'SELECT * EXCLUDE ("until") FROM history.{table.name} {replaced}')
    return f"({' UNION ALL '.join(parts)})"
