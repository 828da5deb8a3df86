// SPDX-License-Identifier: GPL-3.0-or-later
import type { Program } from "../../offchain/core/program/types.ts";
import { compileCircuit } from "../../offchain/engines/zk/circuit/compile-circuit.ts";
import type { CircuitOptions } from "../../offchain/engines/zk/circuit/types.ts";
import { Prng } from "./prng.ts";
import { randomBlock } from "./random-block.ts";
import { Random, randomPolynomial, randomProgram } from "./random-program.ts";
import { conv, dense, relu, retrained, signedOut, stage } from "./small-architectures.ts";

export const SALT = Uint8Array.from({ length: 31 }, (_, i) => 7 * i + 2);

export const compileCase = (program: Program, weights: CircuitOptions["weights"], kind: "PUBLIC" | "SALTED") =>
  compileCircuit(program, {
    weights,
    inKinds: program.inputs.map(() => kind),
    outKind: kind,
    cacheFolder: "build/cells",
  });

const trained = (architecture: Program): Program => retrained(architecture, new Prng(4));

/** Circuits that together have every kind of step and definition. */
export const WITNESS_CASES: readonly (readonly [
  string,
  () => Program,
  CircuitOptions["weights"],
  "PUBLIC" | "SALTED",
])[] = [
  ["a network", () => randomProgram(new Random(3)), "public", "PUBLIC"],
  ["a network with salts", () => randomProgram(new Random(1)), "public", "SALTED"],
  ["polynomials", () => randomPolynomial(new Random(2), 2), "public", "PUBLIC"],
  ["attention", () => randomBlock(new Random(19)), "public", "PUBLIC"],
  ["a layer norm", () => randomBlock(new Random(0)), "public", "PUBLIC"],
  ["a forest", () => randomBlock(new Random(17)), "public", "PUBLIC"],
  [
    "a private row",
    () => trained(stage([6], [dense(0, 6, 5, relu(9)), dense(1, 5, 3, signedOut(8))])),
    "private",
    "SALTED",
  ],
  [
    "private dense layers",
    () => trained(stage([7, 6], [dense(0, 6, 5, relu(9)), dense(1, 5, 4, { kind: "exact" })])),
    "private",
    "PUBLIC",
  ],
  [
    "a private convolution",
    () => trained(stage([2, 6, 5], [conv(0, [2, 3], [3, 3], { pads: [1, 1, 1, 1], finish: signedOut(10) })])),
    "private",
    "PUBLIC",
  ],
];
