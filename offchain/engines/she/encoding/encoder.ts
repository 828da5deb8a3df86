// SPDX-License-Identifier: MIT
import { SheError } from "../../../core/she/errors.ts";
import { reverseBits } from "../../../core/she/modular.ts";
import { rootsOfUnity, type Roots } from "./roots.ts";

/**
 * CKKS encoding (Cheon, Kim, Kim, Song 2017): N/2 real slots to N integer coefficients and back. Slot s is the value at
 * exp(i pi 3^s / N), so that X -> X^3 rotates the slots left by one. The only floating-point step of encrypted evaluation: doubles
 * in a fixed order of operations, without fused multiply-add (which JavaScript cannot do), so bytes are the same everywhere.
 */
export class Encoder {
  readonly degree: number;
  readonly slots: number;
  readonly #roots: Roots;
  /** Transform position of slot s, and of its conjugate. */
  readonly #places: Uint32Array;
  readonly #mirrors: Uint32Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;

  constructor(degree: number) {
    this.degree = degree;
    this.slots = degree / 2;
    this.#roots = rootsOfUnity(degree);
    this.#re = new Float64Array(degree);
    this.#im = new Float64Array(degree);
    const bits = Math.log2(degree);
    this.#places = new Uint32Array(this.slots);
    this.#mirrors = new Uint32Array(this.slots);
    for (let s = 0, exponent = 1; s < this.slots; s++, exponent = (3 * exponent) % (2 * degree)) {
      this.#places[s] = reverseBits((exponent - 1) / 2, bits);
      this.#mirrors[s] = reverseBits((2 * degree - exponent - 1) / 2, bits);
    }
  }

  /**
   * Integer coefficients of the slots times `scale`, rounded to nearest. Missing slots are zero. Error: PLAIN_OVERFLOW if one is
   * not below 2^53.
   */
  encode(slots: ArrayLike<number>, scale: number): Float64Array {
    const [re, im] = [this.#re, this.#im];
    for (let s = 0; s < this.slots; s++) {
      const value = slots[s] ?? 0;
      re[this.#places[s] ?? 0] = value;
      re[this.#mirrors[s] ?? 0] = value;
    }
    im.fill(0);
    this.#inverse();
    const factor = scale / this.degree;
    const coefficients = new Float64Array(this.degree);
    for (let i = 0; i < this.degree; i++) {
      // Adding zero turns -0 into 0: one encoding a number.
      const value = Math.round((re[i] ?? 0) * factor) + 0;
      if (!(Math.abs(value) < 2 ** 53)) throw new SheError("PLAIN_OVERFLOW", { limit: 53 });
      coefficients[i] = value;
    }
    return coefficients;
  }

  /** Slots of coefficients divided by `scale`. */
  decode(coefficients: Float64Array, scale: number): Float64Array {
    const [re, im] = [this.#re, this.#im];
    for (let i = 0; i < this.degree; i++) re[i] = (coefficients[i] ?? 0) / scale;
    im.fill(0);
    this.#forward();
    return Float64Array.from({ length: this.slots }, (_, s) => re[this.#places[s] ?? 0] ?? 0);
  }

  /** Position j becomes the value at exp(i pi (2 brv(j) + 1) / N): the order of the modular transforms. */
  #forward(): void {
    const [re, im, n] = [this.#re, this.#im, this.degree];
    const bits = Math.log2(n);
    for (let m = 1, gap = n / 2; m < n; m *= 2, gap /= 2)
      for (let i = 0; i < m; i++) {
        const k = reverseBits(m + i, bits);
        const [wr, wi] = [this.#roots.re[k] ?? 0, this.#roots.im[k] ?? 0];
        for (let j = 2 * i * gap; j < (2 * i + 1) * gap; j++) {
          const [xr = 0, xi = 0, yr = 0, yi = 0] = [re[j], im[j], re[j + gap], im[j + gap]];
          const tr = yr * wr - yi * wi;
          const ti = yr * wi + yi * wr;
          re[j] = xr + tr;
          im[j] = xi + ti;
          re[j + gap] = xr - tr;
          im[j + gap] = xi - ti;
        }
      }
  }

  /** N times the inverse of `#forward`. */
  #inverse(): void {
    const [re, im, n] = [this.#re, this.#im, this.degree];
    const bits = Math.log2(n);
    for (let m = n / 2, gap = 1; m >= 1; m /= 2, gap *= 2)
      for (let i = 0; i < m; i++) {
        const k = reverseBits(m + i, bits);
        const [wr, wi] = [this.#roots.re[k] ?? 0, -(this.#roots.im[k] ?? 0)];
        for (let j = 2 * i * gap; j < (2 * i + 1) * gap; j++) {
          const [xr = 0, xi = 0, yr = 0, yi = 0] = [re[j], im[j], re[j + gap], im[j + gap]];
          const [dr, di] = [xr - yr, xi - yi];
          re[j] = xr + yr;
          im[j] = xi + yi;
          re[j + gap] = dr * wr - di * wi;
          im[j + gap] = dr * wi + di * wr;
        }
      }
  }
}
