// Ponder's handlers over our contracts' events, by its own store, which keeps rows in memory and writes them in bulk.
import {ponder} from 'ponder:registry'
import {account, event as events, job as jobs, node as nodes, receipt as receipts} from 'ponder:schema'
import * as rules from './rules.mjs'

const COORDINATOR = ['InferenceRequested', 'JobTermsFixed', 'JobClaimed', 'LeaseExpired', 'InferenceCompleted', 'ReceiptDue', 'JobCancelled', 'ReceiptAccepted']
const lower = (text: string) => text.toLowerCase()

for (const name of ['ModelRegistered', 'ModelPriced']) on('ModelRegistry', name)
on('NodeProfileRegistry', 'NodeRegistered')
for (const name of COORDINATOR) on('InferenceCoordinator', name)

function on(contract: string, name: string) {
    ponder.on(`${contract}:${name}` as any, async ({event, context}: any) => {
        const {args, block, transaction, log} = event
        const at = {block: Number(block.number), hash: block.hash, time: block.timestamp, tx: transaction.hash, index: log.logIndex}
        await context.db.insert(events).values({
            id: `${at.block}-${at.index}`, block: at.block, logIndex: at.index, txHash: at.tx, contract: lower(log.address), name,
            args: Object.fromEntries(Object.entries(args).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value])),
        })
        await apply(context.db, name, args, at)
    })
}

async function move(db: any, id: string, at: any, by: Record<string, bigint>) {
    const row = (await db.find(account, {id})) ?? rules.newAccount(id)
    const after = Object.fromEntries(Object.entries(by).map(([name, amount]) => [name, row[name] + amount]))
    await db.insert(account).values({...row, ...after, block: at.block}).onConflictDoUpdate({...after, block: at.block})
}

async function apply(db: any, name: string, args: any, at: any) {
    const id = args.jobId
    const worker = args.worker
    const block = at.block
    switch (name) {
        case 'NodeRegistered':
            await db.insert(nodes).values(rules.newNode(args.node, args, at))
            break
        case 'InferenceRequested':
            await db.insert(jobs).values(rules.newJob(id, args, at))
            break
        case 'JobTermsFixed': {
            const job = await db.update(jobs, {id}).set({...rules.fixTerms(args), block})
            await move(db, job.controller, at, {ordered: args.escrow, openEscrow: args.escrow})
            break
        }
        case 'JobClaimed':
            await db.update(jobs, {id}).set((job: any) => ({state: 'claimed', worker, claims: job.claims + 1, leaseUntil: args.leaseUntil, claimedAt: at.time, claimedTx: at.tx, block}))
            await db.update(nodes, {id: worker}).set((node: any) => ({claims: node.claims + 1, block}))
            break
        case 'LeaseExpired':
            await db.update(jobs, {id}).set({state: 'open', worker: null, leaseUntil: null, block})
            await db.update(nodes, {id: worker}).set((node: any) => ({leasesLost: node.leasesLost + 1, block}))
            break
        case 'InferenceCompleted': {
            const job = await db.update(jobs, {id}).set({state: 'answered', responseCid: args.responseCID, leaseUntil: null, completedAt: at.time, completedTx: at.tx, block})
            await db.insert(receipts).values(rules.newReceipt(job, args, at))
            await db.update(nodes, {id: worker}).set((node: any) => ({completed: node.completed + 1, block}))
            break
        }
        case 'ReceiptDue':
            await db.update(jobs, {id}).set({receiptDeadline: args.receiptDeadline, block})
            break
        case 'JobCancelled':
        case 'ReceiptAccepted': {
            const paid = args.amount ?? 0n
            const state = name === 'JobCancelled' ? 'cancelled' : 'settled'
            const job = await db.update(jobs, {id}).set({state, amount: paid, refund: args.refund, leaseUntil: null, receiptDeadline: null, closedAt: at.time, closedTx: at.tx, block})
            await move(db, job.controller, at, {openEscrow: -job.escrow, spent: paid})
            await move(db, job.refundTo, at, {credit: args.refund, refunded: args.refund})
            if (name === 'JobCancelled') break
            const receipt = await db.find(receipts, {id})
            await db.update(receipts, {id}).set({state: rules.verify(job, receipt, args), jobKey: args.jobKey, terms: args.terms, amount: paid, refund: args.refund, commitment: args.commitment, settledAt: at.time, txHash: at.tx, blockHash: at.hash, logIndex: at.index, block})
            await move(db, worker, at, {credit: paid, earned: paid})
            await db.update(nodes, {id: worker}).set((node: any) => ({settled: node.settled + 1, earned: node.earned + paid, block}))
            break
        }
    }
}
