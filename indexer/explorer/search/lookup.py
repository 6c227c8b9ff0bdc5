"""CIDs and hashes, or how they begin, come in; the rows that bear them go out, found by their kept names.

What is not kept in order yet is looked for where it is: among the rows that blocks changed since, and on the tip.
"""

from collections.abc import Iterator, Sequence

import duckdb

from .hits import EACH_MAX, Hit
from .keys import says_enough
from .names import Leads, Names
from .origins import ORIGINS, NameKind, Origin


def named(cursor: duckdb.DuckDBPyConnection, names: Names, text: str, kinds: Sequence[NameKind]) -> Iterator[Hit]:
    """The things of these kinds whose name begins with `text`, a few of each."""
    if not says_enough(text):
        return
    leads = names.leads(text, kinds)
    for kind in kinds:
        origin = ORIGINS[kind]
        parts = list(_parts(origin, leads))
        found = cursor.execute(" UNION ALL ".join(parts), {"text": text}).fetchall() if parts else []
        place = origin.shown.index(origin.column)
        for *values, is_final in found:
            if values[place].startswith(text):
                yield origin.told(text, values, is_final)


def _parts(origin: Origin, leads: Leads) -> Iterator[str]:
    """Queries for rows of the tip, for final ones that are not covered, and for those that something leads to.

    Of the last the text is compared afterwards: DuckDB would unpack all texts around them for it.
    """
    shown = ", ".join(f'"{name}"' for name in origin.shown)
    name, block = origin.table.name, origin.table.block
    best = f'ORDER BY {origin.column} <> $text, "{origin.leads_to}" DESC LIMIT {EACH_MAX}'
    fits = f"starts_with({origin.column}, $text) {best}"
    if block:
        yield f"(SELECT {shown}, false FROM tip.{name} WHERE {fits})"
        yield f'(SELECT {shown}, true FROM final.{name} WHERE "{block}" > {leads.covered} AND {fits})'
    elif not leads.has_documents:
        yield f"(SELECT {shown}, true FROM final.{name} WHERE {fits})"
    if targets := leads.targets.get(origin.kind):
        among = ", ".join(map(str, sorted(set(targets))))
        led = f'"{origin.leads_to}" IN ({among})'
        yield f"(SELECT {shown}, true FROM final.{name} WHERE $text <> '' AND {led})"


def blocks_of(cursor: duckdb.DuckDBPyConnection, names: Names, transaction: str) -> list[int] | None:
    """The blocks that hold a transaction, by its whole hash and without reading all hashes; None if nobody can tell."""
    leads = names.leads(transaction, ("transaction",))
    if leads.covered < 0:
        return None
    parts = " UNION ALL ".join(_parts(ORIGINS["transaction"], leads))
    found = cursor.execute(parts, {"text": transaction}).fetchall()
    return [block for hash_, block, *_ in found if hash_ == transaction]
