// SPDX-License-Identifier: MIT
import { SheError } from "../../../core/she/errors.ts";
import type { SheObject } from "../../../core/she/object.ts";
import { factor, type Factor, type PrimeTables, type Ring } from "../kernel/ring.ts";
import { SINGLE_LANE, type Lane } from "./lane.ts";

/** A ciphertext in the kernel's memory: two polynomials of `level` rows each. */
export interface Cipher {
  readonly c0: number;
  readonly c1: number;
  readonly level: number;
}

/** A switching key in the kernel's memory: a pair of polynomials of level + 1 rows (the special prime's last) a digit. */
export interface SwitchingKey {
  readonly level: number;
  readonly galois: number;
  readonly b: readonly number[];
  readonly a: readonly number[];
}

/** A polynomial, or a pair, to be divided: `source` has `level` rows and the dropped prime's row behind them. */
export interface Division {
  readonly source: number;
  readonly target: number;
  /** Added to the quotient; 0 for nothing. */
  readonly addend: number;
}

/** Terms of one dot product. */
const MAX_TERMS = 4096;

/**
 * Arithmetic of leveled RNS-CKKS on rows in transformed form: integers only, no secret, no randomness. "Extended" polynomials have
 * a row for the special prime behind their `level` data rows. Methods write to pointers that the caller allocated; a target may be
 * a source unless said. With several lanes every lane makes the same calls; `meet` orders them where needed.
 */
export class Evaluator {
  readonly ring: Ring;
  readonly #lane: Lane;
  readonly #lists: readonly [number, number, number];
  readonly #work: number;
  /** Coefficients of the digits or of the dropped rows: read by all lanes. */
  readonly #coefficients: number;
  /** Digit j's row of prime i at j * (levels + 1) + i. */
  readonly #digits: number;
  readonly #bySpecial: readonly Factor[];
  #digitLevel = 0;
  #digitSource = 0;

  constructor(ring: Ring, lane: Lane = SINGLE_LANE) {
    this.ring = ring;
    this.#lane = lane;
    const mine = Array.from({ length: lane.count }, () => ({
      lists: [0, 1, 2].map(() => ring.memory.allocate(4 * MAX_TERMS)),
      work: ring.allocate(1),
    }))[lane.index];
    this.#lists = (mine?.lists ?? [0, 0, 0]) as [number, number, number];
    this.#work = mine?.work ?? 0;
    this.#coefficients = ring.allocate(ring.levels + 1);
    this.#digits = ring.allocate(ring.levels * (ring.levels + 1));
    const special = ring.table(ring.levels).prime;
    this.#bySpecial = ring.tables.map(({ prime }) => factor(special % prime, prime));
  }

  /** Index of the prime at a row's position: extended polynomials of any level end with the special prime. */
  primeAt(position: number, level: number): number {
    return position === level ? this.ring.levels : position;
  }

  meet(): void {
    this.#lane.meet();
  }

