# pragma version 0.4.3
# @license Apache-2.0
"""
@title One owner, handed over in two steps
@notice The new owner must accept, so that a mistyped address cannot lose the contract.
"""

owner: public(address)
pendingOwner: public(address)


@deploy
def __init__():
    self.owner = msg.sender


@external
def transferOwnership(newOwner: address):
    """@notice Proposes a new owner; the zero address withdraws the proposal."""
    self._only_owner()
    self.pendingOwner = newOwner


@external
def acceptOwnership():
    """@notice Called by the proposed owner, who is the owner from now on."""
    assert msg.sender == self.pendingOwner, "not the pending owner"
    self.owner = msg.sender
    self.pendingOwner = empty(address)


@internal
@view
def _only_owner():
    assert msg.sender == self.owner, "not the owner"
