"""Names of streams, where the version does the work: what a stream's next version means is said beside each."""


def chain(chain_id: int) -> str:
    """Version = block height, so that no block can be recorded twice."""
    return f"chain:{chain_id}"


def signer(address: bytes, chain_id: int) -> str:
    """Version = nonce + 1, so that no nonce is signed for two purposes."""
    return f"signer:{chain_id}:0x{address.hex()}"


def replacements(address: bytes, chain_id: int, nonce: int) -> str:
    """Version = 1 for the first raise of the fee of one nonce, 2 for the second, and so on."""
    return f"{signer(address, chain_id)}:{nonce}"


def transaction(address: bytes, chain_id: int, key: str) -> str:
    """Version 1 is the nonce that a key took, so that no purpose is signed for twice."""
    return f"transaction:{chain_id}:0x{address.hex()}:{key}"


def job_order(key: str) -> str:
    """Version 1 is the order: whoever comes second with the same key meets a conflict."""
    return f"job-order:{key}"


def receipt(chain_id: int, coordinator: bytes, job_id: int) -> str:
    """Version 1 is the published receipt of a job."""
    return f"receipt:{chain_id}:0x{coordinator.hex()}:{job_id}"


def node(address: bytes) -> str:
    """Version = time of the sample, Unix ms."""
    return f"node:0x{address.hex()}"
