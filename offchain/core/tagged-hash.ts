// SPDX-License-Identifier: MIT
import { bigToBytes, concatBytes, fromHex, toHex, utf8, type Hex } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";

/** 32 bytes as 0x and 64 lower-case hex digits: words are compared as text. */
export type Word = Hex;

/** An unsigned number as a 32-byte word. Error: NUMBER_OUT_OF_RANGE. */
export function toWord(value: bigint | number): Word {
  return toHex(bigToBytes(BigInt(value), 32));
}

/** keccak256(abi.encode(tag, words...)) for a domain tag of at most 32 ASCII characters and static words. */
export function taggedHash(tag: string, words: readonly Word[]): Word {
  const text = new Uint8Array(32);
  text.set(utf8(tag));
  const head = [toWord(32 * (words.length + 1)), ...words, toWord(tag.length)].map((word) => fromHex(word, 32));
  return toHex(keccak256(concatBytes(...head, text)));
}

/** keccak256 of a text's UTF-8 bytes. */
export function keccakText(text: string): Word {
  return toHex(keccak256(utf8(text)));
}
