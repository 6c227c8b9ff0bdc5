"""Our own orders: ask, follow the answer, read it, check it."""
