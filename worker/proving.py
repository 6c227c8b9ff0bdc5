"""Statements go in, proofs come out of processes beside the engine, which yield the processor to it."""

import asyncio
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from receipts.keys import load_keys
from receipts.prover import Prover, load_prover
from receipts.settings import ReceiptSettings
from receipts.statement import PrivatePart, PublicInputs

from .lifeline import end_with

ATTEMPTS = 2
"""A process that was killed, for memory perhaps, is replaced once; a second death in a row is a fault to report."""

_prover: Prover | None = None


class ProverDied(Exception):
    """The proving process ends again and again; the message says where to look."""


class ProofPool:
    """A few niced processes, each with the proving key loaded; they end with this one."""

    def __init__(self, settings: ReceiptSettings, chain_id: int, processes: int, nice: int) -> None:
        self._settings = settings
        self._chain_id = chain_id
        self._processes = processes
        self._nice = nice
        self._pool: ProcessPoolExecutor | None = None

    async def start(self) -> None:
        """Loads keys and witness generator, so that the first receipt does not wait for them."""
        await asyncio.wrap_future(self._running().submit(_ready))

    async def prove(self, private: PrivatePart, public: PublicInputs) -> tuple[int, ...]:
        """The proof's eight words, verified before they are given out."""
        for _ in range(ATTEMPTS):
            try:
                return await asyncio.wrap_future(self._running().submit(_prove, private, public))
            except BrokenProcessPool:
                self.close()
        raise ProverDied(f"the proving process ended {ATTEMPTS} times: is there memory left, and are the keys whole?")

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(os.getpid(), self._nice, self._settings, self._chain_id),
            )
        return self._pool


def _begin(worker_pid: int, nice: int, settings: ReceiptSettings, chain_id: int) -> None:
    global _prover
    end_with(worker_pid)
    os.setpgid(0, 0)  # Ctrl-C, or SIGTERM to the group, is for the worker alone: it still has receipts to prove
    os.nice(nice)
    _prover = load_prover(load_keys(Path(settings.keys_folder)), chain_id, settings.prover, Path(settings.cache_folder))


def _ready() -> None:
    """Returns once `_begin` has run."""


def _prove(private: PrivatePart, public: PublicInputs) -> tuple[int, ...]:
    assert _prover is not None, "the pool begins each process with a prover"
    return _prover.prove(private, public).words
