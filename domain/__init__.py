"""Facts, decisions, folds and the ledger. Knows no other room."""
