# pragma version 0.4.3
# @license Apache-2.0
"""
@title InferenceCoordinator
@notice Takes orders for inference with their escrow, leases them to nodes, and pays for answers that come with a proof.
@dev A job goes open -> claimed -> answered -> settled; an open one can be cancelled, an overdue one expired.
     Every way out of open escrow ends in credit that its owner withdraws, so that nobody else's transfer can block it.
     Times are Unix seconds and inclusive: a lease until t still holds in a block of time t.
     Orders by voucher have no job here before they are settled; they will be a module beside `books`.
"""

from modules import books
from modules import ownership
from modules import verification

initializes: books
initializes: ownership
initializes: verification
exports: (
    books.creditOf,
    books.openEscrow,
    books.totalCredit,
    books.withdraw,
    books.withdrawTo,
    ownership.owner,
    ownership.pendingOwner,
    ownership.transferOwnership,
    ownership.acceptOwnership,
    verification.currentVerifier,
    verification.verifiers,
    verification.verifierVersion,
)

interface Models:
    def modelTerms(modelId: String[64]) -> ModelTerms: view
    def modelIdOf(modelCID: String[128]) -> String[64]: view
    def modelAt(modelKey: bytes32, version: uint256) -> (String[64], String[128]): view

interface Nodes:
    def mayClaim(node: address) -> bool: view
    def offerOf(node: address, modelId: String[64]) -> (uint256, uint256, bool): view
    def slash(node: address, amount: uint256, reason: String[128]): nonpayable

struct ModelTerms:
    modelCID: String[128]
    version: uint256
    pricePromptToken: uint256
    priceCompletionToken: uint256
    maxTokens: uint256
    isActive: bool

struct Settlement:
    jobId: uint256
    responseCID: String[128]
    amount: uint256
    commitment: uint256
    proof: uint256[8]

# A job as callers see it. `worker`, `leaseUntil`, `receiptDeadline`, `reservedFor` and `reservedUntil` are zero where
# the job's status gives them no meaning; a reservation ends with the first claim.
struct Job:
    controller: address
    refundTo: address
    status: uint256
    modelId: String[64]
    modelCID: String[128]
    promptCID: String[128]
    responseDigest: bytes32
    worker: address
    leaseUntil: uint256
    receiptDeadline: uint256
    reservedFor: address
    reservedUntil: uint256
    deadline: uint256
    escrow: uint256
    maxTokens: uint256
    pricePromptToken: uint256
    priceCompletionToken: uint256
    verifierVersion: uint256

# A job as it is stored, in seven words for most.
struct Order:
    # controller (160 bits) | escrow (96) << 160
    paid: uint256
    # circuit terms (224 bits) | model version (16) << 224 | verifier version (16) << 240
    terms: uint256
    # see Holding
    holding: uint256
    modelKey: bytes32
    promptCID: String[128]
    # zero: the controller
    refundTo: address
    # keccak256 of the response CID, once it was given without a proof
    responseDigest: bytes32

# Who has a job, in which sense and until when: reserved (open), leased (claimed), owing a receipt (answered).
# worker (160 bits) | until (40) << 160 | deadline (40) << 200 | status (8) << 240
struct Holding:
    worker: address
    until: uint256
    deadline: uint256
    status: uint256

event InferenceRequested:
    jobId: indexed(uint256)
    controller: indexed(address)
    promptCID: String[128]
    modelId: String[64]
    modelCID: String[128]

event JobTermsFixed:
    jobId: indexed(uint256)
    refundTo: address
    reservedFor: address
    reservedUntil: uint256
    escrow: uint256
    maxTokens: uint256
    pricePromptToken: uint256
    priceCompletionToken: uint256
    deadline: uint256
    verifierVersion: uint256

event JobClaimed:
    jobId: indexed(uint256)
    worker: indexed(address)
    leaseUntil: uint256

event LeaseExpired:
    jobId: indexed(uint256)
    worker: indexed(address)

event InferenceCompleted:
    jobId: indexed(uint256)
    worker: indexed(address)
    responseCID: String[128]

event ReceiptDue:
    jobId: indexed(uint256)
    worker: indexed(address)
    receiptDeadline: uint256

event JobCancelled:
    jobId: indexed(uint256)
    controller: indexed(address)
    refund: uint256

event JobExpired:
    jobId: indexed(uint256)
    worker: indexed(address)
    refund: uint256

event ReceiptAccepted:
    jobId: indexed(uint256)
    worker: indexed(address)
    jobKey: indexed(uint256)
    promptCID: String[128]
    responseCID: String[128]
    modelId: String[64]
    modelCID: String[128]
    terms: uint256
    amount: uint256
    refund: uint256
    commitment: uint256
    verifierVersion: uint256

