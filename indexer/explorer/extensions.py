"""DuckDB's extensions from this environment's packages: a name goes in, it is loaded, nothing is fetched."""

import importlib
from pathlib import Path

import duckdb


def extension(name: str) -> Path:
    """The file that the package `duckdb-extension-NAME` brings. Raises ImportError."""
    module = importlib.import_module(f"duckdb_extension_{name.replace('-', '_')}")
    return Path(str(module.__path__[0])) / f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"


def load(cursor: duckdb.DuckDBPyConnection, *names: str) -> None:
    for name in names:
        cursor.execute(f"LOAD '{extension(name)}'")
