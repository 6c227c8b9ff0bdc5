"""Which streams of the ledger the explorer reads, so that several chains may share a ledger."""

from msgspec import Struct

from domain.ledger import Recorded
from domain.ledger import streams as named


def reorgs(chain_id: int) -> str:
    """Version = number of the reorganisation."""
    return f"reorgs:{chain_id}"


def checks(chain_id: int) -> str:
    """Version = number of the checked range."""
    return f"checks:{chain_id}"


def parked(chain_id: int) -> str:
    """Version = number of the decision about a parked fact."""
    return f"parked:{chain_id}"


class Sources(Struct, frozen=True):
    """`coordinator` is `0x` text; without one, the receipts of all deployments on the chain are taken."""

    chain_id: int
    coordinator: str = ""

    def blocks(self) -> str:
        return named.chain(self.chain_id)

    def takes(self, recorded: Recorded) -> bool:
        """Whether a stream, other than that of the blocks, concerns this explorer."""
        stream = recorded.originator_id
        receipts = f"receipt:{self.chain_id}:{self.coordinator}"
        ours = (reorgs(self.chain_id), checks(self.chain_id), parked(self.chain_id))
        return stream.startswith(("node:", receipts)) or stream in ours
