// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../../core/poseidon-constants.ts";
import { inverse } from "../circuit/field.ts";
import { WIRE_RHO, type R1cs } from "../r1cs/r1cs.ts";
import { rowForms, without, type Form, type RowForms } from "./form.ts";
import { onlyRho } from "./round-types.ts";
import type { Rounds } from "./rounds.ts";

/** A polynomial in rho: coefficient by power; zeros may occur. */
type Polynomial = Map<number, bigint>;

function addTo(into: Polynomial, power: number, by: bigint): void {
  into.set(power, mod((into.get(power) ?? 0n) + by));
}

function addProduct(into: Polynomial, x: Polynomial, y: Polynomial, by: bigint): void {
  for (const [i, a] of x) for (const [j, b] of y) addTo(into, i + j, a * b * by);
}

/**
 * Differentiates polynomial identities at a witness, coefficient by coefficient of rho: the identity holds for a random rho only if
 * each coefficient vanishes, so each is an equation about committed wires (the exact matrix or polynomial product).
 */
export class Gradient {
  readonly #r1cs: R1cs;
  readonly #definitions: ReadonlyMap<number, number>;
  readonly #values: readonly bigint[];
  readonly #order: ReadonlyMap<number, number>;
  readonly #forms = new Map<number, RowForms>();
  readonly #polynomials = new Map<number, Polynomial>();
  /** Whether a round-2 wire depends on a wanted committed one. */
  readonly #relevant = new Map<number, boolean>();
  readonly #wanted: (wire: number) => boolean;

  constructor(r1cs: R1cs, rounds: Rounds, values: readonly bigint[], wanted: (wire: number) => boolean) {
    this.#r1cs = r1cs;
    this.#definitions = rounds.definitions;
    this.#values = values;
    this.#wanted = wanted;
    this.#order = new Map([...rounds.definitions.keys()].map((wire, i) => [wire, i]));
    for (const wire of rounds.definitions.keys()) this.#relevant.set(wire, this.#readsWanted(wire));
  }

  #rowOf(wire: number): RowForms {
    let forms = this.#forms.get(wire);
    if (forms === undefined) this.#forms.set(wire, (forms = rowForms(this.#r1cs, this.#definitions.get(wire) ?? 0)));
    return forms;
  }

  #readsWanted(wire: number): boolean {
    const { a, b, c } = this.#rowOf(wire);
    return [a, b, c].some((form) => {
      for (const other of form.keys()) if (other !== wire && this.#isRelevant(other)) return true;
      return false;
    });
  }

  #isRelevant(wire: number): boolean {
    return this.#definitions.has(wire) ? this.#relevant.get(wire) === true : this.#wanted(wire);
  }

  /** Value of a form as a polynomial in rho. */
  #valueOf(form: Form): Polynomial {
    const sum: Polynomial = new Map();
    for (const [wire, coefficient] of form) {
      if (wire === WIRE_RHO) addTo(sum, 1, coefficient);
      else if (this.#definitions.has(wire))
        for (const [power, value] of this.#polynomialOf(wire)) addTo(sum, power, value * coefficient);
      else addTo(sum, 0, (this.#values[wire] ?? 0n) * coefficient);
    }
    return sum;
  }

  /** Horner chains are walked down and built once: keeping every prefix would be quadratic. */
  #polynomialOf(wire: number): Polynomial {
    const known = this.#polynomials.get(wire);
    if (known !== undefined) return known;
    const sum: Polynomial = new Map();
    let [at, shift, scale] = [wire, 0, 1n];
    for (;;) {
      const { a, b, c } = this.#rowOf(at);
      const by = mod(scale * inverse(c.get(at) ?? 0n));
      for (const [power, value] of this.#valueOf(without(c, at))) addTo(sum, power + shift, -value * by);
      const [factor, other] = onlyRho(a) === undefined ? [onlyRho(b), a] : [onlyRho(a), b];
      const [only] = other;
      if (factor !== undefined && other.size === 1 && only !== undefined && this.#definitions.has(only[0])) {
        [at, shift, scale] = [only[0], shift + 1, mod(by * factor * only[1])];
        continue;
      }
      const product: Polynomial = new Map();
      if (a.size > 0) addProduct(product, this.#valueOf(a), this.#valueOf(b), by);
      for (const [power, value] of product) addTo(sum, power + shift, value);
      break;
    }
    this.#polynomials.set(wire, sum);
    return sum;
  }

  /** One equation, coefficient by wanted wire, for each power of rho in the identity of this check's row. */
  equations(row: number): Map<number, bigint>[] {
    const equations = new Map<number, Map<number, bigint>>();
    const adjoints = new Map<number, Polynomial>();
    const pending: number[] = [];
    const spread = (form: Form, adjoint: Polynomial, by: bigint): void => {
      for (const [wire, coefficient] of form) {
        if (!this.#isRelevant(wire)) continue;
        if (this.#definitions.has(wire)) {
          let sum = adjoints.get(wire);
          if (sum === undefined) {
            adjoints.set(wire, (sum = new Map()));
            push(pending, wire, this.#order);
          }
          for (const [power, value] of adjoint) addTo(sum, power, value * coefficient * by);
          continue;
        }
        for (const [power, value] of adjoint) {
          let equation = equations.get(power);
          if (equation === undefined) equations.set(power, (equation = new Map()));
          addTo(equation, wire, value * coefficient * by);
        }
      }
    };
    const back = ({ a, b }: RowForms, rest: Form, adjoint: Polynomial, by: bigint): void => {
      if (a.size > 0)
        for (const [side, other] of [
          [a, b],
          [b, a],
        ] as const) {
          if (![...side.keys()].some((wire) => this.#isRelevant(wire))) continue;
          const product: Polynomial = new Map();
          addProduct(product, adjoint, this.#valueOf(other), 1n);
          spread(side, product, by);
        }
      spread(rest, adjoint, -by);
    };
    const check = rowForms(this.#r1cs, row);
    back(check, check.c, new Map([[0, 1n]]), 1n);
    // Later definitions first: an adjoint is complete before it is passed on.
    for (let wire = pending.pop(); wire !== undefined; wire = pending.pop()) {
      const forms = this.#rowOf(wire);
      back(forms, without(forms.c, wire), adjoints.get(wire) ?? new Map(), inverse(forms.c.get(wire) ?? 0n));
      adjoints.delete(wire);
    }
    return [...equations.values()];
  }
}

/** Keeps `list` ascending by order; what is pushed last is usually highest or lowest, so the scan is short. */
function push(list: number[], wire: number, order: ReadonlyMap<number, number>): void {
  const rank = order.get(wire) ?? 0;
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((order.get(list[middle] ?? -1) ?? 0) < rank) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, wire);
}
