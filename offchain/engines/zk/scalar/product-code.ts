// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { FunctionCode, OP } from "./wasm-code.ts";

/**
 * Nine limbs of 29 bits: eighteen products of two limbs add up below 2^63, so a whole column is summed before anything is carried. With
 * limbs of 32 bits every product needs its own carry, which costs more than the products themselves.
 */
const LIMBS = 9;
const LIMB_BITS = 29n;
const MASK = (1n << LIMB_BITS) - 1n;
/** Montgomery's R: a product comes out divided by it. */
export const MONTGOMERY_BITS = LIMB_BITS * BigInt(LIMBS);
const WORDS = 4;
const WORD_BITS = 64n;

const MODULUS = Array.from({ length: LIMBS }, (_, i) => (FIELD >> (LIMB_BITS * BigInt(i))) & MASK);

/** −1/r mod 2^29, by Newton's iteration: each round doubles the bits that are right. */
function negatedInverse(): bigint {
  let inverse = 1n;
  for (let bits = 1n; bits < LIMB_BITS; bits *= 2n) inverse = (inverse * (2n - FIELD * inverse)) & MASK;
  return -inverse & MASK;
}

/** Splits the four words at a parameter's address into limbs. */
function loadLimbs(code: FunctionCode, parameter: number, words: readonly number[], limbs: readonly number[]): void {
  for (const [i, word] of words.entries()) code.load(parameter, 8 * i).set(word);
  for (const [i, limb] of limbs.entries()) {
    const bit = LIMB_BITS * BigInt(i);
    const [word, shift] = [Number(bit / WORD_BITS), bit % WORD_BITS];
    code.get(words[word] ?? 0);
    if (shift > 0n) code.constant(shift).op(OP.i64ShrU);
    if (shift + LIMB_BITS > WORD_BITS && word + 1 < WORDS)
      code
        .get(words[word + 1] ?? 0)
        .constant(WORD_BITS - shift)
        .op(OP.i64Shl, OP.i64Or);
    code.constant(MASK).op(OP.i64And).set(limb);
  }
}

/** Joins limbs into words and stores them. Bits of a limb beyond its word are dropped by the shift and come back in the next word. */
function storeLimbs(code: FunctionCode, parameter: number, words: readonly number[], limbs: readonly number[]): void {
  for (const [i, word] of words.entries()) {
    let parts = 0;
    for (const [j, limb] of limbs.entries()) {
      const offset = LIMB_BITS * BigInt(j) - WORD_BITS * BigInt(i);
      if (offset <= -LIMB_BITS || offset >= WORD_BITS) continue;
      code.get(limb);
      if (offset !== 0n) code.constant(offset < 0n ? -offset : offset).op(offset < 0n ? OP.i64ShrU : OP.i64Shl);
      if (parts++ > 0) code.op(OP.i64Or);
    }
    code.set(word);
    code.store(parameter, 8 * i, word);
  }
}

/** Adds left·right to the sum on the stack. */
const addProduct = (code: FunctionCode, left: number, right: number): FunctionCode =>
  code.get(left).get(right).op(OP.i64Mul, OP.i64Add);
const addMultiple = (code: FunctionCode, local: number, by: bigint): FunctionCode =>
  code.get(local).constant(by).op(OP.i64Mul, OP.i64Add);

/** limbs − r where that is not negative, else as they are: the limbs are below 2r. */
function subtractModulus(code: FunctionCode, limbs: readonly number[], borrow: number): void {
  const less = code.locals(LIMBS);
  code.constant(0n).set(borrow);
  for (const [i, limb] of limbs.entries()) {
    code
      .get(limb)
      .get(borrow)
      .op(OP.i64Add)
      .constant(MODULUS[i] ?? 0n)
      .op(OP.i64Sub)
      .set(borrow);
    code
      .get(borrow)
      .constant(MASK)
      .op(OP.i64And)
      .set(less[i] ?? 0);
    code.get(borrow).constant(LIMB_BITS).op(OP.i64ShrS).set(borrow);
  }
  // The last borrow is −1 or 0: a mask. No branch depends on the values, which are secret.
  for (const [i, limb] of limbs.entries()) {
    const smaller = less[i] ?? 0;
    code.get(limb).get(smaller).op(OP.i64Xor).get(borrow).op(OP.i64And);
    code.get(smaller).op(OP.i64Xor).set(limb);
  }
}

/**
 * into = a·b / 2^261 mod r, reduced, for reduced a and b: three addresses of 32 bytes, which may be the same. Montgomery's product,
 * column by column (Koç, Acar, Kaliski, "Analyzing and comparing Montgomery multiplication algorithms", FIPS).
 */
export function productCode(): FunctionCode {
  const code = new FunctionCode(3);
  const words = code.locals(WORDS);
  const [a, b, m, out] = [code.locals(LIMBS), code.locals(LIMBS), code.locals(LIMBS), code.locals(LIMBS)];
  const [sum = 0] = code.locals(1);
  loadLimbs(code, 0, words, a);
  loadLimbs(code, 1, words, b);
  const inverse = negatedInverse();
  code.constant(0n).set(sum);
  for (let column = 0; column < 2 * LIMBS - 1; column++) {
    const [first, last] = [Math.max(0, column - LIMBS + 1), Math.min(column, LIMBS - 1)];
    // What depends on the newest m comes last: the processor has the rest ready by then.
    code.constant(0n);
    for (let i = first; i <= last; i++) addProduct(code, a[i] ?? 0, b[column - i] ?? 0);
    code.get(sum).op(OP.i64Add);
    for (let i = first; i <= last && i < column; i++) addMultiple(code, m[i] ?? 0, MODULUS[column - i] ?? 0n);
    code.set(sum);
    if (column < LIMBS) {
      const own = m[column] ?? 0;
      code.get(sum).constant(inverse).op(OP.i64Mul).constant(MASK).op(OP.i64And).set(own);
      addMultiple(code.get(sum), own, MODULUS[0] ?? 0n).set(sum);
    } else
      code
        .get(sum)
        .constant(MASK)
        .op(OP.i64And)
        .set(out[column - LIMBS] ?? 0);
    code.get(sum).constant(LIMB_BITS).op(OP.i64ShrU).set(sum);
  }
  code.get(sum).set(out[LIMBS - 1] ?? 0);
  subtractModulus(code, out, sum);
  storeLimbs(code, 2, words, out);
  return code;
}
