// SPDX-License-Identifier: MIT
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** 32 bytes as 0x and 64 lower-case hex digits. */
export type Word = `0x${string}`;

/** An unsigned number as a 32-byte word. */
export function toWord(value: bigint | number): Word {
  return `0x${BigInt(value).toString(16).padStart(64, "0")}`;
}

export function keccakWords(words: readonly Word[]): Word {
  const bytes = new Uint8Array(32 * words.length);
  for (const [i, word] of words.entries()) bytes.set(hexToBytes(word.slice(2)), 32 * i);
  return `0x${bytesToHex(keccak_256(bytes))}`;
}

/** keccak256(abi.encode(tag, words...)) for a domain tag of at most 32 ASCII characters and static words. */
export function taggedHash(tag: string, words: readonly Word[]): Word {
  const text = bytesToHex(utf8ToBytes(tag));
  return keccakWords([toWord(32 * (words.length + 1)), ...words, toWord(tag.length), `0x${text.padEnd(64, "0")}`]);
}

/** keccak256 of a text's UTF-8 bytes. */
export function keccakText(text: string): Word {
  return `0x${bytesToHex(keccak_256(utf8ToBytes(text)))}`;
}
