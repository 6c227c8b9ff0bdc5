"""Ties a child process to the worker's life: when the worker is gone, however it went, the child ends at once."""

import os
import select
import threading


def end_with(pid: int) -> None:
    """Ends this process as soon as process `pid` has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        os._exit(1)
    threading.Thread(target=_end_after, args=(descriptor,), name="lifeline", daemon=True).start()


def _end_after(descriptor: int) -> None:
    select.select([descriptor], [], [])
    os._exit(1)


class TiedToWorker:
    """Mixed into vLLM's worker class by name (`worker_extension_cls`); called through its collective RPC."""

    def tie_to(self, pid: int) -> None:
        end_with(pid)
