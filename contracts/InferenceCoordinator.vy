# pragma version 0.4.3
# @license Apache-2.0
"""
@title InferenceCoordinator
@notice Takes orders for inference with their escrow, leases them to nodes, and pays for answers that come with a proof.
@dev Every way out of open escrow ends in credit that its owner withdraws, so that nobody else's transfer can block it.
     Orders by voucher have no job here before they are settled; they will be a module beside `books`.
"""

from modules import books
from modules import events
from modules import jobs
from modules import ownership
from modules import verification

initializes: books
initializes: jobs
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

BATCH_MAX: constant(uint256) = 32
# No period may pass this, so that no sum of times leaves its 40 bits.
PERIOD_MAX_S: constant(uint256) = 365 * 24 * 3600

models: public(immutable(address))
nodes: public(immutable(address))
lease_s: public(immutable(uint256))
receipt_window_s: public(immutable(uint256))
order_lifetime_s: public(immutable(uint256))

arbiter: public(address)


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
    controller: address = jobs._controller(jobId)
    assert controller != empty(address), "no such job"
    assert msg.sender == controller, "not the controller"
    holding: jobs.Holding = jobs._holding(jobId)
    assert jobs._is_free(holding), "job is not open"
    self._end_lease(jobId, holding)
    refund: uint256 = self._close_unpaid(jobId, holding, jobs.CANCELLED)
    log events.JobCancelled(jobId=jobId, controller=controller, refund=refund)


@external
def expire(jobId: uint256):
    """@notice Anyone refunds a job that is past its deadline unanswered, or past its receipt deadline unproven."""
    holding: jobs.Holding = jobs._holding(jobId)
    assert holding.status != 0, "no such job"
    assert holding.status <= jobs.ANSWERED, "job is closed"
    overdue: uint256 = holding.until if holding.status == jobs.ANSWERED else holding.deadline
    assert block.timestamp > overdue, "job is not overdue"
    worker: address = empty(address) if holding.status == jobs.OPEN else holding.worker
    self._end_lease(jobId, holding)
    refund: uint256 = self._close_unpaid(jobId, holding, jobs.EXPIRED)
    log events.JobExpired(jobId=jobId, worker=worker, refund=refund)


# Work


@external
def claim(jobId: uint256):
    """@notice Leases a free job to the calling node."""
    assert staticcall Nodes(nodes).mayClaim(msg.sender), "node may not claim"
    holding: jobs.Holding = jobs._holding(jobId)
    assert holding.status != 0, "no such job"
    assert jobs._is_free(holding), "job is not open"
    assert block.timestamp < holding.deadline, "job is overdue"
    assert not jobs._is_reserved_from(holding, msg.sender), "job is reserved"
    self._lease(jobId, holding)


@external
def claimJobs(jobIds: DynArray[uint256, BATCH_MAX]):
    """@notice Leases those of the jobs to the calling node that it could claim one by one, and skips the others."""
    assert staticcall Nodes(nodes).mayClaim(msg.sender), "node may not claim"
    for jobId: uint256 in jobIds:
        holding: jobs.Holding = jobs._holding(jobId)
        if not jobs._is_free(holding) or block.timestamp >= holding.deadline:
            continue
        if not jobs._is_reserved_from(holding, msg.sender):
            self._lease(jobId, holding)


@external
def submitResponse(jobId: uint256, responseCID: String[128]):
    """@notice The claimant answers first and proves later; an answer that stays unproven is not paid."""
    assert len(responseCID) != 0, "empty response CID"
    holding: jobs.Holding = jobs._holding(jobId)
    assert holding.status != 0, "no such job"
    assert holding.status == jobs.CLAIMED, "job is not claimed"
    assert holding.worker == msg.sender, "not the claimant"
    assert block.timestamp <= holding.until, "lease has run out"
    holding.status = jobs.ANSWERED
    holding.until = block.timestamp + receipt_window_s
    jobs._hold(jobId, holding)
    jobs._orders[jobId].responseDigest = keccak256(responseCID)
    log events.InferenceCompleted(jobId=jobId, worker=msg.sender, responseCID=responseCID)
    log events.ReceiptDue(jobId=jobId, worker=msg.sender, receiptDeadline=holding.until)