event ReceiptSkipped:
    jobId: indexed(uint256)
    worker: indexed(address)
    status: uint256

OPEN: constant(uint256) = 1
CLAIMED: constant(uint256) = 2
ANSWERED: constant(uint256) = 3
SETTLED: constant(uint256) = 4
CANCELLED: constant(uint256) = 5
EXPIRED: constant(uint256) = 6

BATCH_MAX: constant(uint256) = 32
MASK_16: constant(uint256) = 2**16 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_160: constant(uint256) = 2**160 - 1
MASK_224: constant(uint256) = 2**224 - 1
# No period may pass this, so that no sum of times leaves its 40 bits.
PERIOD_MAX_S: constant(uint256) = 365 * 24 * 3600

models: public(immutable(address))
nodes: public(immutable(address))
lease_s: public(immutable(uint256))
receipt_window_s: public(immutable(uint256))
order_lifetime_s: public(immutable(uint256))

arbiter: public(address)
_orders: HashMap[uint256, Order]


@deploy
def __init__(
    models_: address,
    nodes_: address,
    verifier: address,
    lease_s_: uint256,
    receipt_window_s_: uint256,
    order_lifetime_s_: uint256,
):
    """
    @param lease_s_ Seconds that a claim holds
    @param receipt_window_s_ Seconds from an answer without a proof to the refund
    @param order_lifetime_s_ Seconds from an order to its deadline, at most and unless it names an earlier one
    """
    for period: uint256 in [lease_s_, receipt_window_s_, order_lifetime_s_]:
        assert period != 0 and period <= PERIOD_MAX_S, "period not in 1 s..365 days"
    ownership.__init__()
    models = models_
    nodes = nodes_
    lease_s = lease_s_
    receipt_window_s = receipt_window_s_
    order_lifetime_s = order_lifetime_s_
    verification._add(verifier)


# Orders


@external
@payable
def submitPrompt(promptCID: String[128], modelId: String[64]) -> uint256:
    """@notice Orders as many completion tokens as the ether sent affords and the model allows, for anyone to claim."""
    return self._order(promptCID, modelId, 0, 0, msg.sender, empty(address), 0)


@external
@payable
def submitPromptWithCID(promptCID: String[128], modelCID: String[128]) -> uint256:
    """@notice The same, by what a registered model contains now."""
    modelId: String[64] = staticcall Models(models).modelIdOf(modelCID)
    return self._order(promptCID, modelId, 0, 0, msg.sender, empty(address), 0)


@external
@payable
def submitOrder(
    promptCID: String[128],
    modelId: String[64],
    maxTokens: uint256,
    deadline: uint256,
    refundTo: address,
    reservedFor: address,
    reservedUntil: uint256,
) -> uint256:
    """
    @notice Orders with every term named.
    @param maxTokens The most completion tokens; 0: what the ether sent affords and the model allows
    @param deadline When an unanswered job is overdue (Unix seconds); 0: after the usual lifetime
    @param refundTo Who is credited what the job does not cost; the zero address: the caller
    @param reservedFor The only node that may claim until `reservedUntil`, at its own offer; the zero address: anyone
    @return The job's id
    """
    return self._order(promptCID, modelId, maxTokens, deadline, refundTo, reservedFor, reservedUntil)


@external
def cancel(jobId: uint256):
    """@notice The controller takes back a job that nobody holds."""
    controller: address = convert(self._orders[jobId].paid & MASK_160, address)
    assert controller != empty(address), "no such job"
    assert msg.sender == controller, "not the controller"
    holding: Holding = self._holding(jobId)
    assert self._is_free(holding), "job is not open"
    self._end_lease(jobId, holding)
    log JobCancelled(jobId=jobId, controller=controller, refund=self._close_unpaid(jobId, holding, CANCELLED))


@external
def expire(jobId: uint256):
    """@notice Anyone refunds a job that is past its deadline unanswered, or past its receipt deadline unproven."""
    holding: Holding = self._holding(jobId)
    assert holding.status != 0, "no such job"
    assert holding.status <= ANSWERED, "job is closed"
    overdue: uint256 = holding.until if holding.status == ANSWERED else holding.deadline
    assert block.timestamp > overdue, "job is not overdue"
    worker: address = empty(address) if holding.status == OPEN else holding.worker
    self._end_lease(jobId, holding)
    log JobExpired(jobId=jobId, worker=worker, refund=self._close_unpaid(jobId, holding, EXPIRED))


# Work


