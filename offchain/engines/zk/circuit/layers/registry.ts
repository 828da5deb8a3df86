// SPDX-License-Identifier: GPL-3.0-or-later
import type { Op } from "../../../../core/program/types.ts";
import type { Layer } from "../context.ts";
import { CircuitError } from "../errors.ts";
import { linearLayer } from "./linear.ts";
import { mapLayer } from "./map.ts";
import { moveLayer } from "./move.ts";
import { squareLayer } from "./square.ts";

/** Every operator that has a circuit. */
const layers: { readonly [K in Op["kind"]]?: Layer<Extract<Op, { kind: K }>> } = {
  dense: linearLayer,
  conv: linearLayer,
  sumPool: linearLayer,
  add: linearLayer,
  concat: moveLayer,
  reshape: moveLayer,
  transpose: moveLayer,
  map: mapLayer,
  square: squareLayer,
};

/** Error: NOT_PROVABLE for an operator without a circuit. */
export function layerOf(op: Op): Layer {
  const layer = layers[op.kind];
  if (layer === undefined) throw new CircuitError("NOT_PROVABLE", { reason: `operator ${op.kind} has no circuit yet` });
  return layer;
}
