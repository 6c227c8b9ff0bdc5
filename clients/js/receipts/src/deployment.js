/** `deployment.json` in, the pins out: chain, coordinator and circuit that everything else is checked against. */

import { fromText, toHex, toText } from "./bytes.js";
import { encode } from "./canonical.js";
import { sha256 } from "./digest.js";
import { parse } from "./json.js";
import { address, fields, flag, integer, listOf, struct, text, word } from "./shapes.js";

/** @template T @typedef {import("./shapes.js").Reader<T>} Reader */
/** @typedef {Awaited<ReturnType<typeof parseDeployment>>} Deployment */

const CONTRACTS = ["InferenceCoordinator", "ModelRegistry", "NodeProfileRegistry", "ReceiptVerifier"];
const DEVELOPMENT_CHAINS = [31337n, 1337n];
// Keys whose secret everybody knows, whatever a deployment says of them.
const DEVELOPMENT_DIGESTS = ["0x990399457c94113f5542b3c57dc22345bb178bcba5c1ed7ae841dc3b1ef37fbd"];

const readContract = struct.lenient({ address, abi: listOf(fields) });

/** @type {Reader<Map<string, string>>} */
const addresses = (json, at) => {
  const contracts = new Map();
  for (const [name, contract] of fields(json, at)) contracts.set(name, readContract(contract, `${at}.${name}`).address);
  return contracts;
};

const readDeployment = struct.lenient({
  chain_id: integer,
  block: integer,
  genesis_hash: word,
  contracts: addresses,
  circuit: struct.lenient({
    name: text,
    digest: text,
    verifier_version: integer,
    development: flag,
    verifying_key: fields,
  }),
});

export class BadDeployment extends Error {}

/** Checks a deployment's JSON; every fault is a BadDeployment. @param {Uint8Array} data */
export async function parseDeployment(data) {
  try {
    return await checked(readDeployment(parse(toText(data)), "deployment"));
  } catch (fault) {
    throw new BadDeployment(fault instanceof Error ? fault.message : String(fault));
  }
}

/** @param {import("./shapes.js").Read<typeof readDeployment>} deployment */
async function checked({ chain_id, block, contracts, circuit }) {
  const missing = CONTRACTS.filter((name) => !contracts.has(name));
  if (missing.length) throw new Error(`the deployment lacks the contract ${missing.join(", ")}`);
  if (chain_id <= 0n || block < 0n) throw new Error(`chain_id ${chain_id} and block ${block} cannot be right`);
  const digest = toHex(await sha256(fromText(encode(circuit.verifying_key))));
  if (circuit.digest !== digest) {
    throw new Error(`circuit digest ${circuit.digest} is pinned, but the verifying key's is ${digest}`);
  }
  const isDevelopment = circuit.development || DEVELOPMENT_DIGESTS.includes(digest);
  if (isDevelopment && !DEVELOPMENT_CHAINS.includes(chain_id)) {
    throw new Error(`the development key of circuit ${circuit.name} may not be used on chain ${chain_id}`);
  }
  return {
    chainId: chain_id,
    coordinator: contracts.get("InferenceCoordinator") ?? "",
    circuitDigest: digest,
    verifierVersion: circuit.verifier_version,
    verifyingKey: circuit.verifying_key,
  };
}