@external
def submitReceipt(
    jobId: uint256, responseCID: String[128], amount: uint256, commitment: uint256, proof: uint256[8]
):
    """
    @notice The claimant proves that the answer costs `amount`, is credited with it, and the rest is refunded.
    @param commitment Poseidon hash of what the receipt says and does not show
    @param proof Groth16 proof over (jobKey, terms, amount, commitment)
    """
    holding: jobs.Holding = jobs._holding(jobId)
    assert holding.status != 0, "no such job"
    assert holding.status == jobs.CLAIMED or holding.status == jobs.ANSWERED, "job is not claimed"
    assert holding.worker == msg.sender, "not the claimant"
    assert block.timestamp <= holding.until, "lease has run out"
    inputs: uint256[4] = self._settle(jobId, holding, responseCID, amount, commitment)
    books._owe(msg.sender, amount)
    verification._check(jobs._verifier_version(jobId), proof, inputs)


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
        holding: jobs.Holding = jobs._holding(entry.jobId)
        assert holding.status != 0, "no such job"
        if not jobs._owes_receipt(holding, msg.sender):
            log events.ReceiptSkipped(jobId=entry.jobId, worker=msg.sender, status=holding.status)
            continue
        public_inputs: uint256[4] = self._settle(
            entry.jobId, holding, entry.responseCID, entry.amount, entry.commitment
        )
        earned += entry.amount
        bound_to: uint256 = jobs._verifier_version(entry.jobId)
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
    controller: address = jobs._controller(jobId)
    assert controller != empty(address), "no such job"
    holding: jobs.Holding = jobs._holding(jobId)
    modelId: String[64] = ""
    modelCID: String[128] = ""
    modelId, modelCID = self._model_of(jobId)
    terms: uint256 = jobs._circuit_terms(jobId)
    job: Job = Job(
        controller=controller,
        refundTo=jobs._refund_to(jobId),
        status=holding.status,
        modelId=modelId,
        modelCID=modelCID,
        promptCID=jobs._orders[jobId].promptCID,
        responseDigest=jobs._orders[jobId].responseDigest,
        worker=empty(address),
        leaseUntil=0,
        receiptDeadline=0,
        reservedFor=empty(address),
        reservedUntil=0,
        deadline=holding.deadline,
        escrow=jobs._escrow(jobId),
        maxTokens=terms & jobs.MASK_32,
        pricePromptToken=(terms >> 32) & jobs.MASK_96,
        priceCompletionToken=terms >> 128,
        verifierVersion=jobs._verifier_version(jobId),
    )
    if holding.status == jobs.OPEN:
        job.reservedFor = holding.worker
        job.reservedUntil = holding.until
    else:
        job.worker = holding.worker
    if holding.status == jobs.CLAIMED:
        job.leaseUntil = holding.until
    if holding.status == jobs.ANSWERED:
        job.receiptDeadline = holding.until
    return job


