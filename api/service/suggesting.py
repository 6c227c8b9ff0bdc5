"""Names that nothing bears: what was written and what there is come in, the remedy goes out."""

import difflib
from collections.abc import Iterable


def did_you_mean(written: str, known: Iterable[str], otherwise: str = "") -> str:
    """The nearest name, or `otherwise`, or all there are."""
    names = sorted(known)
    close = difflib.get_close_matches(written, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else otherwise or f"There are: {', '.join(names)}."
