// The five tables that the explorer needs. Keys have the types of the events' arguments: so Ponder foresees what it needs.
import {index, onchainTable} from 'ponder'

export const event = onchainTable('event', (t) => ({
    id: t.text().primaryKey(), block: t.integer(), logIndex: t.integer(), txHash: t.text(), contract: t.text(),
    name: t.text(), args: t.json(),
}))

export const job = onchainTable('job', (t) => ({
    id: t.bigint().primaryKey(), state: t.text(), controller: t.text(), refundTo: t.text(), modelId: t.text(),
    modelCid: t.text(), promptCid: t.text(), worker: t.text(), responseCid: t.text(), escrow: t.bigint(),
    maxTokens: t.bigint(), pricePromptToken: t.bigint(), priceCompletionToken: t.bigint(), deadline: t.bigint(),
    verifierVersion: t.bigint(), amount: t.bigint(), refund: t.bigint(), leaseUntil: t.bigint(),
    receiptDeadline: t.bigint(), claims: t.integer(), requestedAt: t.bigint(), claimedAt: t.bigint(),
    completedAt: t.bigint(), closedAt: t.bigint(), requestedTx: t.text(), claimedTx: t.text(), completedTx: t.text(),
    closedTx: t.text(), block: t.integer(),
}), (table) => ({byController: index().on(table.controller)}))

export const receipt = onchainTable('receipt', (t) => ({
    id: t.bigint().primaryKey(), state: t.text(), worker: t.text(), controller: t.text(), modelId: t.text(),
    modelCid: t.text(), promptCid: t.text(), responseCid: t.text(), jobKey: t.bigint(), terms: t.bigint(),
    amount: t.bigint(), refund: t.bigint(), commitment: t.bigint(), verifierVersion: t.bigint(),
    answeredAt: t.bigint(), settledAt: t.bigint(), txHash: t.text(), blockHash: t.text(), logIndex: t.integer(),
    block: t.integer(),
}))

export const node = onchainTable('node', (t) => ({
    id: t.hex().primaryKey(), state: t.text(), maxRam: t.bigint(), maxVram: t.bigint(), maxCpu: t.bigint(),
    stake: t.bigint(), claims: t.integer(), completed: t.integer(), settled: t.integer(), leasesLost: t.integer(),
    earned: t.bigint(), registeredAt: t.bigint(), block: t.integer(),
}))

export const account = onchainTable('account', (t) => ({
    id: t.hex().primaryKey(), ordered: t.bigint(), openEscrow: t.bigint(), credit: t.bigint(), spent: t.bigint(),
    refunded: t.bigint(), earned: t.bigint(), block: t.integer(),
}))
