// SQD's processor over our contracts' events: a batch is decoded, the rows it touches are loaded, folded, and upserted.
const fs = require('fs')
const {EvmBatchProcessor} = require('@subsquid/evm-processor')
const {TypeormDatabase} = require('@subsquid/typeorm-store')
const {event, indexed, keccak256} = require('@subsquid/evm-abi')
const codec = require('@subsquid/evm-codec')
const {In} = require('typeorm')
const {Event, Job, Receipt, Node, Account} = require('./model')

const deployment = JSON.parse(fs.readFileSync(process.env.DEPLOYMENT))
const level = process.env.ALL_BLOCKS === 'yes'

function decoders(abi) {
    const found = {}
    for (const entry of abi.filter((each) => each.type === 'event')) {
        const signature = `${entry.name}(${entry.inputs.map((each) => each.type).join(',')})`
        const inputs = entry.inputs.map((each) => [each.name, each.indexed ? indexed(codec[each.type]) : codec[each.type]])
        const topic = '0x' + keccak256(signature).toString('hex')
        found[topic] = [entry.name, event(topic, signature, Object.fromEntries(inputs))]
    }
    return found
}

const known = {}
for (const contract of Object.values(deployment.contracts)) known[contract.address] = decoders(contract.abi)

const processor = new EvmBatchProcessor()
    .setRpcEndpoint({url: process.env.RPC, capacity: Number(process.env.CAPACITY || 10), maxBatchCallSize: Number(process.env.BATCH || 100)})
    .setRpcDataIngestionSettings({headPollInterval: Number(process.env.POLL || 1000)})
    .setFinalityConfirmation(Number(process.env.CONFIRMATIONS || 64))
    .setFields({log: {topics: true, data: true, transactionHash: true}})
    .setBlockRange({from: deployment.block})
    .addLog({address: Object.keys(known)})
if (level) processor.includeAllBlocks({from: deployment.block})

async function load(store, kind, ids) {
    const rows = new Map()
    const wanted = [...ids]
    for (let i = 0; i < wanted.length; i += 1000) {
        for (const row of await store.findBy(kind, {id: In(wanted.slice(i, i + 1000))})) rows.set(row.id, row)
    }
    return rows
}

async function main() {
    const rules = await import('./rules.mjs')
    processor.run(new TypeormDatabase({supportHotBlocks: process.env.HOT !== 'no'}), (ctx) => fold(ctx, rules))
}

async function fold(ctx, rules) {
    const events = []
    const jobIds = new Set(), addresses = new Set()
    for (const block of ctx.blocks) {
        for (const log of block.logs) {
            const [name, decoder] = known[log.address][log.topics[0]]
            const args = decoder.decode(log)
            const at = {block: block.header.height, hash: block.header.hash, time: BigInt(Math.floor(block.header.timestamp / 1000)), tx: log.transactionHash, index: log.logIndex}
            events.push({name, args, at, contract: log.address})
            if (args.jobId != null) jobIds.add(args.jobId.toString())
            for (const key of ['controller', 'refundTo', 'worker', 'node']) if (args[key]) addresses.add(args[key].toLowerCase())
        }
    }
    if (!events.length) return
    const jobs = await load(ctx.store, Job, jobIds)
    const receipts = await load(ctx.store, Receipt, jobIds)
    for (const job of jobs.values()) addresses.add(job.controller).add(job.refundTo)
    const nodes = await load(ctx.store, Node, addresses)
    const accounts = await load(ctx.store, Account, addresses)
    const account = (id, block) => {
        if (!accounts.has(id)) accounts.set(id, new Account(rules.newAccount(id)))
        return Object.assign(accounts.get(id), {block})
    }
    for (const {name, args, at} of events) apply(rules, {jobs, receipts, nodes, account}, name, args, at)
    await ctx.store.insert(events.map(({name, args, at, contract}) => new Event({
        id: `${at.block}-${at.index}`, block: at.block, logIndex: at.index, txHash: at.tx, contract, name,
        args: Object.fromEntries(Object.entries(args).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value])),
    })))
    await ctx.store.upsert([...jobs.values()])
    await ctx.store.upsert([...receipts.values()])
    await ctx.store.upsert([...nodes.values()])
    await ctx.store.upsert([...accounts.values()])
}

function apply(rules, {jobs, receipts, nodes, account}, name, args, at) {
    const id = args.jobId?.toString()
    const job = jobs.get(id)
    const node = args.worker && nodes.get(args.worker.toLowerCase())
    switch (name) {
        case 'NodeRegistered': {
            const address = args.node.toLowerCase()
            nodes.set(address, new Node(rules.newNode(address, args, at)))
            break
        }
        case 'InferenceRequested':
            jobs.set(id, new Job(rules.newJob(id, args, at)))
            break
        case 'JobTermsFixed': {
            Object.assign(job, rules.fixTerms(args), {block: at.block})
            const payer = account(job.controller, at.block)
            payer.ordered += args.escrow
            payer.openEscrow += args.escrow
            break
        }
        case 'JobClaimed':
            Object.assign(job, {state: 'claimed', worker: args.worker.toLowerCase(), claims: job.claims + 1, leaseUntil: args.leaseUntil, claimedAt: at.time, claimedTx: at.tx, block: at.block})
            Object.assign(node, {claims: node.claims + 1, block: at.block})
            break
        case 'LeaseExpired':
            Object.assign(job, {state: 'open', worker: null, leaseUntil: null, block: at.block})
            Object.assign(node, {leasesLost: node.leasesLost + 1, block: at.block})
            break
        case 'InferenceCompleted':
            Object.assign(job, {state: 'answered', responseCid: args.responseCID, leaseUntil: null, completedAt: at.time, completedTx: at.tx, block: at.block})
            receipts.set(id, new Receipt(rules.newReceipt(job, args, at)))
            Object.assign(node, {completed: node.completed + 1, block: at.block})
            break
        case 'ReceiptDue':
            Object.assign(job, {receiptDeadline: args.receiptDeadline, block: at.block})
            break
        case 'JobCancelled':
        case 'ReceiptAccepted': {
            const paid = args.amount ?? 0n
            const payer = account(job.controller, at.block)
            payer.openEscrow -= job.escrow
            payer.spent += paid
            const refunded = account(job.refundTo, at.block)
            refunded.credit += args.refund
            refunded.refunded += args.refund
            if (name === 'ReceiptAccepted') {
                const receipt = receipts.get(id)
                Object.assign(receipt, {state: rules.verify(job, receipt, args), jobKey: args.jobKey, terms: args.terms, amount: paid, refund: args.refund, commitment: args.commitment, settledAt: at.time, txHash: at.tx, blockHash: at.hash, logIndex: at.index, block: at.block})
                const earner = account(args.worker.toLowerCase(), at.block)
                earner.credit += paid
                earner.earned += paid
                Object.assign(node, {settled: node.settled + 1, earned: node.earned + paid, block: at.block})
            }
            Object.assign(job, {state: name === 'JobCancelled' ? 'cancelled' : 'settled', amount: paid, refund: args.refund, leaseUntil: null, receiptDeadline: null, closedAt: at.time, closedTx: at.tx, block: at.block})
            break
        }
    }
}

main()
