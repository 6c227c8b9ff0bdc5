# pragma version 0.4.3
# @license Apache-2.0
"""
@title NodeProfileRegistry
@notice The nodes that may claim jobs: their limits, their stakes, and the prices they offer.
@dev Stakes are here and escrow is in the coordinator: neither can pay for the other.
     Always: balance >= totalStake + slashedFunds.
"""

from modules import ownership

initializes: ownership
exports: (
    ownership.owner,
    ownership.pendingOwner,
    ownership.transferOwnership,
    ownership.acceptOwnership,
)

struct NodeProfile:
    maxRAM: uint256
    maxVRAM: uint256
    maxCPUPercent: uint256
    stake: uint256
    withdrawableAt: uint256
    registeredAt: uint256

event NodeRegistered:
    node: indexed(address)
    maxRAM: uint256
    maxVRAM: uint256
    maxCPUPercent: uint256
    stake: uint256

event NodeUpdated:
    node: indexed(address)
    maxRAM: uint256
    maxVRAM: uint256
    maxCPUPercent: uint256

event StakeAdded:
    node: indexed(address)
    amount: uint256
    stake: uint256

event OfferPosted:
    node: indexed(address)
    modelId: String[64]
    pricePromptToken: uint256
    priceCompletionToken: uint256

event OfferWithdrawn:
    node: indexed(address)
    modelId: String[64]

event NodeDeregistered:
    node: indexed(address)
    withdrawableAt: uint256

event StakeWithdrawn:
    node: indexed(address)
    amount: uint256

event NodeSlashed:
    node: indexed(address)
    amount: uint256
    reason: String[128]

MASK_32: constant(uint256) = 2**32 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_96: constant(uint256) = 2**96 - 1

minStake: public(immutable(uint256))
unbonding_s: public(immutable(uint256))

coordinator: public(address)
totalStake: public(uint256)
slashedFunds: public(uint256)
# maxRAM (32 bits) | maxVRAM (32) << 32 | maxCPUPercent (8) << 64 | withdrawableAt (40) << 72
# | registeredAt (40) << 112 | stake (96) << 152; a claim reads this one word. Zero: not registered.
_profiles: HashMap[address, uint256]
# pricePromptToken (96 bits) | priceCompletionToken (96) << 96 | registeredAt of its node (40) << 192:
# an offer ends with the registration under which it was made.
_offers: HashMap[address, HashMap[bytes32, uint256]]


@deploy
def __init__(minStake_: uint256, unbonding_s_: uint256):
    """
    @param minStake_ The least stake (wei) of a node that claims
    @param unbonding_s_ Seconds between leaving and taking the stake out, in which it can still be slashed
    """
    assert minStake_ <= MASK_96, "stake too high"
    assert unbonding_s_ <= MASK_32, "unbonding too long"
    ownership.__init__()
    minStake = minStake_
    unbonding_s = unbonding_s_


@external
def setCoordinator(coordinator: address):
    """@notice Names, once and for all, the only contract that may slash."""
    ownership._only_owner()
    assert self.coordinator == empty(address), "coordinator is set"
    assert coordinator != empty(address), "no coordinator"
    self.coordinator = coordinator


@external
@payable
def registerNode(maxRAM: uint256, maxVRAM: uint256, maxCPUPercent: uint256):
    """
    @notice Makes the caller a node, with the ether sent as its stake.
    @param maxRAM MiB of memory that jobs may use
    @param maxVRAM MiB of GPU memory that jobs may use
    @param maxCPUPercent Share of the CPU that jobs may use, 1 to 100
    """
    assert self._profiles[msg.sender] == 0, "node is registered"
    assert msg.value >= minStake, "stake too low"
    assert msg.value <= MASK_96, "stake too high"
    self._check_limits(maxRAM, maxVRAM, maxCPUPercent)
    self._store(
        msg.sender,
        NodeProfile(
            maxRAM=maxRAM,
            maxVRAM=maxVRAM,
            maxCPUPercent=maxCPUPercent,
            stake=msg.value,
            withdrawableAt=0,
            registeredAt=block.timestamp,
        ),
    )
    self.totalStake += msg.value
    log NodeRegistered(
        node=msg.sender, maxRAM=maxRAM, maxVRAM=maxVRAM, maxCPUPercent=maxCPUPercent, stake=msg.value
    )


@external
def updateNode(maxRAM: uint256, maxVRAM: uint256, maxCPUPercent: uint256):
    """@notice Replaces the caller's limits."""
    profile: NodeProfile = self._bonded(msg.sender)
    self._check_limits(maxRAM, maxVRAM, maxCPUPercent)
    profile.maxRAM = maxRAM
    profile.maxVRAM = maxVRAM
    profile.maxCPUPercent = maxCPUPercent
    self._store(msg.sender, profile)
    log NodeUpdated(node=msg.sender, maxRAM=maxRAM, maxVRAM=maxVRAM, maxCPUPercent=maxCPUPercent)


@external
@payable
def addStake():
    """@notice Adds the ether sent to the caller's stake."""
    profile: NodeProfile = self._bonded(msg.sender)
    profile.stake += msg.value
    assert profile.stake <= MASK_96, "stake too high"
    self._store(msg.sender, profile)
    self.totalStake += msg.value
    log StakeAdded(node=msg.sender, amount=msg.value, stake=profile.stake)


