// Circuit inputs come in, one JSON object a line; the cost of a checked snarkjs proof of each goes out, in milliseconds.
// node snarkjs_prover.cjs PACKAGES KEYS THREADS: one process, keys in memory, so that every proof but the first is warm.
const { readFileSync } = require("fs");
const path = require("path");
const readline = require("readline");

const [packages, keys, threads] = process.argv.slice(2);
const snarkjs = require(path.join(packages, "snarkjs"));
const inMemory = (name) => ({ type: "mem", data: new Uint8Array(readFileSync(path.join(keys, name))) });
const wasm = inMemory("receipt.wasm");
const zkey = inMemory("receipt.zkey");
const verifyingKey = JSON.parse(readFileSync(path.join(keys, "verifying_key.json")));
const options = { singleThread: threads === "single" };

async function prove(input) {
  const cpu = process.cpuUsage();
  const begun = process.hrtime.bigint();
  const { proof, publicSignals } = await snarkjs.groth16.fullProve(input, wasm, zkey, undefined, undefined, options);
  const good = await snarkjs.groth16.verify(verifyingKey, publicSignals, proof);
  const wall = Number(process.hrtime.bigint() - begun) / 1e6;
  const { user, system } = process.cpuUsage(cpu);
  return { good, cpu_ms: (user + system) / 1e3, wall_ms: wall };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await prove(JSON.parse(line))));
  }
  process.exit(0); // snarkjs leaves its threads running
}

main();
