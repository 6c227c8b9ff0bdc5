"""A job and its counts of tokens come in; what a worker submits for it, with a real proof, comes out."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from receipts.keys import load_keys
from receipts.prover import Prover, load_prover
from receipts.settings import ReceiptSettings
from receipts.statement import PrivatePart, job_key, state, unpack_terms

DEVELOPMENT_CHAIN = 31337


class Settlement(NamedTuple):
    """The arguments of `submitReceipt`, and an entry of `submitReceipts`."""

    job_id: int
    response_cid: str
    amount: int
    commitment: int
    proof: tuple[int, ...]


class Notary:
    """Proves receipts for one coordinator, each statement once: a proof is good in any test that asks for the same."""

    def __init__(self, coordinator: bytes) -> None:
        self._coordinator = coordinator
        self.settle = cache(self._settle)

    def _settle(
        self,
        job_id: int,
        worker: bytes,
        terms: int,
        tokens: tuple[int, int],
        response_cid: str,
    ) -> Settlement:
        """The settlement of a job that took these tokens: of the prompt, and of the completion."""
        private = PrivatePart(
            prompt_digest=bytes(32),
            response_digest=bytes(32),
            model_digest=bytes(32),
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
            started_at=1_700_000_000_000,
            completed_at=1_700_000_001_000,
            salt=job_id,
        )
        key = job_key(DEVELOPMENT_CHAIN, self._coordinator, job_id, worker, response_cid)
        public = state(private, unpack_terms(terms), key)
        proof = _prover().prove(private, public)
        return Settlement(job_id, response_cid, public.amount, public.commitment, proof.words)


@cache
def _prover() -> Prover:
    settings = ReceiptSettings()
    keys = load_keys(Path(settings.keys_folder))
    return load_prover(keys, DEVELOPMENT_CHAIN, cache=Path(settings.cache_folder))