@external
def claim(jobId: uint256):
    """@notice Leases a free job to the calling node."""
    assert staticcall Nodes(nodes).mayClaim(msg.sender), "node may not claim"
    holding: Holding = self._holding(jobId)
    assert holding.status != 0, "no such job"
    assert self._is_free(holding), "job is not open"
    assert block.timestamp < holding.deadline, "job is overdue"
    assert not self._is_reserved_from(holding, msg.sender), "job is reserved"
    self._lease(jobId, holding)


@external
def claimJobs(jobIds: DynArray[uint256, BATCH_MAX]):
    """@notice Leases those of the jobs to the calling node that it could claim one by one, and skips the others."""
    assert staticcall Nodes(nodes).mayClaim(msg.sender), "node may not claim"
    for jobId: uint256 in jobIds:
        holding: Holding = self._holding(jobId)
        if not self._is_free(holding) or block.timestamp >= holding.deadline:
            continue
        if not self._is_reserved_from(holding, msg.sender):
            self._lease(jobId, holding)


@external
def submitResponse(jobId: uint256, responseCID: String[128]):
    """@notice The claimant answers first and proves later; an answer that stays unproven is not paid."""
    assert len(responseCID) != 0, "empty response CID"
    holding: Holding = self._holding(jobId)
    assert holding.status != 0, "no such job"
    assert holding.status == CLAIMED, "job is not claimed"
    assert holding.worker == msg.sender, "not the claimant"
    assert block.timestamp <= holding.until, "lease has run out"
    holding.status = ANSWERED
    holding.until = block.timestamp + receipt_window_s
    self._hold(jobId, holding)
    self._orders[jobId].responseDigest = keccak256(responseCID)
    log InferenceCompleted(jobId=jobId, worker=msg.sender, responseCID=responseCID)
    log ReceiptDue(jobId=jobId, worker=msg.sender, receiptDeadline=holding.until)


@external
def submitReceipt(
    jobId: uint256, responseCID: String[128], amount: uint256, commitment: uint256, proof: uint256[8]
):
    """
    @notice The claimant proves that the answer costs `amount`, is credited with it, and the rest is refunded.
    @param commitment Poseidon hash of what the receipt says and does not show
    @param proof Groth16 proof over (jobKey, terms, amount, commitment)
    """
    holding: Holding = self._holding(jobId)
    assert holding.status != 0, "no such job"
    assert holding.status == CLAIMED or holding.status == ANSWERED, "job is not claimed"
    assert holding.worker == msg.sender, "not the claimant"
    assert block.timestamp <= holding.until, "lease has run out"
    inputs: uint256[4] = self._settle(jobId, holding, responseCID, amount, commitment)
    books._owe(msg.sender, amount)
    verification._check(self._orders[jobId].terms >> 240, proof, inputs)


@external
def submitReceipts(settlements: DynArray[Settlement, BATCH_MAX]):
    """
    @notice Settles many jobs of the calling node at once, for about a quarter of the gas each.
    @dev A job that is not open to the caller (any more) is skipped, as the caller may have lost a race since it
         screened the batch; a proof that does not verify reverts the whole batch.
    """
    proofs: DynArray[uint256[8], BATCH_MAX] = []
    inputs: DynArray[uint256[4], BATCH_MAX] = []
    version: uint256 = 0
    earned: uint256 = 0
    for entry: Settlement in settlements:
        holding: Holding = self._holding(entry.jobId)
        if not self._owes_receipt(holding, msg.sender):
            log ReceiptSkipped(jobId=entry.jobId, worker=msg.sender, status=holding.status)
            continue
        public_inputs: uint256[4] = self._settle(
            entry.jobId, holding, entry.responseCID, entry.amount, entry.commitment
        )
        earned += entry.amount
        bound_to: uint256 = self._orders[entry.jobId].terms >> 240
        if version == 0:
            version = bound_to
        if bound_to == version:
            proofs.append(entry.proof)
            inputs.append(public_inputs)
        else:
            # The few jobs around a change of verifier: one by one.
            verification._check(bound_to, entry.proof, public_inputs)
    books._owe(msg.sender, earned)
    if len(proofs) == 1:
        verification._check(version, proofs[0], inputs[0])
    elif len(proofs) != 0:
        verification._check_all(version, proofs, inputs)


# Governance


@external
def slash(node: address, amount: uint256, reason: String[128]):
    """@notice The owner or the arbiter takes from a node's stake."""
    assert msg.sender == ownership.owner or msg.sender == self.arbiter, "not the arbiter"
    extcall Nodes(nodes).slash(node, amount, reason)


@external
def setArbiter(arbiter: address):
    """@notice Names who may slash beside the owner; the zero address: nobody."""
    ownership._only_owner()
    self.arbiter = arbiter


