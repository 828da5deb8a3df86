// SPDX-License-Identifier: MIT
// Rows of N u32 residues modulo a prime 2^29 < p < 2^30, four lanes a vector. AssemblyScript, compiled by scripts/she/build.mjs.
// Integers only: no floats, no allocation, no secret-dependent branch or address, so that every machine computes the same bytes.
// Pointers are byte offsets, multiples of 16. Every export but `lift` writes canonical residues (< p); lazier ranges stay inside
// a call. Names: `ws` is the Shoup companion floor(w * 2^32 / p) of w; `r` is 2^32 mod p, `mu` is floor(2^32 / p).

/** Upper halves of the four 64-bit products. */
@inline function highProduct(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}
/** y * w mod p in [0, 2p), for any 32-bit y (Shoup; Harvey, "Faster arithmetic for number-theoretic transforms", 2014). */
@inline function shoup(y: v128, w: v128, ws: v128, p: v128): v128 {
  return i32x4.sub(i32x4.mul(y, w), i32x4.mul(highProduct(y, ws), p));
}
/** x < 2m to x mod m: the subtraction wraps to a large number exactly when x < m. */
@inline function fold(x: v128, m: v128): v128 {
  return i32x4.min_u(x, i32x4.sub(x, m));
}
/** a - b + m, for b <= m + a. */
@inline function minus(a: v128, b: v128, m: v128): v128 {
  return i32x4.add(i32x4.sub(a, b), m);
}
@inline function at(base: usize, index: i32): usize {
  return base + ((<usize>index) << 2);
}
/** Four 64-bit sums, even lanes in `lo`, odd in `hi` order of extmul, to residues in [0, p). */
@inline function reduce(lo: v128, hi: v128, p: v128, p2: v128, r: v128, rs: v128, mu: v128): v128 {
  const high = v128.shuffle<u32>(lo, hi, 1, 3, 5, 7);
  const low = v128.shuffle<u32>(lo, hi, 0, 2, 4, 6);
  // high * 2^32 by Shoup, < 2p; low by Barrett, < 2p: the sum is below 4p < 2^32.
  const sum = i32x4.add(shoup(high, r, rs, p), i32x4.sub(low, i32x4.mul(highProduct(low, mu), p)));
  return fold(fold(sum, p2), p);
}

/**
 * Forward negacyclic transform, natural to bit-reversed order: out[j] = a(psi^(2 brv(j) + 1)). In: [0, 4p). `table`: n powers
 * of psi, w[brv(i)] = psi^i, then their companions. `src` may be `dst`.
 */
export function forward(src: usize, dst: usize, table: usize, n: i32, p: u32): void {
  const P = i32x4.splat(p), P2 = i32x4.splat(p << 1);
  const shoups = at(table, n);
  let from = src, gap = n >> 1, m = 1;
  // Two levels a pass: half the memory traffic of radix 2.
  while (gap >= 8) {
    const quarter = (<usize>gap) << 1;
    for (let i = 0; i < m; i++) {
      const outer = m + i, inner = (m + i) << 1;
      const w1 = v128.load32_splat(at(table, outer)), s1 = v128.load32_splat(at(shoups, outer));
      const w2 = v128.load32_splat(at(table, inner)), s2 = v128.load32_splat(at(shoups, inner));
      const w3 = v128.load32_splat(at(table, inner + 1)), s3 = v128.load32_splat(at(shoups, inner + 1));
      let o = (<usize>(i * gap)) << 3;
      for (const end = o + quarter; o < end; o += 16) {
        const a0 = fold(v128.load(from + o), P2), a1 = fold(v128.load(from + o + quarter), P2);
        const t2 = shoup(v128.load(from + o + 2 * quarter), w1, s1, P);
        const t3 = shoup(v128.load(from + o + 3 * quarter), w1, s1, P);
        const b0 = fold(i32x4.add(a0, t2), P2), b2 = fold(minus(a0, t2, P2), P2);
        const u1 = shoup(i32x4.add(a1, t3), w2, s2, P), u3 = shoup(minus(a1, t3, P2), w3, s3, P);
        v128.store(dst + o, i32x4.add(b0, u1));
        v128.store(dst + o + quarter, minus(b0, u1, P2));
        v128.store(dst + o + 2 * quarter, i32x4.add(b2, u3));
        v128.store(dst + o + 3 * quarter, minus(b2, u3, P2));
      }
    }
    from = dst;
    m <<= 2;
    gap >>= 2;
  }
  if (gap == 4) {
    for (let i = 0; i < m; i++) {
      const w = v128.load32_splat(at(table, m + i)), ws = v128.load32_splat(at(shoups, m + i));
      const o = dst + ((<usize>i) << 5);
      const x = fold(v128.load(o), P2), t = shoup(v128.load(o + 16), w, ws, P);
      v128.store(o, i32x4.add(x, t));
      v128.store(o + 16, minus(x, t, P2));
    }
    m <<= 1;
  }
  // Gaps 2 and 1 together, within two vectors.
  const w2 = at(table, m), s2 = at(shoups, m), w1 = at(table, m << 1), s1 = at(shoups, m << 1);
  for (let i = 0; i < m; i += 2) {
    const o = dst + ((<usize>i) << 4);
    const a = v128.load(o), b = v128.load(o + 16);
    const wide = v128.load64_splat(at(w2, i)), wides = v128.load64_splat(at(s2, i));
    const w = v128.shuffle<u32>(wide, wide, 0, 0, 1, 1), ws = v128.shuffle<u32>(wides, wides, 0, 0, 1, 1);
    const x = fold(v128.shuffle<u32>(a, b, 0, 1, 4, 5), P2), t = shoup(v128.shuffle<u32>(a, b, 2, 3, 6, 7), w, ws, P);
    const sum = i32x4.add(x, t), difference = minus(x, t, P2);
    const x1 = fold(v128.shuffle<u32>(sum, difference, 0, 4, 2, 6), P2);
    const t1 = shoup(v128.shuffle<u32>(sum, difference, 1, 5, 3, 7), v128.load(at(w1, i << 1)), v128.load(at(s1, i << 1)), P);
    const even = fold(fold(i32x4.add(x1, t1), P2), P), odd = fold(fold(minus(x1, t1, P2), P2), P);
    v128.store(o, v128.shuffle<u32>(even, odd, 0, 4, 1, 5));
    v128.store(o + 16, v128.shuffle<u32>(even, odd, 2, 6, 3, 7));
  }
}

