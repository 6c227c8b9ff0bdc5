/**
 * One receipt's evidence and the verifier's pins in, what each check found out; a check that finds a fault throws.
 *
 * The checks are listed in `CHECKS` in the order in which they run; each relies on those before it.
 */

import { fromHex, toHex } from "./bytes.js";
import * as cid from "./cid.js";
import { sha256 } from "./digest.js";
import { blockNumber, bytesIn, computedHash, receiptsRoot } from "./evidence.js";
import { decodeProof, parseVerifyingKey, verify } from "./groth16.js";
import { maxTokensIn } from "./request.js";
import * as rlp from "./rlp.js";
import { logsOf, readAccepted } from "./settlement.js";
import { signerOf } from "./signature.js";
import { commitment, jobKey, unpackTerms } from "./statement.js";
import { verifyProof } from "./trie.js";
import { cidOf, namesFile } from "./unixfs.js";

/** @typedef {import("./evidence.js").Bundle} Bundle */
/** @typedef {import("./deployment.js").Deployment} Deployment */

/**
 * @typedef {object} Case What is judged, and by which pins.
 * @property {Bundle} bundle
 * @property {Deployment} deployment
 * @property {string | null} blockHash
 * @property {((number: bigint) => Promise<string | null>) | null} blockHashAt
 * @property {() => Promise<void>} pause
 */

/** @type {WeakMap<Deployment, import("./groth16.js").VerifyingKey>} */
const pinned = new WeakMap();

export class Refused extends Error {}

/** A step lacks what it needs, and says so. */
export class Skipped extends Error {}

/** Chain, coordinator and circuit are those of the deployment. @param {Case} given */
function checkPins({ bundle: { receipt }, deployment }) {
  same("chain id", receipt.chain_id, deployment.chainId);
  same("coordinator", receipt.coordinator, deployment.coordinator);
  same("circuit", receipt.circuit_digest, deployment.circuitDigest);
  same("receipt_id", receipt.receipt_id, `${receipt.chain_id}-${deployment.coordinator}-${receipt.job_id}`);
  return `job ${receipt.job_id} of ${receipt.coordinator} on chain ${receipt.chain_id}`;
}

/** The bytes hash to the CIDs that the receipt names. @param {Case} given */
async function checkContent({ bundle }) {
  const { receipt } = bundle;
  await requireName("prompt", bytesIn(bundle.prompt), receipt.prompt_cid);
  await requireName("response", bytesIn(bundle.response), receipt.response_cid);
  await requireName("model manifest", bytesIn(bundle.model), receipt.model_cid);
  return "prompt, response and model manifest hash to their names";
}

/**
 * The counts are those of the tokens listed; no tokenizer is at hand here to count them again.
 * @param {Case} given @returns {never}
 */
function checkTokens({ bundle: { prompt, receipt } }) {
  same("completion_tokens", receipt.completion_tokens, BigInt(receipt.completion_ids.length));
  same("units", receipt.units, receipt.prompt_tokens + receipt.completion_tokens);
  const asked = maxTokensIn(bytesIn(prompt));
  if (asked !== null && receipt.completion_tokens > asked) {
    throw new Refused(`${receipt.completion_tokens} completion tokens are more than the ${asked} asked for`);
  }
  throw new Skipped("not recounted: no tokenizer is at hand, the counts are the worker's word");
}

/** The worker signed the document. @param {Case} given */
function checkSignature({ bundle: { receipt } }) {
  const signer = signerOf(receipt.signedText, receipt.signature.sig);
  if (receipt.signature.key_id !== signer) {
    throw new Refused(`the signature is by ${signer}, but names ${receipt.signature.key_id}`);
  }
  if (receipt.provider !== signer)
    throw new Refused(`the signature is by ${signer}, but the receipt is of ${receipt.provider}`);
  return `signed by ${receipt.provider}`;
}

/** Digests, counts, times and salt, bound to the job, give the commitment. @param {Case} given */
async function checkCommitment({ bundle }) {
  const { receipt } = bundle;
  const { chain_id, coordinator, job_id, provider, response_cid } = receipt;
  const key = jobKey(chain_id, coordinator, BigInt(job_id), provider, response_cid);
  same("job_key", BigInt(receipt.job_key), key);
  const contents = [bundle.prompt, bundle.response, bundle.model];
  const measured = {
    digests: await Promise.all(contents.map((content) => sha256(bytesIn(content)))),
    promptTokens: receipt.prompt_tokens,
    completionTokens: receipt.completion_tokens,
    startedAt: receipt.started_at,
    completedAt: receipt.completed_at,
    salt: BigInt(receipt.salt),
  };
  same("commitment", BigInt(receipt.commitment), commitment(measured, key));
  return receipt.commitment;
}

