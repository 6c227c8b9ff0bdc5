/** The verifier's file and a file of cases (a JSON value a line) come as arguments, a verdict a line goes out. */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [verifier, cases] = process.argv.slice(2);
const { BadDeployment, parseDeployment, verifyBundle } = await import(pathToFileURL(verifier).href);

const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));

const pins = new Map();

/** Most cases are judged by the same pins. */
function pinsIn(deployment) {
  if (!pins.has(deployment)) pins.set(deployment, parseDeployment(bytes(deployment)));
  return pins.get(deployment);
}

async function judge({ bundle, deployment, block_hash: blockHash }) {
  try {
    const { exitCode, steps } = await verifyBundle(bytes(bundle), await pinsIn(deployment), { blockHash });
    return [exitCode, ...steps.map(({ name, state, detail }) => [name, state, detail])];
  } catch (fault) {
    if (fault instanceof BadDeployment) return [2, ["deployment", "failed", fault.message]];
    throw fault;
  }
}

for (const line of readFileSync(cases, "utf-8").split("\n")) {
  if (line) console.log(JSON.stringify(await judge(JSON.parse(line))));
}
