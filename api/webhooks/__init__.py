"""Changes of the index delivered to addresses that the operator names, signed as standardwebhooks.com has it."""
