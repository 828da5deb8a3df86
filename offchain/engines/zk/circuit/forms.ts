// SPDX-License-Identifier: GPL-3.0-or-later
import { centred, mod } from "./field.ts";

/** An affine form: Σ pool[coefficients[i]] · wire[wires[i]], wire 0 being 1. Wires are distinct, coefficients not 0. */
export interface Form {
  readonly wires: readonly number[];
  readonly coefficients: readonly number[];
}

const MEMO_LIMIT = 1 << 20;

/**
 * Affine forms over one pool of coefficients. A model repeats few coefficients very often, so products of coefficients are memoised
 * and forms hold small integers.
 */
export class Forms {
  readonly pool: bigint[] = [];
  readonly #ids = new Map<bigint, number>();
  readonly #products = new Map<number, number>();
  /** Place of a wire in the form being built, or -1. */
  #slots = new Int32Array(1024).fill(-1);

  readonly zero: Form = { wires: [], coefficients: [] };
  readonly one: Form;

  constructor() {
    this.id(1n);
    this.one = this.wire(0);
  }

  /** Pool index of a coefficient, reduced; its centred representative is stored. */
  id(value: bigint): number {
    const key = centred(mod(value));
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.pool.push(key) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }

  value(id: number): bigint {
    return this.pool[id] as bigint;
  }

  #multiply(a: number, b: number): number {
    if (a === 0) return b;
    if (b === 0) return a;
    const key = a < b ? a * 0x4000000 + b : b * 0x4000000 + a;
    let product = this.#products.get(key);
    if (product === undefined) {
      product = this.id(this.value(a) * this.value(b));
      if (this.#products.size < MEMO_LIMIT) this.#products.set(key, product);
    }
    return product;
  }

  wire(wire: number): Form {
    return { wires: [wire], coefficients: [0] };
  }

  constant(value: bigint | number): Form {
    return this.scaled(this.one, value);
  }

  scaled(form: Form, by: bigint | number): Form {
    return this.combine([[form, by]]);
  }

  sum(...parts: readonly Form[]): Form {
    return this.combine(parts.map((form) => [form, 1n] as const));
  }

  difference(a: Form, b: Form): Form {
    return this.combine([
      [a, 1n],
      [b, -1n],
    ]);
  }

  combine(parts: readonly (readonly [form: Form, by: bigint | number])[]): Form {
    return this.combineIds(
      parts.map(([form, by]) => [form, by === 0 || by === 0n ? -1 : this.id(BigInt(by))] as const),
    );
  }

  /** As `combine`, with pool indices; -1 stands for 0. */
  combineIds(parts: readonly (readonly [form: Form, by: number])[]): Form {
    const [first] = parts;
    if (parts.length === 1 && first?.[1] === 0) return first[0];
    const wires: number[] = [];
    const coefficients: number[] = [];
    let cancelled = false;
    for (const [form, by] of parts) {
      if (by < 0) continue;
      for (let i = 0; i < form.wires.length; i++) {
        const wire = form.wires[i] as number;
        const coefficient = this.#multiply(form.coefficients[i] as number, by);
        if (wire >= this.#slots.length) this.#grow(wire);
        const slot = this.#slots[wire] as number;
        if (slot < 0) {
          this.#slots[wire] = wires.length;
          wires.push(wire);
          coefficients.push(coefficient);
        } else {
          const sum = mod(this.value(coefficients[slot] as number) + this.value(coefficient));
          if (sum === 0n) cancelled = true;
          coefficients[slot] = this.id(sum);
        }
      }
    }
    for (const wire of wires) this.#slots[wire] = -1;
    if (!cancelled) return { wires, coefficients };
    const kept = wires.map((_, i) => i).filter((i) => this.value(coefficients[i] as number) !== 0n);
    return { wires: kept.map((i) => wires[i] as number), coefficients: kept.map((i) => coefficients[i] as number) };
  }

  #grow(wire: number): void {
    const larger = new Int32Array(Math.max(wire + 1, this.#slots.length * 2)).fill(-1);
    larger.set(this.#slots);
    this.#slots = larger;
  }

  /** The value of a form without wires, else undefined. */
  constantOf(form: Form): bigint | undefined {
    if (form.wires.length === 0) return 0n;
    return form.wires.length === 1 && form.wires[0] === 0 ? this.value(form.coefficients[0] as number) : undefined;
  }
}
