"""Where workers report: their line for progress and tokens, and the desk for signed receipts."""
