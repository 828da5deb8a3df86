// SPDX-License-Identifier: MIT
import { keccak256, toRlp, type Hex } from "viem";

type Node = Hex | readonly Node[];
interface Entry {
  /** Nibbles below the node. */
  readonly path: string;
  readonly value: Hex;
}

/** Hex-prefix encoding of nibbles; `isLeaf` marks an end. */
const prefixed = (path: string, isLeaf: boolean): Hex => {
  const flag = (isLeaf ? 2 : 0) + (path.length % 2);
  return `0x${flag}${path.length % 2 === 1 ? "" : "0"}${path}`;
};

function commonLength(entries: readonly Entry[]): number {
  const [first] = entries;
  let length = first?.path.length ?? 0;
  for (const { path } of entries) {
    let same = 0;
    while (same < length && path[same] === first?.path[same]) same++;
    length = same;
  }
  return length;
}

function nodeOf(entries: readonly Entry[]): Node {
  const [first] = entries;
  if (first === undefined) return "0x";
  if (entries.length === 1) return [prefixed(first.path, true), first.value];
  const shared = commonLength(entries);
  const below = (from: readonly Entry[], nibbles: number) =>
    from.map(({ path, value }) => ({ path: path.slice(nibbles), value }));
  if (shared > 0) return [prefixed(first.path.slice(0, shared), false), referenceTo(nodeOf(below(entries, shared)))];
  const branches = Array.from({ length: 16 }, (_, nibble): Node => {
    const own = entries.filter(({ path }) => path.startsWith(nibble.toString(16)));
    return own.length === 0 ? "0x" : referenceTo(nodeOf(below(own, 1)));
  });
  return [...branches, entries.find(({ path }) => path === "")?.value ?? "0x"];
}

/** Nodes of 32 bytes and more are referred to by their hash. */
function referenceTo(node: Node): Node {
  const bytes = toRlp(node as Parameters<typeof toRlp>[0]);
  return bytes.length - 2 < 64 ? node : keccak256(bytes);
}

/** Root of Ethereum's trie over a list, keyed by RLP of each place: a header's `transactionsRoot`. */
export function orderedTrieRoot(values: readonly Hex[]): Hex {
  const entries = values.map((value, i): Entry => {
    const digits = i.toString(16);
    const place: Hex = i === 0 ? "0x" : `0x${digits.length % 2 === 1 ? "0" : ""}${digits}`;
    return { path: toRlp(place).slice(2), value };
  });
  return keccak256(toRlp(nodeOf(entries) as Parameters<typeof toRlp>[0]));
}
