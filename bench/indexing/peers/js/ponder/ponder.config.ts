// One chain, three contracts at fixed addresses; the node is named several times, or Ponder would hold itself back.
import {readFileSync} from 'node:fs'
import {createConfig} from 'ponder'

const deployment = JSON.parse(readFileSync(process.env.DEPLOYMENT!, 'utf8'))
const contract = (name: string) => ({
    abi: deployment.contracts[name].abi,
    chain: 'bench',
    address: deployment.contracts[name].address,
    startBlock: deployment.block,
})

export default createConfig({
    database: process.env.POSTGRES
        ? {kind: 'postgres', connectionString: process.env.POSTGRES}
        : {kind: 'pglite', directory: process.env.PGLITE!},
    chains: {
        bench: {
            id: deployment.chain_id,
            rpc: Array.from({length: 8}, (_, i) => `${process.env.RPC}/?${i}`),
            pollingInterval: Number(process.env.POLL || 1000),
        },
    },
    contracts: {
        InferenceCoordinator: contract('InferenceCoordinator'),
        ModelRegistry: contract('ModelRegistry'),
        NodeProfileRegistry: contract('NodeProfileRegistry'),
    },
})
