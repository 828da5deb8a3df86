// SPDX-License-Identifier: MIT
import { bigToBytes, equalBytes } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { domainHash, keccak256 } from "./keccak.ts";

// Three domains make leaf, node and root preimages disjoint, so no node passes for a leaf; the root binds the leaf count, which
// alone fixes the tree's shape. An odd node is promoted unhashed, never paired with itself: [a,b,c] and [a,b,c,c] differ.

/** 2^32 leaves at most. */
const MAX_LEAVES = 0xffffffff;

/** keccak256(keccak256(domain ".leaf") ‖ data). */
export const merkleLeaf = (data: Uint8Array, domain: string): Uint8Array =>
  keccak256(domainHash(`${domain}.leaf`), data);

const node = (left: Uint8Array, right: Uint8Array, domain: string): Uint8Array =>
  keccak256(domainHash(`${domain}.node`), left, right);

const close = (top: Uint8Array, count: number, domain: string): Uint8Array =>
  keccak256(domainHash(`${domain}.root`), bigToBytes(BigInt(count), 8), top);

function levels(leaves: readonly Uint8Array[], domain: string): Uint8Array[][] {
  if (leaves.length === 0 || leaves.length > MAX_LEAVES) throw new CoreError("MERKLE_INVALID", { why: "no leaves" });
  const all = [leaves.map((leaf) => merkleLeaf(leaf, domain))];
  for (let level = all[0] ?? []; level.length > 1;) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) above.push(right === undefined ? left : node(left, right, domain));
    }
    all.push(above);
    level = above;
  }
  return all;
}

/**
 * Root over the leaves' data, in order: keccak256(keccak256(domain ".root") ‖ u64be count ‖ top), node =
 * keccak256(keccak256(domain ".node") ‖ left ‖ right). Error: MERKLE_INVALID without leaves.
 */
export function merkleRoot(leaves: readonly Uint8Array[], domain = "assay.v1.merkle"): Uint8Array {
  const top = levels(leaves, domain).at(-1)?.[0];
  if (top === undefined) throw new CoreError("MERKLE_INVALID", { why: "no leaves" });
  return close(top, leaves.length, domain);
}

export interface MerkleProof {
  readonly index: number;
  readonly count: number;
  /** From the leaf upwards; levels where the node is promoted have none. */
  readonly siblings: readonly Uint8Array[];
}

/** Error: MERKLE_INVALID if there is no such leaf. */
export function merkleProof(leaves: readonly Uint8Array[], index: number, domain = "assay.v1.merkle"): MerkleProof {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length)
    throw new CoreError("MERKLE_INVALID", { why: `no leaf ${index} among ${leaves.length}` });
  const siblings: Uint8Array[] = [];
  let at = index;
  for (const level of levels(leaves, domain)) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) siblings.push(sibling);
    at >>>= 1;
  }
  return { index, count: leaves.length, siblings };
}

/** True if `data` is leaf `index` of exactly `count`. Never throws: a malformed proof is false. */
export function verifyMerkle(
  root: Uint8Array,
  data: Uint8Array,
  proof: MerkleProof,
  domain = "assay.v1.merkle",
): boolean {
  const { index, count, siblings } = proof;
  if (!Number.isInteger(index) || !Number.isInteger(count) || index < 0 || index >= count || count > MAX_LEAVES)
    return false;
  let hash = merkleLeaf(data, domain);
  let used = 0;
  for (let at = index, width = count; width > 1; at = Math.floor(at / 2), width = Math.ceil(width / 2)) {
    const odd = at % 2 === 1;
    if (!odd && at === width - 1) continue;
    const sibling = siblings[used++];
    if (sibling?.length !== 32) return false;
    hash = odd ? node(sibling, hash, domain) : node(hash, sibling, domain);
  }
  return used === siblings.length && equalBytes(close(hash, count, domain), root);
}