  /** Rows of this lane: position, byte offset, prime index, its tables. */
  #rows(
    count: number,
    level: number,
    work: (offset: number, index: number, table: PrimeTables, position: number) => void,
  ) {
    const { ring } = this;
    for (let position = this.#lane.index; position < count; position += this.#lane.count) {
      const index = this.primeAt(position, level);
      work(position * ring.rowBytes, index, ring.table(index), position);
    }
  }

  /** out = a + b over `level` rows, or also the special row. */
  add(a: number, b: number, out: number, level: number, extended = false): void {
    const { kernel, degree } = this.ring;
    this.#rows(extended ? level + 1 : level, level, (offset, _index, { prime }) =>
      kernel.add(a + offset, b + offset, out + offset, degree, prime),
    );
  }

  /** Rows of zeros. */
  clear(out: number, rows: number): void {
    const { memory, degree } = this.ring;
    this.#rows(rows, this.ring.levels + 1, (offset) => memory.words(out + offset, degree).fill(0));
  }

  /** out = special prime * a, extended: what `divideBy` of the special prime gives back exactly. */
  extend(a: number, out: number, level: number): void {
    const { ring } = this;
    this.#rows(level + 1, level, (offset, index, { prime }) => {
      const by = this.#bySpecial[index] as Factor;
      if (index === ring.levels) ring.memory.words(out + offset, ring.degree).fill(0);
      else ring.kernel.scale(a + offset, by.value, by.shoup, out + offset, ring.degree, prime);
    });
  }

  /** out = sum of a_k * b_k. `stored`: rows before the special row of the b_k. */
  dot(
    terms: readonly (readonly [a: number, b: number])[],
    out: number,
    level: number,
    extended = false,
    stored = level,
  ) {
    const { ring } = this;
    const [listA, listB] = this.#lists;
    this.#rows(extended ? level + 1 : level, level, (offset, _index, table, position) => {
      const [wordsA, wordsB] = [ring.memory.words(listA, terms.length), ring.memory.words(listB, terms.length)];
      const offsetB = position === level ? stored * ring.rowBytes : offset;
      for (const [k, [a, b]] of terms.entries()) {
        wordsA[k] = a + offset;
        wordsB[k] = b + offsetB;
      }
      const { prime, radix, radixShoup, mu } = table;
      ring.kernel.dot(listA, listB, terms.length, out + offset, ring.degree, prime, radix, radixShoup, mu);
    });
  }

  /** Applies the automorphism X -> X^galois to `rows` rows. Not in place. */
  permute(a: number, out: number, galois: number, rows: number): void {
    const { ring } = this;
    const map = ring.map(galois);
    this.#rows(rows, ring.levels + 1, (offset) => ring.kernel.permute(a + offset, out + offset, map, ring.degree));
  }

  /**
   * Digits of a polynomial for key switching, kept until the next call, shared by all rotations of one ciphertext. Centred:
   * d_j = ((a mod q_j + h) mod q_j) - h, h = (q_j - 1) / 2, so that their mean is zero; uncentred are SEAL's, for comparison.
   */
  decompose(a: number, level: number, centred = true): void {
    const { ring } = this;
    this.meet();
    this.#rows(level, level, (offset, index, { prime }) => {
      const target = this.#coefficients + offset;
      ring.inverse(index, a + offset, target);
      if (centred) ring.kernel.shift(target, (prime - 1) / 2, target, ring.degree, prime);
    });
    this.meet();
    this.#rows(level + 1, level, (_offset, index, { prime }) => {
      for (let digit = 0; digit < level; digit++) {
        if (digit === index) continue;
        const half = (ring.table(digit).prime - 1) / 2;
        const target = this.#digitRow(digit, index);
        const source = this.#coefficients + digit * ring.rowBytes;
        if (centred) ring.kernel.lift(source, prime - (half % prime), target, ring.degree);
        ring.forward(index, centred ? target : source, target);
      }
    });
    this.#digitLevel = level;
    this.#digitSource = a;
  }

  #digitRow(digit: number, index: number): number {
    return this.#digits + (digit * (this.ring.levels + 1) + index) * this.ring.rowBytes;
  }

  /** (out0, out1), extended, = sum of the digits times the key. Errors: LEVEL_MISMATCH if the key is too short. */
  applyKey(key: SwitchingKey, out0: number, out1: number): void {
    const { ring } = this;
    const level = this.#digitLevel;
    if (key.level < level) throw new SheError("LEVEL_MISMATCH", { what: "A key", level: key.level, wanted: level });
    const [listD, listB, listA] = this.#lists;
    this.#rows(level + 1, level, (offset, index, table, position) => {
      const [wordsD, wordsB, wordsA] = [listD, listB, listA].map((list) => ring.memory.words(list, level)) as [
        Uint32Array,
        Uint32Array,
        Uint32Array,
      ];
      const keyOffset = (position === level ? key.level : position) * ring.rowBytes;
      for (let digit = 0; digit < level; digit++) {
        wordsD[digit] = digit === index ? this.#digitSource + offset : this.#digitRow(digit, index);
        wordsB[digit] = (key.b[digit] ?? 0) + keyOffset;
        wordsA[digit] = (key.a[digit] ?? 0) + keyOffset;
      }
      const { prime, radix, radixShoup, mu } = table;
      const [to0, to1] = [out0 + offset, out1 + offset];
      ring.kernel.dotPair(listD, listB, listA, level, to0, to1, ring.degree, prime, radix, radixShoup, mu);
    });
  }

  /**
   * Divides by a prime with rounding: target = round(source / p) + addend over `level` rows. `index` is the dropped prime's:
   * the special prime (end of a key switch) or `level` (a rescale); its row stands behind the `level` rows of each source.
   */
  divideBy(index: number, level: number, divisions: readonly Division[]): void {
    const { ring } = this;
    const { kernel, degree, rowBytes } = ring;
    const { prime: dropped } = ring.table(index);
    const half = (dropped - 1) / 2;
    this.meet();
    for (const [k, { source }] of divisions.entries()) {
      if (k % this.#lane.count !== this.#lane.index) continue;
      const remainder = this.#coefficients + k * rowBytes;
      ring.inverse(index, source + level * rowBytes, remainder);
      kernel.shift(remainder, half, remainder, degree, dropped);
    }
    this.meet();
    this.#rows(level, level, (offset, i, { prime }) => {
      const by = ring.inverseOf(index, i);
      for (const [k, { source, target, addend }] of divisions.entries()) {
        kernel.lift(this.#coefficients + k * rowBytes, prime - (half % prime), this.#work, degree);
        ring.forward(i, this.#work, this.#work);
        const plus = addend === 0 ? 0 : addend + offset;
        kernel.divide(source + offset, this.#work, by.value, by.shoup, plus, target + offset, degree, prime);
      }
    });
  }

  /** target = source with its last prime dropped and its scale divided by it; `target` has level - 1 rows. */
  rescale(source: Cipher, target: Cipher): void {
    const level = source.level - 1;
    if (target.level !== level || level < 1)
      throw new SheError("LEVEL_MISMATCH", { what: "A rescaled ciphertext", level: target.level, wanted: level });
    this.divideBy(level, level, [
      { source: source.c0, target: target.c0, addend: 0 },
      { source: source.c1, target: target.c1, addend: 0 },
    ]);
  }

  /** (c0^2, 2 c0 c1, c1^2), not yet relinearised. */
  tensorSquare({ c0, c1, level }: Cipher, out0: number, out1: number, out2: number): void {
    const { ring } = this;
    this.#rows(level, level, (offset, _index, { prime, radix, radixShoup, mu }) => {
      const outs = [out0 + offset, out1 + offset, out2 + offset] as const;
      ring.kernel.square(c0 + offset, c1 + offset, ...outs, ring.degree, prime, radix, radixShoup, mu);
    });
  }

  /** Copies a parsed ciphertext's rows in; both polynomials are allocated with room for the profile's level and the special row. */
  allocateCipher(level = this.ring.levels): Cipher {
    return { c0: this.ring.allocate(this.ring.levels + 1), c1: this.ring.allocate(this.ring.levels + 1), level };
  }

  /** Error: LEVEL_MISMATCH. Only one lane needs to; `meet` afterwards. */
  loadCipher({ header, rows }: SheObject, into: Cipher): void {
    const { level } = header;
    if (header.kind !== "ciphertext" || level !== into.level)
      throw new SheError("LEVEL_MISMATCH", { what: `A ${header.kind}`, level, wanted: into.level });
    const words = level * this.ring.degree;
    this.ring.memory.words(into.c0, words).set(rows.subarray(0, words));
    this.ring.memory.words(into.c1, words).set(rows.subarray(words));
  }

  storeCipher({ c0, c1, level }: Cipher): SheObject {
    const words = level * this.ring.degree;
    const rows = new Uint32Array(2 * words);
    rows.set(this.ring.memory.words(c0, words));
    rows.set(this.ring.memory.words(c1, words), words);
    const { profile } = this.ring;
    return {
      header: { kind: "ciphertext", profile, level, seeded: false, compact: false, special: false, galois: 0 },
      rows,
    };
  }

  /** Room for a key; `loadKey` fills it. */
  allocateKey(galois: number, level: number): SwitchingKey {
    const digits = Array.from({ length: level }, () => [this.ring.allocate(level + 1), this.ring.allocate(level + 1)]);
    return { galois, level, b: digits.map(([b = 0]) => b), a: digits.map(([, a = 0]) => a) };
  }

  /** Copies a parsed key in. Error: LEVEL_MISMATCH if it is another's place. Only one lane needs to; `meet` afterwards. */
  loadKey({ header, rows }: SheObject, into: SwitchingKey): void {
    if (header.kind !== "key" || header.level !== into.level || header.galois !== into.galois)
      throw new SheError("LEVEL_MISMATCH", {
        what: `A ${header.kind} of element ${header.galois}`,
        level: header.level,
        wanted: into.level,
      });
    const words = (header.level + 1) * this.ring.degree;
    for (let digit = 0; digit < header.level; digit++) {
      const from = 2 * digit * words;
      this.ring.memory.words(into.b[digit] ?? 0, words).set(rows.subarray(from, from + words));
      this.ring.memory.words(into.a[digit] ?? 0, words).set(rows.subarray(from + words, from + 2 * words));
    }
  }
}
