"""How soon and how surely many readers of the live stream hear of new blocks."""
