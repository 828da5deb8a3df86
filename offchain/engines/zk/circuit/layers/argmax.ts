// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import type { ArgmaxOp } from "../../../../core/program/types.ts";
import type { Layer, LayerFrame } from "../context.ts";
import type { Form } from "../forms.ts";
import { argmax } from "../gadgets.ts";
import { STEP_ADVICE } from "../netlist.ts";
import { bitLength } from "../plan/range-shapes.ts";

const shapeOf = ({ sources }: LayerFrame<ArgmaxOp>) => {
  const [source] = sources;
  const width = source?.dims.at(-1) ?? 1;
  // One more than the spread: an earlier candidate must be smaller by at least 1.
  return {
    width,
    rows: elementsOf(source?.dims ?? []) / width,
    bits: bitLength((source?.hi ?? 0n) - (source?.lo ?? 0n)),
  };
};

/** The lowest index of the largest element of each row. */
export const argmaxLayer: Layer<ArgmaxOp> = {
  demand(frame, demand) {
    const { width, rows, bits } = shapeOf(frame);
    if (width < 2) return;
    demand.fixed(rows * 2 * width);
    demand.range({ exact: false, bits, count: rows * width });
  },
  build(frame, [x = []], { net, lookups, shapes }) {
    const { width, rows, bits } = shapeOf(frame);
    return Array.from({ length: rows }, (_, row) => {
      if (width < 2) return net.forms.zero;
      const hot: Form[] = [];
      for (let i = 1; i < width; i++) hot.push(net.source({ kind: STEP_ADVICE, p: frame.value, q: row * width + i }));
      const cells = x.slice(row * width, (row + 1) * width);
      const { index: [index = net.forms.zero] = [], gap = [] } = net.stamp(argmax(width), { x: cells, hot });
      for (const form of gap) lookups.range(form, shapes.loose(bits));
      return index;
    });
  },
};
