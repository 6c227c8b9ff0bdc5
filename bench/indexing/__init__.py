"""Chains of our contracts' events, indexed by us, by a plain loop and by two peers: what each takes is compared."""
