// SPDX-License-Identifier: MIT
import { concatBytes, toHex, utf8, type Hex } from "../bytes.ts";
import type { SheHashes } from "./hashes.ts";
import { encodeSheHeader, type SheHeader } from "./header.ts";
import type { SheObject } from "./object.ts";

/** Residues in a leaf: 1,024 bytes, what one transaction of a dispute carries. */
export const CHUNK_RESIDUES = 256;
const PREFIX = concatBytes(Uint8Array.of(15), utf8("assay.v1.cipher"));
const ZERO = new Uint8Array(32);

/** sha256(0x01 ‖ left ‖ right). */
export function cipherNode(left: Uint8Array, right: Uint8Array, hashes: SheHashes): Uint8Array {
  return hashes.sha256(concatBytes(Uint8Array.of(1), left, right));
}

/** Root of a tree over the words, padded with zero words to a power of two. One word is its own root. */
export function wordTreeRoot(words: readonly Uint8Array[], hashes: SheHashes): Uint8Array {
  let width = 1;
  while (width < words.length) width *= 2;
  let level = Array.from({ length: width }, (_, i) => words[i] ?? ZERO);
  while (level.length > 1)
    level = Array.from({ length: level.length / 2 }, (_, i) =>
      cipherNode(level[2 * i] ?? ZERO, level[2 * i + 1] ?? ZERO, hashes),
    );
  return level[0] ?? ZERO;
}

/** All levels of a tree of a power of two of words, leaves first. */
export function wordTree(words: readonly Uint8Array[], hashes: SheHashes): Uint8Array[][] {
  const levels = [[...words]];
  for (let level = levels[0] ?? []; level.length > 1;) {
    const below = level;
    level = Array.from({ length: below.length / 2 }, (_, i) =>
      cipherNode(below[2 * i] ?? ZERO, below[2 * i + 1] ?? ZERO, hashes),
    );
    levels.push(level);
  }
  return levels;
}

/** Siblings of a leaf, from the leaf upwards. */
export function wordPath(tree: readonly (readonly Uint8Array[])[], index: number): Uint8Array[] {
  return tree.slice(0, -1).map((level, depth) => level[Math.floor(index / 2 ** depth) ^ 1] ?? ZERO);
}

/** Root of the tree that holds `leaf` at `index`, by its siblings. */
export function climbPath(leaf: Uint8Array, index: number, path: readonly Uint8Array[], hashes: SheHashes): Uint8Array {
  return path.reduce(
    (node, sibling, depth) =>
      Math.floor(index / 2 ** depth) % 2 === 1 ? cipherNode(sibling, node, hashes) : cipherNode(node, sibling, hashes),
    leaf,
  );
}

/** Levels of a tree over so many words. */
export const treeDepth = (words: number): number => Math.ceil(Math.log2(words));

/** A chunk of a row as u32le. */
export function chunkBytes(row: Uint32Array, chunk: number): Uint8Array {
  const bytes = new Uint8Array(4 * CHUNK_RESIDUES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < CHUNK_RESIDUES; i++) view.setUint32(4 * i, row[chunk * CHUNK_RESIDUES + i] ?? 0, true);
  return bytes;
}

/** sha256(0x00 ‖ bytes): a leaf, of a row's chunk or of a record. */
export const cipherLeaf = (bytes: Uint8Array, hashes: SheHashes): Uint8Array =>
  hashes.sha256(concatBytes(Uint8Array.of(0), bytes));

/** sha256(0x00 ‖ residues as u32le) of each chunk of a row. */
export function chunkHashes(row: Uint32Array, hashes: SheHashes): Uint8Array[] {
  const bytes = new Uint8Array(1 + 4 * CHUNK_RESIDUES);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: row.length / CHUNK_RESIDUES }, (_, chunk) => {
    for (let i = 0; i < CHUNK_RESIDUES; i++) view.setUint32(1 + 4 * i, row[chunk * CHUNK_RESIDUES + i] ?? 0, true);
    return hashes.sha256(bytes);
  });
}

export function rowRoot(row: Uint32Array, hashes: SheHashes): Uint8Array {
  return wordTreeRoot(chunkHashes(row, hashes), hashes);
}

/** Root over the roots of an object's rows. */
export function bodyRoot({ header, rows }: SheObject, hashes: SheHashes): Uint8Array {
  const { degree } = header.profile;
  const roots = Array.from({ length: rows.length / degree }, (_, i) =>
    rowRoot(rows.subarray(i * degree, (i + 1) * degree), hashes),
  );
  return wordTreeRoot(roots, hashes);
}

/** The CIPHER digest of a ciphertext: sha256(u8(15) ‖ "assay.v1.cipher" ‖ canonical header ‖ body root). */
export function cipherDigest(object: SheObject, hashes: SheHashes): Hex {
  return digestOfBody(object.header, bodyRoot(object, hashes), hashes);
}

/** The same from a known body root. */
export function digestOfBody(header: SheHeader, body: Uint8Array, hashes: SheHashes): Hex {
  return toHex(hashes.sha256(concatBytes(PREFIX, encodeSheHeader(header, true), body)));
}

/** Root of a stage's weights or of a job's keys: over the body roots, in the order of the program's lists. */
export function objectsRoot(objects: readonly SheObject[], hashes: SheHashes): Hex {
  return toHex(
    wordTreeRoot(
      objects.map((object) => bodyRoot(object, hashes)),
      hashes,
    ),
  );
}
