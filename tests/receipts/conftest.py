"""Keys and provers that the tests of this room share: loading them takes longer than most tests."""

from pathlib import Path

import pytest

from receipts.ceremony_tools import ToolMissing, Tools, find_tools
from receipts.keys import Keys, load_keys
from receipts.prover import Prover, load_prover
from receipts.settings import ReceiptSettings
from tests.receipts.statements import CHAIN_ID


@pytest.fixture(scope="session")
def keys_folder() -> Path:
    return Path(ReceiptSettings().keys_folder)


@pytest.fixture(scope="session")
def keys(keys_folder: Path) -> Keys:
    return load_keys(keys_folder)


@pytest.fixture(scope="session")
def prover(keys: Keys) -> Prover:
    return load_prover(keys, CHAIN_ID)


@pytest.fixture(scope="session")
def tools() -> Tools:
    """circom2 and snarkjs, which `make test` installs."""
    try:
        return find_tools(Path(ReceiptSettings().tools_folder))
    except ToolMissing as missing:
        pytest.skip(str(missing))