@external
def addVerifier(verifier: address):
    """@notice Binds new jobs to another circuit or key; jobs that exist keep theirs."""
    ownership._only_owner()
    verification._add(verifier)


# Views


@external
@view
def jobCount() -> uint256:
    """@notice The number of jobs, and the id of the newest."""
    return books._entries()


@external
@view
def jobOf(jobId: uint256) -> Job:
    """@notice All that is known of a job; reverts if there is none."""
    order: Order = self._orders[jobId]
    assert order.paid != 0, "no such job"
    holding: Holding = self._holding(jobId)
    modelId: String[64] = ""
    modelCID: String[128] = ""
    modelId, modelCID = staticcall Models(models).modelAt(order.modelKey, (order.terms >> 224) & MASK_16)
    controller: address = convert(order.paid & MASK_160, address)
    job: Job = Job(
        controller=controller,
        refundTo=order.refundTo if order.refundTo != empty(address) else controller,
        status=holding.status,
        modelId=modelId,
        modelCID=modelCID,
        promptCID=order.promptCID,
        responseDigest=order.responseDigest,
        worker=empty(address),
        leaseUntil=0,
        receiptDeadline=0,
        reservedFor=empty(address),
        reservedUntil=0,
        deadline=holding.deadline,
        escrow=order.paid >> 160,
        maxTokens=order.terms & MASK_32,
        pricePromptToken=(order.terms >> 32) & MASK_96,
        priceCompletionToken=(order.terms >> 128) & MASK_96,
        verifierVersion=order.terms >> 240,
    )
    if holding.status == OPEN:
        job.reservedFor = holding.worker
        job.reservedUntil = holding.until
    else:
        job.worker = holding.worker
    if holding.status == CLAIMED:
        job.leaseUntil = holding.until
    if holding.status == ANSWERED:
        job.receiptDeadline = holding.until
    return job


@external
@view
def termsOf(jobId: uint256) -> uint256:
    """@notice The public input `terms`: maxTokens | pricePromptToken << 32 | priceCompletionToken << 128."""
    assert self._orders[jobId].paid != 0, "no such job"
    return self._orders[jobId].terms & MASK_224


@external
@view
def jobKey(jobId: uint256, worker: address, responseCID: String[128]) -> uint256:
    """@notice The public input `jobKey`, which binds a proof to chain, coordinator, job, worker and answer."""
    return self._job_key(jobId, worker, responseCID)


# Rules


@internal
@payable
def _order(
    promptCID: String[128],
    modelId: String[64],
    maxTokens: uint256,
    deadline: uint256,
    refundTo: address,
    reservedFor: address,
    reservedUntil: uint256,
) -> uint256:
    assert len(promptCID) != 0, "empty prompt CID"
    model: ModelTerms = staticcall Models(models).modelTerms(modelId)
    assert model.isActive, "model is not active"
    latest: uint256 = block.timestamp + order_lifetime_s
    due: uint256 = deadline if deadline != 0 else latest
    assert due > block.timestamp and due <= latest, "deadline out of range"
    if reservedFor != empty(address):
        assert reservedUntil > block.timestamp and reservedUntil <= due, "reservation out of range"
        assert staticcall Nodes(nodes).mayClaim(reservedFor), "reserved for a node that may not claim"
        exists: bool = False
        model.pricePromptToken, model.priceCompletionToken, exists = staticcall Nodes(nodes).offerOf(
            reservedFor, modelId
        )
        assert exists, "no such offer"
    else:
        assert reservedUntil == 0, "reserved for nobody"
    tokens: uint256 = self._afforded(maxTokens, model)
    version: uint256 = verification.verifierVersion
    jobId: uint256 = books._enter(msg.value)
    self._orders[jobId].paid = convert(msg.sender, uint256) | msg.value << 160
    self._orders[jobId].terms = (
        tokens
        | model.pricePromptToken << 32
        | model.priceCompletionToken << 128
        | model.version << 224
        | version << 240
    )
    self._orders[jobId].modelKey = keccak256(modelId)
    self._orders[jobId].promptCID = promptCID
    refunded: address = refundTo if refundTo != empty(address) else msg.sender
    if refunded != msg.sender:
        self._orders[jobId].refundTo = refunded
    self._hold(jobId, Holding(worker=reservedFor, until=reservedUntil, deadline=due, status=OPEN))
    log InferenceRequested(
        jobId=jobId, controller=msg.sender, promptCID=promptCID, modelId=modelId, modelCID=model.modelCID
    )
    log JobTermsFixed(
        jobId=jobId,
        refundTo=refunded,
        reservedFor=reservedFor,
        reservedUntil=reservedUntil,
        escrow=msg.value,
        maxTokens=tokens,
        pricePromptToken=model.pricePromptToken,
        priceCompletionToken=model.priceCompletionToken,
        deadline=due,
        verifierVersion=version,
    )
    return jobId


