"""A ledger with its tip and an explorer, for tests of the feed."""

from tests.indexer.conftest import place

__all__ = ["place"]
