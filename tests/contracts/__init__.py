"""The contracts, through Ape and a real anvil: `ape test --network ethereum:local:foundry tests/contracts`."""
