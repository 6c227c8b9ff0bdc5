"""The rules between rooms: who may import whom, kept by parsing every import."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = frozenset({"domain", "receipts", "chain", "indexer", "worker", "api", "tallystick"})
MAY_IMPORT = {
    "domain": set(),
    "receipts": set(),
    "chain": {"domain", "receipts"},
    "indexer": {"domain", "chain"},
    "worker": {"domain", "chain", "receipts"},
    "api": {"domain", "receipts", "indexer.explorer", "indexer.events"},
    "tallystick": set(ROOMS),
}
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> list[tuple[str, int]]:
    """Absolute module names that a file imports, `from x import y` as both `x` and `x.y`."""
    names: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append((node.module, node.lineno))
    return names


def is_within(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[room] | {room}
    for name, line in imported(path):
        if name.split(".")[0] in ROOMS:
            assert any(is_within(name, door) for door in allowed), f"{path.name}:{line}: {room} may not import {name}"


@pytest.mark.parametrize("library", ["eventsourcing", "eventsourcing_sqlalchemy"])
def test_only_the_ledger_knows_the_event_store_library(library: str) -> None:
    users = {path.parent for path in MODULES for name, _ in imported(path) if is_within(name, library)}
    assert users <= {ROOT / "domain" / "ledger"}


def test_in_the_chain_room_one_module_knows_the_http_library() -> None:
    users = {path for path in MODULES if path.is_relative_to(ROOT / "chain")
             for name, _ in imported(path) if is_within(name, "aiohttp")}  # fmt: skip
    assert users == {ROOT / "chain" / "transport.py"}


def test_only_contract_tooling_knows_ape() -> None:
    assert not [path for path in MODULES for name, _ in imported(path) if is_within(name, "ape")]


def test_receipts_imports_relatively_so_that_it_can_be_shipped_under_another_name() -> None:
    absolute = [(path, name) for path in MODULES if path.is_relative_to(ROOT / "receipts")
                for name, _ in imported(path) if is_within(name, "receipts")]  # fmt: skip
    assert not absolute


def test_vllm_and_nvml_are_imported_only_when_they_are_used() -> None:
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            heavy = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            heavy += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in heavy if name.split(".")[0] in {"vllm", "torch", "pynvml"}], path


def test_every_module_opens_with_one_sentence_on_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent
