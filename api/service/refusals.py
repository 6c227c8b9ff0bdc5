"""The roots of everything the service declines: a broken rule is one subclass, the edge turns its root into a status.

Refusal
├── Invalid       what was sent can never be right
├── Denied        right in itself, but not from this sender
├── Absent        no such thing
├── Clashing      right in itself, but something else already stands in its place
├── Crowded       a limit is reached; the same request may succeed later
└── Unready       a part of the network we depend on does not answer; the same request may succeed later
"""


class Refusal(Exception):
    """Root: `detail` names the value, `remedy` says what to do. A subclass's docstring is its title."""

    remedy = "Correct the request and send it again."
    retry_after_s = 1
    """When to come again, of what may succeed later."""

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy or type(self).remedy


class Invalid(Refusal):
    """The request can never be right."""


class Denied(Refusal):
    """The sender may not do this."""

    remedy = "Send it with the key of the account it belongs to."


class Absent(Refusal):
    """There is no such thing."""

    remedy = "Check the identifier; the lists under /explorer/v1 show what there is."


class Clashing(Refusal):
    """Something else already stands in its place."""


class Crowded(Refusal):
    """A limit is reached."""

    remedy = "Wait a moment, then try again."


class Unready(Refusal):
    """A part of the network does not answer."""

    remedy = "Try again in a moment; `tallystick doctor` says what is wrong."
