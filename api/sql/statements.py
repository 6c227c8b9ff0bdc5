"""What may be asked: DuckDB's own reading of a statement comes in, the reason to refuse it goes out, or none.

Both doors keep the same rule: HTTP by `reason_to_refuse`, Quack by the macro of `as_macro`, which must be SQL. They
look at the JSON that DuckDB's parser makes of a text, in which whatever a user wrote is quoted and escaped: names
that are found can be made up by a user, but not hidden.
"""

import difflib
import re
from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from api.sql.vocabulary import CHANGING, FUNCTIONS

FUNCTION = r'"function_name":"([^"]*)"'
TABLE = r'"table_name":"([^"]*)"'
CTE = r'\{"key":"([^"]*)","value":\{"aliases"'
PLACE = r'"(?:schema_name|catalog_name|schema|catalog)":"([^"]*)"'
SHOWN = r'"show_type":"([^"]*)"'

CTE_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
PLACES = frozenset({"", "main"})
SHOWABLE = frozenset({"DESCRIBE", "SUMMARY"})


class _Parsed(Struct, frozen=True):
    error: bool
    error_message: str = ""
    statements: tuple[Raw, ...] = ()


HINT = "a query is one SELECT (WITH, FROM, VALUES, DESCRIBE and SUMMARIZE of a table too)"


def reason_to_refuse(read: str, tables: frozenset[str], taken: frozenset[str]) -> str | None:
    """Why a statement may not run. `taken` are names of the system's own tables, which no query may give another sense.

    `read` is what `json_serialize_sql` said.
    """
    try:
        parsed = msgspec.json.decode(read, type=_Parsed)
    except (msgspec.MsgspecError, RecursionError):
        return "it is nested too deeply"
    if parsed.error:
        return HINT if "Only SELECT" in parsed.error_message else f"{parsed.error_message}; {HINT}"
    if len(parsed.statements) != 1:
        return f"there is more than one statement, or none: {HINT}"
    ctes = [name.lower() for name in re.findall(CTE, read)]
    for name in ctes:
        if not CTE_NAME.fullmatch(name) or name in taken:
            return f"a common table can not be called {name!r}: choose another name of letters, digits and _"
    known = tables | set(ctes) | {""}
    for name in re.findall(TABLE, read):
        if name.lower() not in known:
            return _unknown("table", name, tables, "see /explorer/v1/dictionary")
    for name in re.findall(FUNCTION, read):
        if name.lower() not in FUNCTIONS:
            return _unknown("function", name, FUNCTIONS, "it is not among those that can be called here")
    for name in re.findall(PLACE, read):
        if name.lower() not in PLACES:
            return f"{name!r} is no schema here: all tables and functions are in main"
    for name in re.findall(SHOWN, read):
        if name not in SHOWABLE:
            return "only single tables can be shown: DESCRIBE jobs"
    return None


def is_changing(read: str) -> bool:
    """Whether the same question may be answered otherwise in the same state."""
    return not CHANGING.isdisjoint(name.lower() for name in re.findall(FUNCTION, read)) or "current_" in read


def as_macro(
    name: str, tables: Iterable[str], taken: Iterable[str], also: str = "false", text_max: int = 20_000
) -> str:
    """The same rule as a macro of a session and a text. `also` is a condition under which a text may run anyway."""

    def found(pattern: str) -> str:
        return f"list_transform(regexp_extract_all(said::VARCHAR, {_quoted(pattern)}, 1), lambda x: lower(x))"

    return f"""
CREATE OR REPLACE MACRO {name}(session, query) AS (
  length(query::VARCHAR) <= {text_max} AND (({also}) OR (
    SELECT said->>'$.error' = 'false' AND json_array_length(said->'$.statements') = 1
       AND len(list_filter({found(CTE)}, lambda x: NOT regexp_full_match(x, '{CTE_NAME.pattern}'))) = 0
       AND NOT list_has_any({found(CTE)}, {_list(taken)})
       AND list_has_all(list_concat({_list((*tables, ""))}, {found(CTE)}), {found(TABLE)})
       AND list_has_all({_list(FUNCTIONS)}, {found(FUNCTION)})
       AND list_has_all({_list(PLACES)}, {found(PLACE)})
       AND list_has_all({_list(SHOWABLE)}, regexp_extract_all(said::VARCHAR, {_quoted(SHOWN)}, 1))
    FROM (SELECT json_serialize_sql(query::VARCHAR) AS said)
  ))
)"""


def _unknown(what: str, name: str, known: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return f"there is no {what} {name[:64]!r} here: " + (f"did you mean {close[0]!r}?" if close else otherwise)


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(sorted(map(_quoted, names))) + "]"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
