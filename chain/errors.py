"""Everything that can go wrong between us and a chain, as one tree with two roots.

ChainError
├── Retryable             asking again, later or elsewhere, may help
│   ├── Unreachable       no connection, or it broke
│   ├── TooSlow           no answer before the deadline
│   ├── Overloaded        429 or 5xx; `retry_after_s` when the node said so
│   ├── Missing           the node does not have it: it lags, or the chain was reorganised
│   ├── TooMuch           more was asked for at once than is allowed; `suggested` is what would be
│   │   └── TooManyCalls  in one request, that is
│   ├── Garbled           an answer that is not what the method promises
│   └── Distrusted        an answer that contradicts itself, its header or its parent
└── Fatal                 a person has to change something
    ├── WrongChain        the node serves another chain than the deployment names
    ├── DeepReorg         the chain changed below what we hold to be final
    ├── Refused           the node understood the call and will never do it
    │   └── Reverted      a contract said no; `error` is the name or the reason it gave
    └── DevnetFailed      the development chain did not start
        ├── AnvilMissing
        ├── PortInUse
        └── StateDamaged
"""


class ChainError(Exception):
    """Root of both kinds; never raised itself. `kind` is the word that it is counted under."""

    kind = "other"
    is_told = False
    """Whether the log tells of it already, as trouble of the provider that caused it."""


class Retryable(ChainError):
    """Asking again, later or elsewhere, may help."""


class Unreachable(Retryable):
    """No connection, or it broke before the answer was whole; `kind` says at which step: dns, tls, connect or reset."""

    def __init__(self, message: str, kind: str = "connect") -> None:
        super().__init__(message)
        self.kind = kind


class TooSlow(Retryable):
    """No answer before the deadline."""

    kind = "timeout"


class Overloaded(Retryable):
    """The node is busy, or limits us (`kind` is then 429); `retry_after_s` is what it asked for, if it did."""

    def __init__(self, message: str, retry_after_s: float | None = None, kind: str = "5xx") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.kind = kind


class TooMuch(Retryable):
    """More was asked for than the provider answers at once: ask for less.

    `suggested` is how many blocks it would take, if it said; `is_lasting` when that holds whatever is asked for.
    """

    kind = "too_much"

    def __init__(self, message: str, suggested: int | None = None, is_lasting: bool = False) -> None:
        super().__init__(message)
        self.suggested = suggested
        self.is_lasting = is_lasting


class TooManyCalls(TooMuch):
    """The provider takes fewer calls in one request; `suggested` is how many, if it said."""


class Missing(Retryable):
    """The node does not have what was asked for: it lags, or the chain was reorganised meanwhile."""

    kind = "missing"


class Garbled(Retryable):
    """The answer is not JSON, or not of the type that the method promises."""

    kind = "malformed"


class Distrusted(Retryable):
    """The answer contradicts itself, its block's header or its parent: it is not believed."""

    kind = "distrusted"


class Fatal(ChainError):
    """Repeating will not help: the message says what to change."""


class WrongChain(Fatal):
    """The node serves another chain than the deployment or the settings name."""

    kind = "wrong_chain"


class DeepReorg(Fatal):
    """The chain changed below the last final block."""


class Refused(Fatal):
    """The node understood the call and will not do it; `code` is its JSON-RPC error code."""

    kind = "refused"

    def __init__(self, message: str, code: int = 0, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class Denied(Refused):
    """This node will not do it, another may: it wants another key or plan, or does not have the method."""


class Reverted(Refused):
    """A contract refused; `error` is the reason it gave, or a custom error's selector, empty when there was none."""

    def __init__(self, message: str, error: str = "", data: object = None) -> None:
        super().__init__(message, 3, data)
        self.error = error


class UnfitAbi(Fatal):
    """The deployment's ABI lacks what this version needs, or has it in another shape."""


class BadArguments(Fatal):
    """A call with arguments that the contract's function does not take."""


class NoContract(Fatal):
    """Nothing answers at a contract's address."""


class DevnetFailed(Fatal):
    """The development chain did not start; the message carries what anvil said."""


class AnvilMissing(DevnetFailed):
    """No anvil program was found where we looked."""


class PortInUse(DevnetFailed):
    """The port that was asked for is taken."""


class StateDamaged(DevnetFailed):
    """Neither the saved state of the development chain nor its copy can be read."""
