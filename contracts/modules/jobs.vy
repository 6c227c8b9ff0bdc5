# pragma version 0.4.3
# @license Apache-2.0
"""
@title The coordinator's jobs as they are stored
@notice A job goes open -> claimed -> answered -> settled; an open one can be cancelled, an overdue one expired.
@dev Seven words hold most jobs. Times are Unix seconds and inclusive: a lease until t still holds in a block of time t.
"""

struct Order:
    # controller (160 bits) | escrow (96) << 160
    paid: uint256
    # maxTokens (32 bits) | pricePromptToken (96) << 32 | priceCompletionToken (96) << 128: the circuit's `terms`,
    # | model version (16) << 224 | verifier version (16) << 240
    terms: uint256
    # worker (160 bits) | until (40) << 160 | deadline (40) << 200 | status (8) << 240
    holding: uint256
    modelKey: bytes32
    promptCID: String[128]
    # zero: the controller
    refundTo: address
    # keccak256 of the response CID, once it was given without a proof
    responseDigest: bytes32

# Who has a job and until when: it is reserved for them (open), leased to them (claimed), they owe its receipt
# (answered). A closed job keeps the worker that answered or let it expire.
struct Holding:
    worker: address
    until: uint256
    deadline: uint256
    status: uint256

OPEN: constant(uint256) = 1
CLAIMED: constant(uint256) = 2
ANSWERED: constant(uint256) = 3
SETTLED: constant(uint256) = 4
CANCELLED: constant(uint256) = 5
EXPIRED: constant(uint256) = 6

MASK_16: constant(uint256) = 2**16 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_160: constant(uint256) = 2**160 - 1
MASK_224: constant(uint256) = 2**224 - 1

_orders: HashMap[uint256, Order]


@internal
@view
def _holding(jobId: uint256) -> Holding:
    """@notice A job that does not exist has status zero."""
    word: uint256 = self._orders[jobId].holding
    return Holding(
        worker=convert(word & MASK_160, address),
        until=(word >> 160) & MASK_40,
        deadline=(word >> 200) & MASK_40,
        status=word >> 240,
    )


@internal
def _hold(jobId: uint256, holding: Holding):
    self._orders[jobId].holding = (
        convert(holding.worker, uint256) | holding.until << 160 | holding.deadline << 200 | holding.status << 240
    )


@internal
@view
def _is_free(holding: Holding) -> bool:
    """@notice Whether nobody holds the job: a lease that ran out frees it without a transaction of its own."""
    return holding.status == OPEN or (holding.status == CLAIMED and block.timestamp > holding.until)


@internal
@view
def _is_reserved_from(holding: Holding, node: address) -> bool:
    """@notice Whether a free job waits for somebody other than `node`."""
    if holding.status != OPEN or holding.worker == empty(address):
        return False
    return holding.worker != node and block.timestamp <= holding.until


@internal
@view
def _owes_receipt(holding: Holding, worker: address) -> bool:
    """@notice Whether `worker` may prove its answer to the job now."""
    if holding.status != CLAIMED and holding.status != ANSWERED:
        return False
    return holding.worker == worker and block.timestamp <= holding.until


@internal
@view
def _escrow(jobId: uint256) -> uint256:
    return self._orders[jobId].paid >> 160


@internal
@view
def _controller(jobId: uint256) -> address:
    """@notice Who ordered the job; the zero address if there is none."""
    return convert(self._orders[jobId].paid & MASK_160, address)


@internal
@view
def _refund_to(jobId: uint256) -> address:
    recipient: address = self._orders[jobId].refundTo
    return recipient if recipient != empty(address) else self._controller(jobId)


@internal
@view
def _circuit_terms(jobId: uint256) -> uint256:
    return self._orders[jobId].terms & MASK_224


@internal
@view
def _model_version(jobId: uint256) -> uint256:
    return (self._orders[jobId].terms >> 224) & MASK_16


@internal
@view
def _verifier_version(jobId: uint256) -> uint256:
    return self._orders[jobId].terms >> 240
