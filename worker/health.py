"""Troubles come in by name, each with its reason; whether the worker may take work, and why not, comes out."""

import logging

log = logging.getLogger(__name__)


class Health:
    """The reasons that speak against taking work, by where they come from: engine, gpu, chain, standing, ..."""

    def __init__(self) -> None:
        self._troubles: dict[str, str] = {}

    @property
    def takes_work(self) -> bool:
        return not self._troubles

    @property
    def reasons(self) -> dict[str, str]:
        return dict(self._troubles)

    def note(self, source: str, trouble: str | None) -> None:
        """`trouble` is why, None when all is well there. What changes is said once."""
        before = self._troubles.get(source)
        if trouble is None:
            self._troubles.pop(source, None)
            if before is not None:
                log.info("%s: well again%s", source, "" if self._troubles else "; taking work")
        elif trouble != before:
            self._troubles[source] = trouble
            log.warning("taking no work: %s: %s", source, trouble)

    def has(self, source: str) -> bool:
        return source in self._troubles
