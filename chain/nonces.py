"""One signer's streams in the ledger: a key goes in, the nonce it took and what was signed for it come out."""

from domain.facts import TransactionNumbered, TransactionSigned
from domain.ledger import Ledger, Recorded, streams


class Nonces:
    """What one address signed on one chain. Every call asks the database: run it beside the event loop."""

    def __init__(self, ledger: Ledger, address: bytes, chain_id: int) -> None:
        self._ledger = ledger
        self._address = address
        self._chain_id = chain_id
        self._stream = streams.signer(address, chain_id)

    def next(self) -> int | None:
        """The nonce after the newest that was signed; None when nothing ever was."""
        newest = self._ledger.newest(self._stream)
        return newest.originator_version if newest else None

    def of_key(self, key: str) -> int | None:
        """The nonce that a key took, if it took one."""
        newest = self._ledger.newest(streams.transaction(self._address, self._chain_id, key))
        if newest is None:
            return None
        assert isinstance(newest.fact, TransactionNumbered)
        return newest.fact.nonce

    def signed(self, nonce: int) -> list[TransactionSigned]:
        """All that was signed for one nonce, the newest offer last."""
        first = self._ledger.stream(self._stream, after=nonce, limit=1)
        if not first or first[0].originator_version != nonce + 1:
            return []
        return _signed(first) + _signed(self._ledger.stream(self._replacements(nonce)))

    def since(self, nonce: int) -> list[list[TransactionSigned]]:
        """What was signed for each nonce from this one on, oldest nonce first."""
        firsts = _signed(self._ledger.stream(self._stream, after=nonce))
        return [[first, *_signed(self._ledger.stream(self._replacements(first.nonce)))] for first in firsts]

    def record(self, first: TransactionSigned) -> None:
        """The first for its nonce and its key. Raises Conflict when either was taken meanwhile."""
        by_key = streams.transaction(self._address, self._chain_id, first.key)
        self._ledger.record(
            Recorded(self._stream, first.nonce + 1, first),
            Recorded(by_key, 1, TransactionNumbered(first.nonce)),
        )

    def record_replacement(self, replacement: TransactionSigned, number: int) -> None:
        """The `number`-th replacement for its nonce. Raises Conflict when another process was faster."""
        self._ledger.record(Recorded(self._replacements(replacement.nonce), number, replacement))

    def _replacements(self, nonce: int) -> str:
        return streams.replacements(self._address, self._chain_id, nonce)


def _signed(recorded: list[Recorded]) -> list[TransactionSigned]:
    return [each.fact for each in recorded if isinstance(each.fact, TransactionSigned)]
