// SPDX-License-Identifier: GPL-3.0-or-later
import {
  CircuitSketch,
  evaluate,
  floorShift,
  plus,
  signed,
  times,
  type Affine,
  type Sketched,
} from "./circuit-sketch.ts";

const INPUTS = [3n, 0n, 15n, 7n];
const WEIGHTS = [
  [1, -2, 3, 1],
  [-1, 2, 1, -3],
];
const FIRST_KEY = -8;
const KEYS = 16;
const activation = (key: number): number => Math.max(0, Math.min(7, key));

/** Poles of a table's queries so far, with the values they look up. */
interface Sums {
  queries: Affine[];
  values: Affine[];
}

export interface ToyParts {
  readonly sketch: CircuitSketch;
  readonly range: Sums;
  readonly relu: Sums;
  /** Looks a form up in the range table of 16 rows. */
  readonly inRange: (name: string, x: Affine) => void;
}

/** Places where a fault is planted: what each returns or does replaces the honest part. */
export interface ToyFaults {
  readonly yGroup?: "round1" | "round2";
  readonly restGroup?: "round1" | "round2";
  readonly multiplicityGroup?: "round1" | "round2";
  readonly unrangedInput?: boolean;
  readonly unrangedRest?: boolean;
  readonly unlookedOutput?: boolean;
  readonly packedColumns?: boolean;
  readonly keyOf?: (row: number) => number;
  readonly skipQuery?: boolean;
  readonly skipRow?: boolean;
  readonly queryWeight?: number;
  readonly sharedMultiplicity?: boolean;
  readonly noOutputWord?: boolean;
  readonly noFingerprint?: boolean;
  readonly words?: (words: Affine[]) => Affine[];
  readonly hornerBy?: Affine;
  readonly balanceExtra?: Affine;
  readonly noRho?: boolean;
  readonly poleOf?: (denominator: Affine, sketch: CircuitSketch, name: string) => Affine;
  readonly more?: (parts: ToyParts) => void;
}

const POLE = (x: Affine): Affine => plus({ c: 1 }, times(x, -1));

/**
 * A whole two-round circuit in miniature: four 4-bit inputs, two neurons with constant weights, requantisation with a two-column
 * table (form T), one range table, a fingerprint of inputs and outputs.
 */
export function toyStage(faults: ToyFaults = {}): Sketched {
  const s = new CircuitSketch();
  const range: Sums = { queries: [], values: [] };
  const relu: Sums = { queries: [], values: [] };
  const pole = (name: string, denominator: Affine, numerator: Affine) =>
    s.pole(name, faults.poleOf?.(denominator, s, name) ?? denominator, numerator);
  const inRange = (name: string, x: Affine): void => {
    range.values.push(x);
    range.queries.push(pole(`g.${name}`, POLE(x), { one: 1 }));
  };

  const inputs = INPUTS.map((value, j) => s.wire("round1", `a${j}`, () => value));
  for (const [j, a] of inputs.entries()) if (faults.unrangedInput !== true || j > 0) inRange(`a${j}`, a);

  const outputs = WEIGHTS.map((weights, i) => {
    const t = plus({ one: 8 }, ...weights.map((w, j) => times(inputs[j] ?? {}, w)));
    const rest = s.wire(faults.restGroup ?? "round1", `rest${i}`, (of) => signed(evaluate(t, of)) & 15n);
    const key = times(plus(t, times(rest, -1)), INVERSE_16);
    const y = s.wire(faults.yGroup ?? "round1", `y${i}`, (of) =>
      BigInt(activation(Number(floorShift(evaluate(t, of), 4)))),
    );
    if (faults.unrangedRest !== true) inRange(`rest${i}`, rest);
    if (faults.unlookedOutput === true) return y;
    if (faults.packedColumns === true) {
      relu.values.push(key);
      relu.queries.push(pole(`g.y${i}`, POLE(plus(key, times(y, 64))), { one: 1 }));
      return y;
    }
    const column = s.product("round2", `ry${i}`, { rho: 1 }, y);
    relu.values.push(key);
    relu.queries.push(pole(`g.y${i}`, POLE(plus(key, column)), { one: 1 }));
    return y;
  });

  faults.more?.({ sketch: s, range, relu, inRange });
  const closeTable = (name: string, sums: Sums, rows: number, poleAt: (row: number) => Affine, first: number): void => {
    if (sums.queries.length === 0) return;
    const table = Array.from({ length: rows }, (_, row) => {
      const m =
        faults.sharedMultiplicity === true && name === "relu" && row < 2
          ? { [`m.range${row}`]: 1 }
          : s.wire(faults.multiplicityGroup ?? "round1", `m.${name}${row}`, (of) =>
              BigInt(sums.values.filter((x) => signed(evaluate(x, of)) === BigInt(first + row)).length),
            );
      return pole(`h.${name}${row}`, poleAt(row), m);
    });
    const counted = faults.skipQuery === true ? sums.queries.slice(1) : sums.queries;
    const weighed = counted.map((g, i) => times(g, i === 0 ? (faults.queryWeight ?? 1) : 1));
    const rowsCounted = faults.skipRow === true ? table.slice(1) : table;
    s.row({}, {}, plus(...weighed, ...rowsCounted.map((h) => times(h, -1)), faults.balanceExtra ?? {}));
  };
  closeTable("range", range, 16, (row) => POLE({ one: faults.keyOf?.(row) ?? row }), 0);
  const relPole = (row: number): Affine => {
    const key = faults.keyOf?.(row) ?? row;
    const y = activation(FIRST_KEY + row);
    if (faults.packedColumns === true) return POLE({ one: FIRST_KEY + key + 64 * y });
    return plus(POLE({ one: FIRST_KEY + key }), faults.noRho === true ? {} : { rho: -y });
  };
  closeTable("relu", relu, KEYS, relPole, FIRST_KEY);

  const all = [...inputs, ...(faults.noOutputWord === true ? [] : outputs)];
  const words = faults.words?.(all) ?? all;
  if (faults.noFingerprint !== true) {
    const by = faults.hornerBy ?? { rho: 1 };
    let sum: Affine = words[0] ?? {};
    for (let i = 1; i + 1 < words.length; i++) sum = s.product("round2", `f${i}`, sum, by, words[i]);
    const last = words.at(-1) ?? {};
    s.fingerprint((of) => evaluate(sum, of) * evaluate(by, of) + evaluate(last, of));
    s.row(sum, by, plus({ v: 1 }, times(last, -1)));
  }
  return s.build();
}

/** 16^-1 mod r. */
const INVERSE_16 = 20520227692349320520856005386178695395514091625390032197217066424914820464641n;

export const TOY_INPUTS = ["a0", "a1", "a2", "a3"];
