// What each event does to the rows, the same for both peers: `rows` finds and keeps a row of a table by its key.

export const ZERO = '0x0000000000000000000000000000000000000000'

export function newNode(id, args, at) {
    return {
        id, state: 'active', maxRam: args.maxRAM, maxVram: args.maxVRAM, maxCpu: args.maxCPUPercent, stake: args.stake,
        claims: 0, completed: 0, settled: 0, leasesLost: 0, earned: 0n, registeredAt: at.time, block: at.block,
    }
}

export function newJob(id, args, at) {
    return {
        id, state: 'open', controller: args.controller.toLowerCase(), refundTo: args.controller.toLowerCase(),
        modelId: args.modelId, modelCid: args.modelCID, promptCid: args.promptCID, claims: 0, requestedAt: at.time,
        requestedTx: at.tx, block: at.block,
    }
}

export function newAccount(id) {
    return {id, ordered: 0n, openEscrow: 0n, credit: 0n, spent: 0n, refunded: 0n, earned: 0n, block: 0}
}

export function fixTerms(args) {
    return {
        refundTo: args.refundTo.toLowerCase(), escrow: args.escrow, maxTokens: args.maxTokens,
        pricePromptToken: args.pricePromptToken, priceCompletionToken: args.priceCompletionToken,
        deadline: args.deadline, verifierVersion: args.verifierVersion,
    }
}

export function newReceipt(job, args, at) {
    return {
        id: job.id, state: 'pending', worker: args.worker.toLowerCase(), controller: job.controller,
        modelId: job.modelId, modelCid: job.modelCid, promptCid: job.promptCid, responseCid: args.responseCID,
        verifierVersion: job.verifierVersion, answeredAt: at.time, block: at.block,
    }
}

export function verify(job, receipt, args) {
    const terms = job.maxTokens | (job.pricePromptToken << 32n) | (job.priceCompletionToken << 128n)
    const fits = args.worker.toLowerCase() === receipt.worker && args.responseCID === receipt.responseCid
        && args.promptCID === job.promptCid && args.terms === terms && args.amount + args.refund === job.escrow
    return fits ? 'verified' : 'failed'
}
