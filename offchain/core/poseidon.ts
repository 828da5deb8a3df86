// SPDX-License-Identifier: MIT
import { bigToBytes, bytesToBig } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { FIELD, poseidonConstants, type Matrix, type PoseidonConstants } from "./poseidon-constants.ts";

const pow5 = (x: bigint): bigint => {
  const square = (x * x) % FIELD;
  return (((square * square) % FIELD) * x) % FIELD;
};

function mix(state: bigint[], matrix: Matrix): bigint[] {
  const out: bigint[] = [];
  for (const row of matrix) {
    let sum = 0n;
    for (let i = 0; i < row.length; i++) sum += (row[i] as bigint) * (state[i] as bigint);
    out.push(sum % FIELD);
  }
  return out;
}

function permute(start: readonly bigint[], constants: PoseidonConstants): bigint[] {
  const { t, matrix, bridge, first, fullConstants, partial } = constants;
  let state = start.slice();
  const full = (round: number, by: Matrix): void => {
    const added = fullConstants[round] ?? [];
    for (let i = 0; i < t; i++) state[i] = pow5((state[i] as bigint) + (added[i] as bigint));
    state = mix(state, by);
  };
  for (let round = 0; round < 4; round++) full(round, round === 3 ? bridge : matrix);
  // Lanes 1.. only ever gain products of reduced factors here: 68 of them stay below 2^516, so they are reduced once, afterwards.
  let head = state[0] as bigint;
  for (const { constant, row, column } of partial) {
    const x = pow5(head + constant);
    let sum = first * x;
    for (let i = 1; i < t; i++) {
      const lane = state[i] as bigint;
      sum += (row[i - 1] as bigint) * lane;
      state[i] = lane + (column[i - 1] as bigint) * x;
    }
    head = sum % FIELD;
  }
  state[0] = head;
  for (let round = 4; round < 8; round++) full(round, matrix);
  return state;
}

/** circomlib's Poseidon of 1 to 16 field elements. Error: FIELD_ELEMENT for an input outside [0, r). */
export function poseidon(inputs: readonly bigint[]): bigint {
  if (inputs.length < 1 || inputs.length > 16)
    throw new CoreError("NUMBER_OUT_OF_RANGE", { what: "Poseidon's inputs", value: inputs.length, low: 1, high: 16 });
  for (const input of inputs)
    if (input < 0n || input >= FIELD) throw new CoreError("FIELD_ELEMENT", { what: "A Poseidon input" });
  return permute([0n, ...inputs], poseidonConstants(inputs.length + 1))[0] ?? 0n;
}

export const WORD_BYTES = 31;
const WORDS_PER_STEP = 15;

/** Data as field elements: 31 bytes big-endian each, the last one zero-padded on the right. */
export function toWords(bytes: Uint8Array): bigint[] {
  const words: bigint[] = [];
  for (let at = 0; at < bytes.length; at += WORD_BYTES) {
    const chunk = bytes.subarray(at, at + WORD_BYTES);
    words.push(bytesToBig(chunk) << BigInt(8 * (WORD_BYTES - chunk.length)));
  }
  return words;
}

/**
 * SALTED commitment to bytes (zk.md section 4): h = P2(2^64 + length, salt); then h = P16(h, next 15 words, zero-filled). The length
 * in the first step makes the zero filling unambiguous. `salt`: 31 bytes, secret, from a generator. Returns 32 bytes, big-endian.
 */
export function poseidonFold(bytes: Uint8Array, salt: Uint8Array): Uint8Array {
  if (salt.length !== WORD_BYTES)
    throw new CoreError("SALT_INVALID", { why: `a SALTED digest takes ${WORD_BYTES} bytes, not ${salt.length}` });
  let hash = poseidon([(1n << 64n) + BigInt(bytes.length), bytesToBig(salt)]);
  const words = toWords(bytes);
  const wide = poseidonConstants(WORDS_PER_STEP + 2);
  for (let at = 0; at < words.length; at += WORDS_PER_STEP) {
    const state = [0n, hash];
    for (let i = 0; i < WORDS_PER_STEP; i++) state.push(words[at + i] ?? 0n);
    hash = permute(state, wide)[0] ?? 0n;
  }
  return bigToBytes(hash, 32);
}
