// SPDX-License-Identifier: GPL-3.0-or-later
import type { Op } from "../../../../core/program/types.ts";
import type { Layer } from "../context.ts";
import { argmaxLayer } from "./argmax.ts";
import { forestLayer } from "./forest.ts";
import { layerNormLayer } from "./layer-norm.ts";
import { linearLayer } from "./linear.ts";
import { mapLayer } from "./map.ts";
import { matmulLayer } from "./matmul.ts";
import { maxPoolLayer } from "./max-pool.ts";
import { moveLayer } from "./move.ts";
import { softmaxLayer } from "./softmax.ts";
import { squareLayer } from "./square.ts";

/** Every operator as a circuit. */
const layers: { readonly [K in Op["kind"]]: Layer<Extract<Op, { kind: K }>> } = {
  dense: linearLayer,
  conv: linearLayer,
  sumPool: linearLayer,
  add: linearLayer,
  concat: moveLayer,
  reshape: moveLayer,
  transpose: moveLayer,
  map: mapLayer,
  square: squareLayer,
  maxPool: maxPoolLayer,
  matmul: matmulLayer,
  softmax: softmaxLayer,
  layerNorm: layerNormLayer,
  forest: forestLayer,
  argmax: argmaxLayer,
};

export const layerOf = (op: Op): Layer => layers[op.kind];
