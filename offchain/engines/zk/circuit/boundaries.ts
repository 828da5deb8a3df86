// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf, type ValueInfo } from "../../../core/program/analyse.ts";
import { encodeTensor } from "../../../core/tensor.ts";
import { WORD_BYTES } from "../../../core/poseidon.ts";
import { EQUAL, HORNER_END, HORNER_STEP, poseidon, SIGNED_BYTE, SIGNED_WORD } from "./gadgets.ts";
import type { Form } from "./forms.ts";
import { STEP_LIMB, STEP_NEGATIVE, STEP_SALT } from "./netlist.ts";
import { exactFunction, tableFunction, type TableFunction } from "./plan/sites.ts";
import { bitLength, shapeCost } from "./plan/range-shapes.ts";
import type { BuildContext } from "./context.ts";
import type { BoundaryKind, CircuitBoundary } from "./types.ts";

/** Two's complement as a function of the signed value; for inputs its keys are the declared range. */
const BYTES: TableFunction = exactFunction(
  tableFunction(
    -128,
    127,
    Array.from({ length: 256 }, (_, i) => (i + 128) & 255),
  ),
);
/** Words of one Poseidon step. */
const STEP_WORDS = 15;
/** zk.md counts 243 and 612; the first S-box of lane 0, which starts as the constant 0, is a constant. */
const POSEIDON_2 = 240;
const POSEIDON_16 = 609;

/** Encoding of a boundary tensor before its data; circuits take a batch of one. */
export function boundaryOf(info: ValueInfo, direction: 0 | 1, kind: BoundaryKind): CircuitBoundary {
  const dims = [1, ...info.dims];
  const count = elementsOf(dims);
  const i8 = info.dtype === "i8";
  const encoded = encodeTensor({
    dtype: i8 ? "i8" : "i32",
    dims,
    data: i8 ? new Int8Array(count) : new Int32Array(count),
  });
  const dataLength = count * (i8 ? 1 : 4);
  return {
    direction,
    kind: kind === "PUBLIC" ? 0 : 1,
    dataLength,
    header: encoded.slice(0, encoded.length - dataLength),
  };
}

/** Constraints of a boundary's words or digest, without those of its elements. */
export function foldCost({ kind, dataLength, header }: CircuitBoundary): number {
  if (kind === 0) return 0;
  return POSEIDON_2 + POSEIDON_16 * Math.ceil(Math.ceil((dataLength + header.length) / WORD_BYTES) / STEP_WORDS);
}

/** Number of words a boundary contributes to v. */
export const wordCount = ({ kind, dataLength }: CircuitBoundary): number =>
  kind === 0 ? Math.ceil(dataLength / WORD_BYTES) : 1;

/** Constraints of the fingerprint of so many words: one a step; a single word is v itself. */
export const fingerprintCost = (words: number): number => Math.max(1, words - 1);

/** Constraints of one 32-bit element besides its ranges. */
export const WORD_COST = 1;

/** lo <= x <= hi by two sides, or in one where the interval fills a range. */
export function intervalRanges(context: BuildContext, x: Form, lo: bigint, hi: bigint): void {
  const { net, lookups, shapes } = context;
  const { forms } = net;
  const bits = bitLength(hi - lo);
  if (lo === hi) {
    net.stamp(EQUAL, { a: x, b: forms.constant(lo) });
    return;
  }
  const above = forms.sum(x, forms.constant(-lo));
  const [exact, loose] = [shapes.exact(bits), shapes.loose(bits)];
  if (hi - lo + 1n === 1n << BigInt(bits) && shapeCost(exact) <= 2 * shapeCost(loose)) lookups.range(above, exact);
  else {
    lookups.range(above, loose);
    lookups.range(forms.difference(forms.constant(hi), x), loose);
  }
}

/** Bytes of one 32-bit element. `x` is any form that the bounds or the caller keep within 32 bits. */
export function wordBytes(context: BuildContext, x: Form): Form[] {
  const { net, lookups, shapes } = context;
  const bytes = [0, 1, 2].map((i) => net.advice(STEP_LIMB, x, 8 * i, 8));
  const sign = net.advice(STEP_NEGATIVE, x, 0, 0);
  const { low: [low = x] = [], top: [top = x] = [] } = net.stamp(SIGNED_WORD, { x, byte: bytes, sign });
  for (const byte of bytes) lookups.range(byte, shapes.exact(8));
  lookups.range(low, shapes.exact(7));
  return [...bytes, top];
}

/** Byte of a signed 8-bit element, through a sign bit or the table of (value, byte). */
export function signedByte(
  context: BuildContext,
  x: Form,
  range: readonly [bigint, bigint],
  through: "sign" | "table",
): Form {
  const { net, lookups, shapes } = context;
  if (through === "table") {
    const byte = net.advice(STEP_LIMB, x, 0, 8);
    lookups.pair(BYTES, range, x, byte);
    return byte;
  }
  const sign = net.advice(STEP_NEGATIVE, x, 0, 0);
  const { low: [low = x] = [], byte: [byte = x] = [] } = net.stamp(SIGNED_BYTE, { x, sign });
  lookups.range(low, shapes.exact(7));
  return byte;
}

/** 31-byte words, big-endian, the last one padded with zeros on the right. */
export function packWords({ net: { forms } }: BuildContext, bytes: readonly Form[]): Form[] {
  const words: Form[] = [];
  for (let at = 0; at < bytes.length; at += WORD_BYTES) {
    const chunk = bytes.slice(at, at + WORD_BYTES);
    words.push(forms.combine(chunk.map((byte, i) => [byte, 1n << BigInt(8 * (WORD_BYTES - 1 - i))] as const)));
  }
  return words;
}

/** The SALTED digest of `bytes`, as offchain/core/poseidon.ts `poseidonFold` computes it. */
export function saltedDigest(context: BuildContext, bytes: readonly Form[], salt: number): Form {
  const { net } = context;
  const { forms } = net;
  const hash = (inputs: readonly Form[]) =>
    net.stamp(poseidon(inputs.length), { in: inputs })["out"]?.[0] ?? forms.zero;
  const secret = net.advice(STEP_SALT, null, salt, 0);
  let digest = hash([forms.constant((1n << 64n) + BigInt(bytes.length)), secret]);
  const words = packWords(context, bytes);
  for (let at = 0; at < words.length; at += STEP_WORDS)
    digest = hash([digest, ...Array.from({ length: STEP_WORDS }, (_, i) => words[at + i] ?? forms.zero)]);
  return digest;
}

/** v of all words: Horner's rule at rho. */
export function fingerprint({ net }: BuildContext, words: readonly Form[], v: Form, rho: Form): void {
  let before = words[0] ?? net.forms.zero;
  if (words.length === 1) net.stamp(EQUAL, { a: v, b: before });
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? net.forms.zero;
    if (i === words.length - 1) net.stamp(HORNER_END, { rho, r2_before: before, word, v });
    else before = net.stamp(HORNER_STEP, { rho, r2_before: before, word })["r2_v"]?.[0] ?? before;
  }
}