@external
@view
def termsOf(jobId: uint256) -> uint256:
    """@notice The public input `terms`: maxTokens | pricePromptToken << 32 | priceCompletionToken << 128."""
    assert jobs._controller(jobId) != empty(address), "no such job"
    return jobs._circuit_terms(jobId)


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
    jobs._orders[jobId].paid = convert(msg.sender, uint256) | msg.value << 160
    jobs._orders[jobId].terms = (
        tokens
        | model.pricePromptToken << 32
        | model.priceCompletionToken << 128
        | model.version << 224
        | version << 240
    )
    jobs._orders[jobId].modelKey = keccak256(modelId)
    jobs._orders[jobId].promptCID = promptCID
    refunded: address = refundTo if refundTo != empty(address) else msg.sender
    assert refunded != self, "refund to the coordinator"
    if refunded != msg.sender:
        jobs._orders[jobId].refundTo = refunded
    jobs._hold(jobId, jobs.Holding(worker=reservedFor, until=reservedUntil, deadline=due, status=jobs.OPEN))
    log events.InferenceRequested(
        jobId=jobId, controller=msg.sender, promptCID=promptCID, modelId=modelId, modelCID=model.modelCID
    )
    log events.JobTermsFixed(
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
def _lease(jobId: uint256, holding: jobs.Holding):
    self._end_lease(jobId, holding)
    until: uint256 = min(block.timestamp + lease_s, holding.deadline)
    jobs._hold(jobId, jobs.Holding(worker=msg.sender, until=until, deadline=holding.deadline, status=jobs.CLAIMED))
    log events.JobClaimed(jobId=jobId, worker=msg.sender, leaseUntil=until)


@internal
def _end_lease(jobId: uint256, holding: jobs.Holding):
    """@notice Says that a lease ran out, at the moment somebody else makes use of it."""
    if holding.status == jobs.CLAIMED:
        log events.LeaseExpired(jobId=jobId, worker=holding.worker)


@internal
def _settle(
    jobId: uint256, holding: jobs.Holding, responseCID: String[128], amount: uint256, commitment: uint256
) -> uint256[4]:
    """
    @notice Closes a job as paid and refunds the rest; the caller credits the worker and checks the proof.
    @return The public inputs that the proof must be about; only amount and commitment are the worker's word
    """
    escrow: uint256 = jobs._escrow(jobId)
    assert amount <= escrow, "amount above escrow"
    if holding.status == jobs.ANSWERED:
        assert keccak256(responseCID) == jobs._orders[jobId].responseDigest, "not the response given"
    else:
        assert len(responseCID) != 0, "empty response CID"
        log events.InferenceCompleted(jobId=jobId, worker=msg.sender, responseCID=responseCID)
    self._close(jobId, holding, jobs.SETTLED)
    books._release(escrow)
    books._owe(jobs._refund_to(jobId), escrow - amount)
    terms: uint256 = jobs._circuit_terms(jobId)
    key: uint256 = self._job_key(jobId, msg.sender, responseCID)
    modelId: String[64] = ""
    modelCID: String[128] = ""
    modelId, modelCID = self._model_of(jobId)
    log events.ReceiptAccepted(
        jobId=jobId,
        worker=msg.sender,
        jobKey=key,
        promptCID=jobs._orders[jobId].promptCID,
        responseCID=responseCID,
        modelId=modelId,
        modelCID=modelCID,
        terms=terms,
        amount=amount,
        refund=escrow - amount,
        commitment=commitment,
        verifierVersion=jobs._verifier_version(jobId),
    )
    return [key, terms, amount, commitment]


@internal
def _close_unpaid(jobId: uint256, holding: jobs.Holding, status: uint256) -> uint256:
    escrow: uint256 = jobs._escrow(jobId)
    self._close(jobId, holding, status)
    books._release(escrow)
    books._owe(jobs._refund_to(jobId), escrow)
    return escrow


@internal
def _close(jobId: uint256, holding: jobs.Holding, status: uint256):
    worker: address = empty(address) if holding.status == jobs.OPEN else holding.worker
    jobs._hold(jobId, jobs.Holding(worker=worker, until=0, deadline=holding.deadline, status=status))


@internal
@view
def _model_of(jobId: uint256) -> (String[64], String[128]):
    """@notice Id and content of the model that a job is bound to, at the version of its time."""
    return staticcall Models(models).modelAt(jobs._orders[jobId].modelKey, jobs._model_version(jobId))


@internal
@view
def _job_key(jobId: uint256, worker: address, responseCID: String[128]) -> uint256:
    digest: bytes32 = keccak256(abi_encode(chain.id, self, jobId, worker, keccak256(responseCID)))
    # 248 bits: below the field's modulus whatever the hash.
    return convert(digest, uint256) >> 8