@external
def postOffer(modelId: String[64], pricePromptToken: uint256, priceCompletionToken: uint256):
    """@notice Offers to run a model at the caller's own prices (wei per token); jobs reserved for it snapshot them."""
    profile: NodeProfile = self._bonded(msg.sender)
    assert len(modelId) != 0, "empty model id"
    assert pricePromptToken <= MASK_96 and priceCompletionToken <= MASK_96, "price too high"
    self._offers[msg.sender][keccak256(modelId)] = (
        pricePromptToken | priceCompletionToken << 96 | profile.registeredAt << 192
    )
    log OfferPosted(
        node=msg.sender,
        modelId=modelId,
        pricePromptToken=pricePromptToken,
        priceCompletionToken=priceCompletionToken,
    )


@external
def withdrawOffer(modelId: String[64]):
    """@notice Takes an offer back; jobs that snapshot it keep its prices."""
    key: bytes32 = keccak256(modelId)
    assert self._offers[msg.sender][key] != 0, "no such offer"
    self._offers[msg.sender][key] = 0
    log OfferWithdrawn(node=msg.sender, modelId=modelId)


@external
def deregisterNode():
    """@notice The caller claims no more; its stake can be taken out after the unbonding delay."""
    profile: NodeProfile = self._bonded(msg.sender)
    profile.withdrawableAt = block.timestamp + unbonding_s
    self._store(msg.sender, profile)
    log NodeDeregistered(node=msg.sender, withdrawableAt=profile.withdrawableAt)


@external
def withdrawStake():
    """@notice Sends a node that has left its stake and forgets it."""
    profile: NodeProfile = self._profile(msg.sender)
    assert profile.withdrawableAt != 0, "deregister first"
    assert block.timestamp >= profile.withdrawableAt, "stake is unbonding"
    self._profiles[msg.sender] = 0
    self.totalStake -= profile.stake
    log StakeWithdrawn(node=msg.sender, amount=profile.stake)
    raw_call(msg.sender, b"", value=profile.stake)


@external
def slash(node: address, amount: uint256, reason: String[128]):
    """@notice Takes `amount`, or what there is, from a node's stake, while it is bonded or unbonding."""
    assert msg.sender == self.coordinator, "not the coordinator"
    profile: NodeProfile = self._profile(node)
    assert profile.registeredAt != 0, "not a node"
    taken: uint256 = min(amount, profile.stake)
    profile.stake -= taken
    self._store(node, profile)
    self.totalStake -= taken
    self.slashedFunds += taken
    log NodeSlashed(node=node, amount=taken, reason=reason)


@external
def withdrawSlashed(to: address):
    """@notice Sends what was slashed to an address of the owner's choice."""
    ownership._only_owner()
    assert to != empty(address), "no recipient"
    amount: uint256 = self.slashedFunds
    assert amount != 0, "nothing slashed"
    self.slashedFunds = 0
    raw_call(to, b"", value=amount)


@external
@view
def mayClaim(node: address) -> bool:
    """@notice Whether `node` is registered, not leaving, and staked enough."""
    profile: NodeProfile = self._profile(node)
    return profile.registeredAt != 0 and profile.withdrawableAt == 0 and profile.stake >= minStake


@external
@view
def nodeOf(node: address) -> NodeProfile:
    """@notice A node's profile; all zero if it is not registered."""
    return self._profile(node)


@external
@view
def offerOf(node: address, modelId: String[64]) -> (uint256, uint256, bool):
    """@return Price per prompt token, price per completion token (wei), and whether there is such an offer."""
    offer: uint256 = self._offers[node][keccak256(modelId)]
    if offer == 0 or offer >> 192 != self._profile(node).registeredAt:
        return 0, 0, False
    return offer & MASK_96, (offer >> 96) & MASK_96, True


@internal
@view
def _bonded(node: address) -> NodeProfile:
    profile: NodeProfile = self._profile(node)
    assert profile.registeredAt != 0, "not a node"
    assert profile.withdrawableAt == 0, "node is leaving"
    return profile


@internal
@view
def _profile(node: address) -> NodeProfile:
    word: uint256 = self._profiles[node]
    return NodeProfile(
        maxRAM=word & MASK_32,
        maxVRAM=(word >> 32) & MASK_32,
        maxCPUPercent=(word >> 64) & 255,
        stake=word >> 152,
        withdrawableAt=(word >> 72) & MASK_40,
        registeredAt=(word >> 112) & MASK_40,
    )


@internal
def _store(node: address, profile: NodeProfile):
    self._profiles[node] = (
        profile.maxRAM
        | profile.maxVRAM << 32
        | profile.maxCPUPercent << 64
        | profile.withdrawableAt << 72
        | profile.registeredAt << 112
        | profile.stake << 152
    )


@internal
@pure
def _check_limits(maxRAM: uint256, maxVRAM: uint256, maxCPUPercent: uint256):
    assert maxRAM <= MASK_32, "maxRAM too high"
    assert maxVRAM <= MASK_32, "maxVRAM too high"
    assert maxCPUPercent >= 1 and maxCPUPercent <= 100, "maxCPUPercent not in 1..100"
