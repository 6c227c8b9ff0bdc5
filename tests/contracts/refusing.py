"""A call that must revert comes in; it is tried without mining, and without the trace that costs Ape seconds."""

from typing import Any

import ape
from ape.api import AccountAPI


def assert_refused(reason: str | None, function: Any, *arguments: Any, sender: AccountAPI) -> None:
    """Fails unless the contract reverts with `reason`; with None, for whatever reason."""
    with ape.reverts(reason):
        function.call(*arguments, sender=sender, skip_trace=True)