/** Inverse of `forward`. In: [0, 2p). `table`: inverse powers, same order; `w`, `ws`: 1/n mod p and its companion. */
export function inverse(src: usize, dst: usize, table: usize, n: i32, p: u32, w: u32, ws: u32): void {
  const P = i32x4.splat(p), P2 = i32x4.splat(p << 1);
  const shoups = at(table, n);
  let m = n >> 2;
  const w2 = at(table, m), s2 = at(shoups, m), w1 = at(table, m << 1), s1 = at(shoups, m << 1);
  for (let i = 0; i < m; i += 2) {
    const o = (<usize>i) << 4;
    const a = v128.load(src + o), b = v128.load(src + o + 16);
    const x = v128.shuffle<u32>(a, b, 0, 2, 4, 6), y = v128.shuffle<u32>(a, b, 1, 3, 5, 7);
    const sum = fold(i32x4.add(x, y), P2);
    const difference = shoup(minus(x, y, P2), v128.load(at(w1, i << 1)), v128.load(at(s1, i << 1)), P);
    const wide = v128.load64_splat(at(w2, i)), wides = v128.load64_splat(at(s2, i));
    const wi = v128.shuffle<u32>(wide, wide, 0, 0, 1, 1), si = v128.shuffle<u32>(wides, wides, 0, 0, 1, 1);
    const x2 = v128.shuffle<u32>(sum, difference, 0, 4, 2, 6), y2 = v128.shuffle<u32>(sum, difference, 1, 5, 3, 7);
    const first = fold(i32x4.add(x2, y2), P2), second = shoup(minus(x2, y2, P2), wi, si, P);
    v128.store(dst + o, v128.shuffle<u32>(first, second, 0, 1, 4, 5));
    v128.store(dst + o + 16, v128.shuffle<u32>(first, second, 2, 3, 6, 7));
  }
  let gap = 4;
  m >>= 1;
  while (m >= 2) {
    const half = m >> 1, quarter = (<usize>gap) << 2;
    for (let i = 0; i < half; i++) {
      const inner = m + (i << 1), outer = half + i;
      const wa = v128.load32_splat(at(table, inner)), sa = v128.load32_splat(at(shoups, inner));
      const wb = v128.load32_splat(at(table, inner + 1)), sb = v128.load32_splat(at(shoups, inner + 1));
      const wc = v128.load32_splat(at(table, outer)), sc = v128.load32_splat(at(shoups, outer));
      let o = dst + ((<usize>(i * gap)) << 4);
      for (const end = o + quarter; o < end; o += 16) {
        const a0 = v128.load(o), a1 = v128.load(o + quarter), a2 = v128.load(o + 2 * quarter), a3 = v128.load(o + 3 * quarter);
        const b0 = fold(i32x4.add(a0, a1), P2), b1 = shoup(minus(a0, a1, P2), wa, sa, P);
        const b2 = fold(i32x4.add(a2, a3), P2), b3 = shoup(minus(a2, a3, P2), wb, sb, P);
        v128.store(o, fold(i32x4.add(b0, b2), P2));
        v128.store(o + quarter, fold(i32x4.add(b1, b3), P2));
        v128.store(o + 2 * quarter, shoup(minus(b0, b2, P2), wc, sc, P));
        v128.store(o + 3 * quarter, shoup(minus(b1, b3, P2), wc, sc, P));
      }
    }
    gap <<= 2;
    m >>= 2;
  }
  const W = i32x4.splat(w), WS = i32x4.splat(ws), half = (<usize>n) << 1;
  if (m == 1) {
    const wl = v128.load32_splat(at(table, 1)), sl = v128.load32_splat(at(shoups, 1));
    for (let o = dst, end = dst + half; o < end; o += 16) {
      const a = v128.load(o), b = v128.load(o + half);
      v128.store(o, fold(shoup(fold(i32x4.add(a, b), P2), W, WS, P), P));
      v128.store(o + half, fold(shoup(shoup(minus(a, b, P2), wl, sl, P), W, WS, P), P));
    }
  } else {
    for (let o = dst, end = dst + 2 * half; o < end; o += 16) v128.store(o, fold(shoup(v128.load(o), W, WS, P), P));
  }
}