@internal
@payable
def _afforded(wanted: uint256, model: ModelTerms) -> uint256:
    """@notice The most completion tokens of an order: what it wants, or else what its ether affords."""
    assert wanted <= model.maxTokens, "more tokens than the model allows"
    afforded: uint256 = model.maxTokens
    if model.priceCompletionToken != 0:
        afforded = min(afforded, msg.value // model.priceCompletionToken)
    assert afforded != 0 and afforded >= wanted, "too little value"
    return wanted if wanted != 0 else afforded


@internal
def _lease(jobId: uint256, holding: Holding):
    self._end_lease(jobId, holding)
    until: uint256 = min(block.timestamp + lease_s, holding.deadline)
    self._hold(jobId, Holding(worker=msg.sender, until=until, deadline=holding.deadline, status=CLAIMED))
    log JobClaimed(jobId=jobId, worker=msg.sender, leaseUntil=until)


@internal
def _end_lease(jobId: uint256, holding: Holding):
    """@notice Says that a lease ran out, at the moment somebody else makes use of it."""
    if holding.status == CLAIMED:
        log LeaseExpired(jobId=jobId, worker=holding.worker)


@internal
def _settle(
    jobId: uint256, holding: Holding, responseCID: String[128], amount: uint256, commitment: uint256
) -> uint256[4]:
    """
    @notice Closes a job as paid and refunds the rest; the caller credits the worker and checks the proof.
    @return The public inputs that the proof must be about; only amount and commitment are the worker's word
    """
    paid: uint256 = self._orders[jobId].paid
    escrow: uint256 = paid >> 160
    assert amount <= escrow, "amount above escrow"
    if holding.status == ANSWERED:
        assert keccak256(responseCID) == self._orders[jobId].responseDigest, "not the response given"
    else:
        assert len(responseCID) != 0, "empty response CID"
        log InferenceCompleted(jobId=jobId, worker=msg.sender, responseCID=responseCID)
    self._close(jobId, holding, SETTLED)
    books._release(escrow)
    self._refund(jobId, paid, escrow - amount)
    word: uint256 = self._orders[jobId].terms
    key: uint256 = self._job_key(jobId, msg.sender, responseCID)
    modelId: String[64] = ""
    modelCID: String[128] = ""
    modelId, modelCID = staticcall Models(models).modelAt(self._orders[jobId].modelKey, (word >> 224) & MASK_16)
    log ReceiptAccepted(
        jobId=jobId,
        worker=msg.sender,
        jobKey=key,
        promptCID=self._orders[jobId].promptCID,
        responseCID=responseCID,
        modelId=modelId,
        modelCID=modelCID,
        terms=word & MASK_224,
        amount=amount,
        refund=escrow - amount,
        commitment=commitment,
        verifierVersion=word >> 240,
    )
    return [key, word & MASK_224, amount, commitment]


@internal
def _close_unpaid(jobId: uint256, holding: Holding, status: uint256) -> uint256:
    paid: uint256 = self._orders[jobId].paid
    self._close(jobId, holding, status)
    books._release(paid >> 160)
    self._refund(jobId, paid, paid >> 160)
    return paid >> 160


@internal
def _close(jobId: uint256, holding: Holding, status: uint256):
    worker: address = empty(address) if holding.status == OPEN else holding.worker
    self._hold(jobId, Holding(worker=worker, until=0, deadline=holding.deadline, status=status))


@internal
def _refund(jobId: uint256, paid: uint256, amount: uint256):
    if amount == 0:
        return
    recipient: address = self._orders[jobId].refundTo
    if recipient == empty(address):
        recipient = convert(paid & MASK_160, address)
    books._owe(recipient, amount)


@internal
@view
def _is_free(holding: Holding) -> bool:
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
    if holding.status != CLAIMED and holding.status != ANSWERED:
        return False
    return holding.worker == worker and block.timestamp <= holding.until


@internal
@view
def _job_key(jobId: uint256, worker: address, responseCID: String[128]) -> uint256:
    digest: bytes32 = keccak256(abi_encode(chain.id, self, jobId, worker, keccak256(responseCID)))
    # 248 bits: below the field's modulus whatever the hash.
    return convert(digest, uint256) >> 8


@internal
@view
def _holding(jobId: uint256) -> Holding:
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
