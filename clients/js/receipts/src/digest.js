/**
 * Bytes in, their digests out: SHA-256 of the platform where it has one (pages served over HTTPS), Keccak-256 always.
 */

import { sha256 as slowSha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

/** @param {Uint8Array} data @returns {Promise<Uint8Array>} */
export async function sha256(data) {
  const platform = globalThis.crypto?.subtle;
  return platform
    ? new Uint8Array(await platform.digest("SHA-256", /** @type {BufferSource} */ (data)))
    : slowSha256(data);
}

/** The hash of Ethereum's addresses, topics, headers and tries. @param {Uint8Array} data @returns {Uint8Array} */
export function keccak256(data) {
  return keccak_256(data);
}
