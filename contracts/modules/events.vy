# pragma version 0.4.3
# @license Apache-2.0
"""
@title What the coordinator tells about its jobs
@notice `InferenceRequested` and `InferenceCompleted` are as the network's clients have always known them; what else
     is to be told stands in events beside them.
"""

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
