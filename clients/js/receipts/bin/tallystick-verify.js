#!/usr/bin/env node
/**
 * An evidence bundle and the verifier's own pins in, a line a step and an exit status out: the same as the Python
 * command's.
 */

import { readFile, stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import { BadDeployment, parseDeployment, verifyBundle } from "../src/index.js";

/** @typedef {import("../src/deployment.js").Deployment} Deployment */

const WRONG_USE = 2;
const BUNDLE_BYTES_MAX = 256 << 20;
const RPC_TIMEOUT_MS = 20_000;
const MARKS = { passed: "ok", failed: "FAILED", skipped: "skipped" };
const USAGE = `usage: tallystick-verify BUNDLE [--deployment FILE] [--block-hash 0x... | --rpc URL]

Checks an evidence bundle, trusting only the deployment (deployment.json) and the block hash, or a node that knows it.
Exit status: 0 verified, 3 consistent but not anchored, 1 failed, 2 wrong use.

example: tallystick-verify evidence.json --deployment deployment.json --rpc http://127.0.0.1:8545`;

class WrongUse extends Error {}

/** @param {string[]} given @returns {Promise<number>} */
async function main(given) {
  try {
    const { bundle, deployment, blockHash, rpc, help } = parse(given);
    if (help) return say(USAGE);
    const pins = await parseDeployment(await read(deployment));
    const blockHashAt = rpc === undefined ? null : await asking(rpc, pins);
    const verdict = await verifyBundle(await read(bundle), pins, { blockHash, blockHashAt });
    for (const { name, state, detail } of verdict.steps) say(`${MARKS[state].padEnd(8)}${name.padEnd(12)}${detail}`);
    say(verdict.outcome);
    return verdict.exitCode;
  } catch (fault) {
    if (!(fault instanceof WrongUse || fault instanceof BadDeployment)) throw fault;
    console.error(`error: ${fault.message}`);
    return WRONG_USE;
  }
}

/** @param {string[]} given */
function parse(given) {
  const { values, positionals } = parsed(given);
  const blockHash = values["block-hash"] ?? null;
  if (positionals.length !== 1 && !values.help) throw new WrongUse(`name one evidence bundle\n${USAGE}`);
  if (blockHash !== null && !/^0x[0-9a-fA-F]{64}$/.test(blockHash)) {
    throw new WrongUse(`--block-hash '${blockHash}' is not 0x and 64 hex digits`);
  }
  if (blockHash !== null && values.rpc !== undefined) throw new WrongUse("name --block-hash or --rpc, and not both");
  return { bundle: positionals[0] ?? "", deployment: values.deployment, blockHash, rpc: values.rpc, help: values.help };
}

/** @param {string[]} args */
function parsed(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        deployment: { type: "string", default: "deployment.json" },
        "block-hash": { type: "string" },
        rpc: { type: "string" },
        help: { type: "boolean", default: false, short: "h" },
      },
    });
  } catch (fault) {
    throw new WrongUse(`${fault instanceof Error ? fault.message : fault}\n${USAGE}`);
  }
}

/** @param {string} path */
async function read(path) {
  try {
    if ((await stat(path)).size > BUNDLE_BYTES_MAX)
      throw new WrongUse(`${path} has more than ${BUNDLE_BYTES_MAX} bytes`);
    return await readFile(path);
  } catch (fault) {
    throw fault instanceof WrongUse ? fault : new WrongUse(`${path} cannot be read: ${fault}`);
  }
}

/**
 * A function that asks the node at `url` for the hash of a block; the node must be on the deployment's chain.
 * @param {string} url @param {Deployment} deployment
 */
async function asking(url, deployment) {
  const chainId = BigInt(String(await ask(url, "eth_chainId")));
  if (chainId !== deployment.chainId)
    throw new WrongUse(`${url} is on chain ${chainId}, the deployment is on chain ${deployment.chainId}`);
  /** @param {bigint} number */
  return async (number) => {
    const block = await ask(url, "eth_getBlockByNumber", `0x${number.toString(16)}`, false);
    return block === null ? null : String(block.hash);
  };
}

/** @param {string} url @param {string} method @param {unknown[]} params */
async function ask(url, method, ...params) {
  try {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(RPC_TIMEOUT_MS) });
    const { result } = await answer.json();
    if (result === undefined) throw new Error("it gives no result");
    return result;
  } catch (fault) {
    throw new WrongUse(`the node at ${url} does not answer ${method}: ${fault}`);
  }
}

/** @param {string} line */
function say(line) {
  console.log(line);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