/** The proof holds for the receipt's public inputs under the pinned key. @param {Case} given */
async function checkProof({ bundle: { receipt }, deployment, pause }) {
  const key = pinnedKey(deployment);
  await pause();
  const proof = decodeProof(receipt.proof);
  const inputs = {
    job_key: BigInt(receipt.job_key),
    terms: BigInt(receipt.terms),
    amount: BigInt(receipt.amount),
    commitment: BigInt(receipt.commitment),
  };
  if ((await verify(key, proof, inputs, pause)) !== true) {
    throw new Refused("the proof does not hold for job key, terms, amount and commitment");
  }
  return `holds under the key ${receipt.circuit_digest}`;
}

/** The amount is the counts at the job's prices, within its maximum. @param {Case} given */
function checkTerms({ bundle: { receipt } }) {
  const terms = unpackTerms(BigInt(receipt.terms));
  const cost = receipt.prompt_tokens * terms.pricePromptToken + receipt.completion_tokens * terms.priceCompletionToken;
  same("amount", BigInt(receipt.amount), cost);
  same("price", receipt.price, receipt.amount);
  if (receipt.completion_tokens > terms.maxTokens) {
    throw new Refused(`${receipt.completion_tokens} completion tokens are more than the job's ${terms.maxTokens}`);
  }
  return `${receipt.amount} wei for ${receipt.prompt_tokens} and ${receipt.completion_tokens} tokens`;
}

/** The coordinator accepted this very receipt, in a transaction of this block. @param {Case} given */
function checkSettlement({ bundle, deployment }) {
  const { block, inclusion, receipt } = bundle;
  same("block hash", block.hash, toHex(computedHash(bundle)));
  const number = blockNumber(bundle);
  const key = rlp.encodeInteger(inclusion.tx_index);
  const logs = logsOf(verifyProof(receiptsRoot(bundle), key, inclusion.nodes.map(fromHex)));
  const log = inclusion.log_index < logs.length ? logs[Number(inclusion.log_index)] : undefined;
  if (!log) throw new Refused(`the transaction has ${logs.length} logs, the bundle names log ${inclusion.log_index}`);
  same("contract of the log", toHex(log.address), deployment.coordinator);
  const accepted = readAccepted(log);
  same("job id of the settlement", accepted.jobId, BigInt(receipt.job_id));
  same("worker of the settlement", accepted.worker, receipt.provider);
  same("job key of the settlement", accepted.jobKey, BigInt(receipt.job_key));
  same("prompt CID of the settlement", accepted.promptCid, receipt.prompt_cid);
  same("response CID of the settlement", accepted.responseCid, receipt.response_cid);
  same("model of the settlement", accepted.modelId, receipt.model);
  same("model CID of the settlement", accepted.modelCid, receipt.model_cid);
  same("terms of the settlement", accepted.terms, BigInt(receipt.terms));
  same("amount of the settlement", accepted.amount, BigInt(receipt.amount));
  same("commitment of the settlement", accepted.commitment, BigInt(receipt.commitment));
  same("verifier of the settlement", accepted.verifierVersion, deployment.verifierVersion);
  return `accepted in transaction ${inclusion.tx_index} of block ${number}, log ${inclusion.log_index}`;
}

/** The block is on the chain, by the word of whoever the verifier trusts for that. @param {Case} given */
async function checkAnchor({ bundle, blockHash, blockHashAt }) {
  const { hash } = bundle.block;
  const number = blockNumber(bundle);
  if (blockHash === null && blockHashAt === null) {
    throw new Skipped(`not anchored: compare block ${number} ${hash} with the chain, or name its hash`);
  }
  if (blockHash !== null) same("block hash", hash, blockHash.toLowerCase());
  if (blockHashAt !== null) {
    const found = await blockHashAt(number);
    if (found === null) throw new Refused(`the chain has no block ${number}`);
    same(`hash of block ${number}`, hash, found);
  }
  return `block ${number} ${hash} is on the chain`;
}

/** @type {Record<string, (given: Case) => string | Promise<string>>} */
export const CHECKS = {
  pins: checkPins,
  content: checkContent,
  tokens: checkTokens,
  signature: checkSignature,
  commitment: checkCommitment,
  proof: checkProof,
  terms: checkTerms,
  settlement: checkSettlement,
  anchor: checkAnchor,
};

/** The deployment's key; to check its points takes as long as to check a proof. @param {Deployment} deployment */
function pinnedKey(deployment) {
  const key = pinned.get(deployment) ?? parseVerifyingKey(deployment.verifyingKey);
  pinned.set(deployment, key);
  return key;
}

/** @param {string} what @param {Uint8Array} data @param {string} named */
async function requireName(what, data, named) {
  if (await namesFile(cid.parse(named), data)) return;
  throw new Refused(
    `the ${what} of ${data.length} bytes is ${cid.format(await cidOf(data))}, the receipt names ${named}`,
  );
}

/** @template {string | bigint} T @param {string} name @param {T} stated @param {T} found */
function same(name, stated, found) {
  if (stated !== found) throw new Refused(`${name} is ${stated}, should be ${found}`);
}