/** 15 products below 2^60 and a residue fit 64 bits. */
const TERMS: i32 = 15;

/** out = sum of a_k * b_k over k < count, any count >= 1. `listA`, `listB`: u32 pointers of rows. */
export function dot(listA: usize, listB: usize, count: i32, out: usize, n: i32, p: u32, r: u32, rs: u32, mu: u32): void {
  const P = i32x4.splat(p), P2 = i32x4.splat(p << 1), R = i32x4.splat(r), RS = i32x4.splat(rs), MU = i32x4.splat(mu);
  const size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) {
    let lo = i64x2.splat(0), hi = i64x2.splat(0), k = 0;
    for (;;) {
      for (const end = min(k + TERMS, count); k < end; k++) {
        const a = v128.load(<usize>load<u32>(at(listA, k)) + o), b = v128.load(<usize>load<u32>(at(listB, k)) + o);
        lo = i64x2.add(lo, i64x2.extmul_low_i32x4_u(a, b));
        hi = i64x2.add(hi, i64x2.extmul_high_i32x4_u(a, b));
      }
      if (k == count) break;
      const partial = reduce(lo, hi, P, P2, R, RS, MU);
      lo = i64x2.extend_low_i32x4_u(partial);
      hi = i64x2.extend_high_i32x4_u(partial);
    }
    v128.store(out + o, reduce(lo, hi, P, P2, R, RS, MU));
  }
}

/** Two sums that share a factor: a * b and a * c, each loaded once. Any count >= 1. */
export function dotPair(
  listA: usize, listB: usize, listC: usize, count: i32, outB: usize, outC: usize,
  n: i32, p: u32, r: u32, rs: u32, mu: u32,
): void {
  const P = i32x4.splat(p), P2 = i32x4.splat(p << 1), R = i32x4.splat(r), RS = i32x4.splat(rs), MU = i32x4.splat(mu);
  const size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) {
    let bLo = i64x2.splat(0), bHi = i64x2.splat(0), cLo = i64x2.splat(0), cHi = i64x2.splat(0), k = 0;
    for (;;) {
      for (const end = min(k + TERMS, count); k < end; k++) {
        const a = v128.load(<usize>load<u32>(at(listA, k)) + o);
        const b = v128.load(<usize>load<u32>(at(listB, k)) + o), c = v128.load(<usize>load<u32>(at(listC, k)) + o);
        bLo = i64x2.add(bLo, i64x2.extmul_low_i32x4_u(a, b));
        bHi = i64x2.add(bHi, i64x2.extmul_high_i32x4_u(a, b));
        cLo = i64x2.add(cLo, i64x2.extmul_low_i32x4_u(a, c));
        cHi = i64x2.add(cHi, i64x2.extmul_high_i32x4_u(a, c));
      }
      if (k == count) break;
      const b = reduce(bLo, bHi, P, P2, R, RS, MU), c = reduce(cLo, cHi, P, P2, R, RS, MU);
      bLo = i64x2.extend_low_i32x4_u(b);
      bHi = i64x2.extend_high_i32x4_u(b);
      cLo = i64x2.extend_low_i32x4_u(c);
      cHi = i64x2.extend_high_i32x4_u(c);
    }
    v128.store(outB + o, reduce(bLo, bHi, P, P2, R, RS, MU));
    v128.store(outC + o, reduce(cLo, cHi, P, P2, R, RS, MU));
  }
}

