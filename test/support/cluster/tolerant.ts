// SPDX-License-Identifier: GPL-3.0-or-later
import { encodeTolerance, toleranceOf } from "../../../offchain/core/sketch.ts";
import { KIND_PUBLIC, type ModelManifest } from "../../../offchain/core/types.ts";
import type { ModelShelf } from "../../../offchain/protocol/ports.ts";
import { testManifest } from "./cluster.ts";

/** Steps that honest outputs of the test model may lie from their median, and what a step is worth. */
export const TAU = 2;
export const STEP = 2 ** -10;

/** The manifest of a float model of one stage, public at both ends. */
export function tolerantManifest(name = "halves"): ModelManifest {
  const manifest = testManifest(1);
  const [stage] = manifest.stages;
  if (stage === undefined) throw new TypeError("no stage");
  const weightsY = encodeTolerance(toleranceOf(STEP, TAU));
  return {
    ...manifest,
    name,
    acceptedMasks: 3,
    stages: [{ ...stage, inKind: KIND_PUBLIC, outKind: KIND_PUBLIC, weightsY }],
  };
}

/** Half of each element, off by a machine's own last bits: `noise` in steps. */
export const halves =
  (outputs: number, noise: number): ModelShelf["stage"] =>
  async () => ({
    maxInputBytes: 4096,
    run: async ([input]) => {
      const first = input?.data[0] ?? 0;
      const data = Float32Array.from({ length: outputs }, (_, i) => (first + i) / 2 + noise * STEP);
      return { output: { dtype: "f32", dims: [1, outputs], data }, probe: null };
    },
  });
