// SPDX-License-Identifier: GPL-3.0-or-later
import type { SetupCircuit } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { hashR1cs } from "../../../../../offchain/engines/zk/r1cs/hash-r1cs.ts";
import type { R1cs, SparseMatrix, WireGroups } from "../../../../../offchain/engines/zk/r1cs/r1cs.ts";

type Row = readonly (readonly [wire: number, coefficient: number])[];

const MINUS_ONE = 21888242871839275222246405745257275088548364400416034343698204186575808495616n;

function matrix(rows: readonly Row[]): SparseMatrix {
  const offsets = [0];
  for (const row of rows) offsets.push((offsets.at(-1) ?? 0) + row.length);
  return {
    offsets: Uint32Array.from(offsets),
    wires: Uint32Array.from(rows.flatMap((row) => row.map(([wire]) => wire))),
    coefficients: Uint32Array.from(rows.flatMap((row) => row.map(([, coefficient]) => coefficient))),
  };
}

// coefficients: index into constants
const [ONE, NEG, TWO] = [0, 1, 2];

function circuitOf(r1cs: R1cs, groups: WireGroups): SetupCircuit {
  const boundary = { kind: 1, dataLength: 4, header: Uint8Array.of(1, 1, 1, 4, 0, 0, 0) } as const;
  return {
    r1cs,
    groups,
    circuitHash: hashR1cs(r1cs),
    boundaries: [
      { direction: 0, ...boundary },
      { direction: 1, ...boundary },
    ],
  };
}

/** y = w0·x0 + w1·x1, a lookup of y in a table of one row, words x0, x1, y in v. Wires: 1, v, c, ρ, weights, x0 x1 p0 p1 y m, g h t. */
export function sampleCircuit({ weights = true, factor = 1 } = {}): SetupCircuit {
  const w = weights ? 2 : 0;
  const [v, c, rho] = [1, 2, 3];
  const [x0, x1, p0, p1, y, m] = [4 + w, 5 + w, 6 + w, 7 + w, 8 + w, 9 + w];
  const [g, h, t] = [10 + w, 11 + w, 12 + w];
  const other = factor === 1 ? ONE : TWO;
  const products: [Row, Row, Row][] = weights
    ? [
        [[[4, ONE]], [[x0, ONE]], [[p0, ONE]]],
        [[[5, other]], [[x1, ONE]], [[p1, ONE]]],
      ]
    : [
        [[[x0, ONE]], [[x0, ONE]], [[p0, ONE]]],
        [[[x1, other]], [[x1, ONE]], [[p1, ONE]]],
      ];
  const rows: [Row, Row, Row][] = [
    ...products,
    [
      [
        [p0, ONE],
        [p1, ONE],
      ],
      [[0, ONE]],
      [[y, ONE]],
    ],
    [
      [[g, ONE]],
      [
        [c, ONE],
        [y, NEG],
      ],
      [[0, ONE]],
    ],
    [
      [[h, ONE]],
      [
        [0, NEG],
        [c, ONE],
      ],
      [[m, ONE]],
    ],
    [
      [
        [g, ONE],
        [h, NEG],
      ],
      [[0, ONE]],
      [],
    ],
    [
      [[x0, ONE]],
      [[rho, ONE]],
      [
        [x1, NEG],
        [t, ONE],
      ],
    ],
    [
      [[t, ONE]],
      [[rho, ONE]],
      [
        [v, ONE],
        [y, NEG],
      ],
    ],
  ];
  const wires = 13 + w;
  const r1cs: R1cs = {
    wires,
    outputs: 1,
    publicInputs: 2,
    privateInputs: 0,
    constants: factor === 1 ? [1n, MINUS_ONE] : [1n, MINUS_ONE, 2n],
    a: matrix(rows.map(([a]) => a)),
    b: matrix(rows.map(([, b]) => b)),
    c: matrix(rows.map(([, , row]) => row)),
  };
  return circuitOf(r1cs, {
    weights: { from: 4, count: w },
    round1: { from: 4 + w, count: 6 },
    round2: { from: 10 + w, count: 3 },
  });
}

/** x·x = y with both digests public: context, input and output. */
export function oneRoundCircuit(): SetupCircuit {
  const [context, x, y, square] = [1, 2, 3, 4];
  const rows: [Row, Row, Row][] = [
    [[[context, ONE]], [[context, ONE]], [[square, ONE]]],
    [[[x, ONE]], [[x, ONE]], [[y, ONE]]],
  ];
  const r1cs: R1cs = {
    wires: 5,
    outputs: 0,
    publicInputs: 3,
    privateInputs: 0,
    constants: [1n],
    a: matrix(rows.map(([a]) => a)),
    b: matrix(rows.map(([, b]) => b)),
    c: matrix(rows.map(([, , row]) => row)),
  };
  const none = { from: 4, count: 0 };
  return {
    ...circuitOf(r1cs, { weights: none, round1: none, round2: { from: 4, count: 1 } }),
    options: { backend: "one-round" },
  };
}