/** (c0, c1) squared as polynomials in the secret: c0^2, 2 c0 c1, c1^2. */
export function square(
  c0: usize, c1: usize, out0: usize, out1: usize, out2: usize, n: i32, p: u32, r: u32, rs: u32, mu: u32,
): void {
  const P = i32x4.splat(p), P2 = i32x4.splat(p << 1), R = i32x4.splat(r), RS = i32x4.splat(rs), MU = i32x4.splat(mu);
  const size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) {
    const a = v128.load(c0 + o), b = v128.load(c1 + o), twice = i32x4.add(a, a);
    v128.store(out0 + o, reduce(i64x2.extmul_low_i32x4_u(a, a), i64x2.extmul_high_i32x4_u(a, a), P, P2, R, RS, MU));
    v128.store(out1 + o, reduce(i64x2.extmul_low_i32x4_u(twice, b), i64x2.extmul_high_i32x4_u(twice, b), P, P2, R, RS, MU));
    v128.store(out2 + o, reduce(i64x2.extmul_low_i32x4_u(b, b), i64x2.extmul_high_i32x4_u(b, b), P, P2, R, RS, MU));
  }
}

export function add(a: usize, b: usize, out: usize, n: i32, p: u32): void {
  const P = i32x4.splat(p), size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) v128.store(out + o, fold(i32x4.add(v128.load(a + o), v128.load(b + o)), P));
}

export function subtract(a: usize, b: usize, out: usize, n: i32, p: u32): void {
  const P = i32x4.splat(p), size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) v128.store(out + o, fold(minus(v128.load(a + o), v128.load(b + o), P), P));
}

/** out = a * w. */
export function scale(a: usize, w: u32, ws: u32, out: usize, n: i32, p: u32): void {
  const P = i32x4.splat(p), W = i32x4.splat(w), WS = i32x4.splat(ws), size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) v128.store(out + o, fold(shoup(v128.load(a + o), W, WS, P), P));
}

/** out = a + h mod p, for a, h < p. */
export function shift(a: usize, h: u32, out: usize, n: i32, p: u32): void {
  const P = i32x4.splat(p), H = i32x4.splat(h), size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) v128.store(out + o, fold(i32x4.add(v128.load(a + o), H), P));
}

/** out = a + c as integers, not reduced: below 2^31 for residues and c < 2^30, so legal for `forward` of any of the primes. */
export function lift(a: usize, c: u32, out: usize, n: i32): void {
  const C = i32x4.splat(c), size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) v128.store(out + o, i32x4.add(v128.load(a + o), C));
}

/** out = (a - u) * w (+ addend unless its pointer is 0): the exact division by a prime whose remainder is u. */
export function divide(a: usize, u: usize, w: u32, ws: u32, addend: usize, out: usize, n: i32, p: u32): void {
  const P = i32x4.splat(p), W = i32x4.splat(w), WS = i32x4.splat(ws), size = (<usize>n) << 2;
  if (addend) {
    for (let o: usize = 0; o < size; o += 16) {
      const quotient = fold(shoup(minus(v128.load(a + o), v128.load(u + o), P), W, WS, P), P);
      v128.store(out + o, fold(i32x4.add(quotient, v128.load(addend + o)), P));
    }
  } else {
    for (let o: usize = 0; o < size; o += 16)
      v128.store(out + o, fold(shoup(minus(v128.load(a + o), v128.load(u + o), P), W, WS, P), P));
  }
}

/** out[i] = in[table[i]]; not in place. */
export function permute(src: usize, dst: usize, table: usize, n: i32): void {
  const size = (<usize>n) << 2;
  for (let o: usize = 0; o < size; o += 16) {
    store<u32>(dst + o, load<u32>(src + ((<usize>load<u32>(table + o)) << 2)));
    store<u32>(dst + o, load<u32>(src + ((<usize>load<u32>(table + o, 4)) << 2)), 4);
    store<u32>(dst + o, load<u32>(src + ((<usize>load<u32>(table + o, 8)) << 2)), 8);
    store<u32>(dst + o, load<u32>(src + ((<usize>load<u32>(table + o, 12)) << 2)), 12);
  }
}
