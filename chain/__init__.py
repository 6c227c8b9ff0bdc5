"""The node: access, integrity checks, log decoding, following, relaying transactions."""
