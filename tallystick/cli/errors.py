"""An exception comes in, one sentence for a person goes out."""

ROOMS = frozenset({"domain", "chain", "receipts", "indexer", "worker", "api", "tallystick"})


def told(error: BaseException) -> str:
    """An error of ours as it stands, the operating system's with its file, anything else as unexpected."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(told(inner) for inner in error.exceptions))
    if type(error).__module__.split(".")[0] in ROOMS or isinstance(error, TimeoutError):
        return str(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    return f"unexpected {type(error).__name__}: {error} (run again with --debug for where it happened)"
