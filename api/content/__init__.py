"""Content by its name: a trustless gateway on the main port, the RPC of an IPFS node on its own."""
