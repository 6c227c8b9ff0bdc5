# pragma version 0.4.3
# @license Apache-2.0
"""
@title The coordinator's books
@notice Every wei that came in with an order is open escrow until the job is closed, credit until it is withdrawn, then gone.
@dev Always: balance >= openEscrow + totalCredit. Ether forced in is surplus and belongs to nobody.
     Both sums and the number of entries share one word, as every order and every settlement touches them:
     open escrow (96 bits) | total credit (96 bits) << 96 | entries (64 bits) << 192.
"""

event Withdrawn:
    account: indexed(address)
    recipient: address
    amount: uint256

# 2^96 wei are 79 thousand million ether: a sum never carries into its neighbour.
MASK_96: constant(uint256) = 2**96 - 1
CREDIT: constant(uint256) = 96
ENTRIES: constant(uint256) = 192

_sums: uint256
_credit: HashMap[address, uint256]


@external
@view
def openEscrow() -> uint256:
    """@notice Wei held for jobs that are not closed."""
    return self._sums & MASK_96


@external
@view
def totalCredit() -> uint256:
    """@notice Wei owed to accounts that did not withdraw them yet."""
    return (self._sums >> CREDIT) & MASK_96


@external
@view
def creditOf(account: address) -> uint256:
    """@notice Wei that `account` may withdraw."""
    return self._credit[account]


@external
def withdraw():
    """@notice Sends the caller all its credit."""
    self._pay_out(msg.sender)


@external
def withdrawTo(recipient: address):
    """@notice Sends all the caller's credit to `recipient`, for callers that cannot receive ether."""
    assert recipient != empty(address), "no recipient"
    self._pay_out(recipient)


@internal
@view
def _entries() -> uint256:
    return self._sums >> ENTRIES


@internal
def _enter(amount: uint256) -> uint256:
    """
    @notice Takes the ether that came with the call into open escrow.
    @return The number of the entry: 1, 2, 3, ...
    """
    assert amount <= MASK_96, "value too high"
    sums: uint256 = self._sums + amount + (1 << ENTRIES)
    self._sums = sums
    return sums >> ENTRIES


@internal
def _release(amount: uint256):
    """@notice Moves `amount` from open escrow to credit; `_owe` says whose credit it is."""
    self._sums = self._sums - amount + (amount << CREDIT)


@internal
def _owe(account: address, amount: uint256):
    if amount != 0:
        self._credit[account] += amount


@internal
def _pay_out(recipient: address):
    amount: uint256 = self._credit[msg.sender]
    assert amount != 0, "no credit"
    # The books are right before the ether leaves: a recipient that calls back finds nothing to take twice.
    self._credit[msg.sender] = 0
    self._sums -= amount << CREDIT
    log Withdrawn(account=msg.sender, recipient=recipient, amount=amount)
    raw_call(recipient, b"", value=amount)
