/**
 * The verifier's file and a file of cases (a JSON value a line) come as arguments, a verdict a line goes out. A case
 * without a deployment is judged by that of the case before it.
 */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [verifier, cases] = process.argv.slice(2);
const { BadDeployment, parseDeployment, verifyBundle } = await import(pathToFileURL(verifier).href);

const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));

let pins;

async function judge({ bundle, deployment, block_hash: blockHash }) {
  if (deployment !== undefined) pins = parseDeployment(bytes(deployment));
  try {
    const { exitCode, steps } = await verifyBundle(bytes(bundle), await pins, { blockHash });
    return [exitCode, ...steps.map(({ name, state, detail }) => [name, state, detail])];
  } catch (fault) {
    if (fault instanceof BadDeployment) return [2, ["deployment", "failed", fault.message]];
    throw fault;
  }
}

for (const line of readFileSync(cases, "utf-8").split("\n")) {
  if (line) console.log(JSON.stringify(await judge(JSON.parse(line))));
}
