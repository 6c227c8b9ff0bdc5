"""What the contracts owe in all, in wei: escrow of open jobs, credit to be withdrawn, stakes of nodes."""

from msgspec import Struct


class Totals(Struct, frozen=True):
    """The sums as they stood at one moment."""

    open_escrow: int = 0
    credit: int = 0
    stakes: int = 0


class Sums(Struct):
    """The same, as a fold keeps them while it runs."""

    open_escrow: int
    credit: int
    stakes: int

    def now(self) -> Totals:
        return Totals(self.open_escrow, self.credit, self.stakes)
