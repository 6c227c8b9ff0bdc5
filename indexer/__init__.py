"""The ledger's writer and reader: the unfinal tip, final blocks to the ledger, the ledger to DuckDB."""
