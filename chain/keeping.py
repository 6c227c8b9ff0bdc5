"""Logs of anyone's contracts go in, and are kept as they came: their tables read them by the contracts' ABIs."""

from collections.abc import Iterable

from chain.decoding import Decoder
from chain.integrity import Log
from domain.facts import LogUnreadable, Occurrence


class Keeper(Decoder):
    """Takes a decoder's place where the contracts are not ours: what is recorded does not depend on an ABI."""

    def __init__(self, addresses: Iterable[bytes]) -> None:
        super().__init__([])
        self.addresses = set(addresses)

    def occurrence(self, log: Log) -> Occurrence | None:
        if log.address not in self.addresses:
            return None
        return Occurrence(LogUnreadable("", log.topics, log.data, ""), log.address, log.tx_index, log.log_index)
