"""Everything that can go wrong between us and a chain, as one tree with two roots.

ChainError
├── Retryable             asking again, later or elsewhere, may help
│   ├── Unreachable       no connection, or it broke
│   ├── TooSlow           no answer before the deadline
│   ├── Overloaded        429 or 5xx; `retry_after_s` when the node said so
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
    """Root of both kinds; never raised itself."""


class Retryable(ChainError):
    """Asking again, later or elsewhere, may help."""


class Unreachable(Retryable):
    """No connection, or it broke before the answer was whole."""


class TooSlow(Retryable):
    """No answer before the deadline."""


class Overloaded(Retryable):
    """The node is busy or limits us; `retry_after_s` is what it asked for, if it did."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Missing(Retryable):
    """The node does not have what was asked for: it lags, or the chain was reorganised meanwhile."""


class Garbled(Retryable):
    """The answer is not JSON, or not of the type that the method promises."""


class Distrusted(Retryable):
    """The answer contradicts itself, its block's header or its parent: it is not believed."""


class Fatal(ChainError):
    """Repeating will not help: the message says what to change."""


class WrongChain(Fatal):
    """The node serves another chain than the deployment or the settings name."""


class DeepReorg(Fatal):
    """The chain changed below the last final block."""


class Refused(Fatal):
    """The node understood the call and will not do it; `code` is its JSON-RPC error code."""

    def __init__(self, message: str, code: int = 0, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


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
