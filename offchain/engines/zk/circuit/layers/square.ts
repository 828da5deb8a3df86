// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import type { SquareOp } from "../../../../core/program/types.ts";
import type { Layer } from "../context.ts";
import { SQUARE } from "../gadgets.ts";

/** y = x²: bounds below 2^250 keep it an integer square. */
export const squareLayer: Layer<SquareOp> = {
  demand({ info }, demand) {
    demand.fixed(elementsOf(info.output.dims));
  },
  build(_, [x = []], { net }) {
    return x.map((form) => net.stamp(SQUARE, { x: form })["y"]?.[0] ?? form);
  },
};
