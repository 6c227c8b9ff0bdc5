"""What can be wrong with an ABI or with a question about its events, told in one sentence."""


class BadAbi(Exception):
    """An event's arguments can not be laid out as columns; the message names event and argument."""


class Unfit(Exception):
    """A log that its ABI does not describe. It is kept raw with this reason, and never leaves this package."""
