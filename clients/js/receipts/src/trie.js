/** A Merkle-Patricia trie's root, a key and the nodes between them in, the key's value out. Paths are hex text. */

import { equal, toDigits, toHex } from "./bytes.js";
import { keccak256 } from "./digest.js";
import * as rlp from "./rlp.js";

/** @typedef {import("./rlp.js").Item} Item */

const HASH_BYTES = 32;
const VALUE_SLOT = 16;
const BRANCH_ITEMS = 17;

export class ProofRefused extends Error {}

/**
 * The value that `proof` shows for `key` under `root`; throws for anything short of that, or beyond it.
 * @param {Uint8Array} root @param {Uint8Array} key @param {Uint8Array[]} proof
 */
export function verifyProof(root, key, proof) {
  const remaining = [...proof];
  /** @param {Uint8Array} digest */
  const fetch = (digest) => {
    const node = remaining.shift();
    if (node === undefined) throw new ProofRefused(`the proof lacks the node ${toHex(digest)}`);
    if (!equal(keccak256(node), digest))
      throw new ProofRefused(`a node does not hash to ${toHex(digest)}, as its parent names it`);
    if (node.length < HASH_BYTES && !equal(digest, root)) {
      throw new ProofRefused(`node ${toHex(node)} is short enough to stand in its parent, yet is named by hash`);
    }
    return rlp.decode(node);
  };
  const value = walk(fetch(root), toDigits(key), fetch);
  if (remaining.length) throw new ProofRefused("the proof holds nodes beyond the one with the value");
  return value;
}

/**
 * Descends along `path`, asking for each node named by hash.
 * @param {Item} node @param {string} path @param {(digest: Uint8Array) => Item} fetch
 */
function walk(node, path, fetch) {
  for (;;) {
    const { item, rest } = step(node, path);
    if (rest === null) {
      if (Array.isArray(item) || !item.length) throw absent(path);
      return item;
    }
    path = rest;
    node = Array.isArray(item) ? item : fetch(asDigest(item, path));
  }
}

/**
 * The next item on the way and the path left, null where the item is the value.
 * @param {Item} node @param {string} path @returns {{ item: Item, rest: string | null }}
 */
function step(node, path) {
  if (!Array.isArray(node)) throw new ProofRefused("a node is no list");
  if (node.length === BRANCH_ITEMS) {
    const slot = path ? Number.parseInt(path.charAt(0), 16) : VALUE_SLOT;
    return { item: /** @type {Item} */ (node[slot]), rest: path ? path.slice(1) : null };
  }
  const [compact, item] = node;
  if (node.length !== 2 || compact === undefined || item === undefined || Array.isArray(compact)) {
    throw new ProofRefused(`a node is neither a branch of ${BRANCH_ITEMS} items nor a pair of path and item`);
  }
  const { part, leaf } = expanded(compact);
  if (leaf ? part !== path : !part || !path.startsWith(part)) throw absent(path);
  return { item, rest: leaf ? null : path.slice(part.length) };
}

/** A path without its kind and parity (hex-prefix encoding). @param {Uint8Array} compact */
function expanded(compact) {
  const text = toDigits(compact);
  const flag = text.charAt(0);
  const odd = flag === "1" || flag === "3";
  if (!["0", "1", "2", "3"].includes(flag) || (!odd && text.charAt(1) !== "0")) {
    throw new ProofRefused(`path 0x${text} does not begin with one of the four hex-prefix flags`);
  }
  return { part: text.slice(odd ? 1 : 2), leaf: flag === "2" || flag === "3" };
}

/** @param {Uint8Array} item @param {string} path */
function asDigest(item, path) {
  if (item.length !== HASH_BYTES) throw absent(path);
  return item;
}

/** @param {string} path */
function absent(path) {
  return new ProofRefused(`the trie holds nothing at the rest of the key, '${path}'`);
}
