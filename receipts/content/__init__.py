"""Content addressing as IPFS does it: names, files as blocks, and the places that keep them."""
