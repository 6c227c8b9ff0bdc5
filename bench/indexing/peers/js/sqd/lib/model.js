// The five tables that the explorer needs, as TypeORM has them: events as they came, and what they make of the rest.
const {EntitySchema} = require('typeorm')

class Event { constructor(props) { Object.assign(this, props) } }
class Job { constructor(props) { Object.assign(this, props) } }
class Receipt { constructor(props) { Object.assign(this, props) } }
class Node { constructor(props) { Object.assign(this, props) } }
class Account { constructor(props) { Object.assign(this, props) } }

const bigint = {to: (value) => value?.toString(), from: (text) => (text == null ? text : BigInt(text))}
const text = {type: 'text', nullable: true}
const count = {type: 'integer'}
const wei = {type: 'numeric', nullable: true, transformer: bigint}
const id = {type: 'text', primary: true}

function schema(target, columns) {
    return new EntitySchema({name: target.name, target, columns: {id, ...columns}})
}

module.exports = {
    Event, Job, Receipt, Node, Account,
    EventSchema: schema(Event, {block: count, logIndex: count, txHash: text, contract: text, name: text, args: {type: 'jsonb'}}),
    JobSchema: schema(Job, {
        state: text, controller: text, refundTo: text, modelId: text, modelCid: text, promptCid: text, worker: text,
        responseCid: text, escrow: wei, maxTokens: wei, pricePromptToken: wei, priceCompletionToken: wei, deadline: wei,
        verifierVersion: wei, amount: wei, refund: wei, leaseUntil: wei, receiptDeadline: wei, claims: count,
        requestedAt: wei, claimedAt: wei, completedAt: wei, closedAt: wei, requestedTx: text, claimedTx: text,
        completedTx: text, closedTx: text, block: count,
    }),
    ReceiptSchema: schema(Receipt, {
        state: text, worker: text, controller: text, modelId: text, modelCid: text, promptCid: text, responseCid: text,
        jobKey: wei, terms: wei, amount: wei, refund: wei, commitment: wei, verifierVersion: wei, answeredAt: wei,
        settledAt: wei, txHash: text, blockHash: text, logIndex: {...count, nullable: true}, block: count,
    }),
    NodeSchema: schema(Node, {
        state: text, maxRam: wei, maxVram: wei, maxCpu: wei, stake: wei, claims: count, completed: count, settled: count,
        leasesLost: count, earned: wei, registeredAt: wei, block: count,
    }),
    AccountSchema: schema(Account, {
        ordered: wei, openEscrow: wei, credit: wei, spent: wei, refunded: wei, earned: wei, block: count,
    }),
}
