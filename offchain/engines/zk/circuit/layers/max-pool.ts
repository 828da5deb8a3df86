// SPDX-License-Identifier: GPL-3.0-or-later
import type { MaxPoolOp } from "../../../../core/program/types.ts";
import type { Layer, LayerFrame } from "../context.ts";
import type { Form } from "../forms.ts";
import { maximum } from "../gadgets.ts";
import { STEP_VALUE } from "../netlist.ts";
import { bitLength } from "../plan/range-shapes.ts";
import { eachTap } from "./each-tap.ts";

/** Input elements of each output element. */
function windowsOf({ op, sources, info }: LayerFrame<MaxPoolOp>): number[][] {
  const inDims = sources[0]?.dims ?? [];
  const outDims = info.output.dims;
  const [channels = 1, height = 1, width = 1] = inDims;
  const size = (outDims[1] ?? 1) * (outDims[2] ?? 1);
  const windows: number[][] = Array.from({ length: channels * size }, () => []);
  for (let c = 0; c < channels; c++)
    eachTap(op, inDims, outDims, (output, input) => windows[c * size + output]?.push(c * height * width + input));
  return windows;
}

const gapBits = ({ sources }: LayerFrame): number => bitLength((sources[0]?.hi ?? 0n) - (sources[0]?.lo ?? 0n));

/** y is one of its window and none of it is larger. */
export const maxPoolLayer: Layer<MaxPoolOp> = {
  demand(frame, demand) {
    const bits = gapBits(frame);
    for (const { length } of windowsOf(frame)) {
      if (length < 2 || bits === 0) continue;
      demand.fixed(length - 1);
      demand.range({ exact: false, bits, count: length });
    }
  },
  build(frame, [x = []], { net, lookups, shapes }) {
    const bits = gapBits(frame);
    return windowsOf(frame).map((window, element) => {
      const cells = window.map((input) => x[input] as Form);
      if (cells.length < 2 || bits === 0) return cells[0] as Form;
      const y = net.advice(STEP_VALUE, null, frame.value, element);
      const { gap = [] } = net.stamp(maximum(cells.length), { y, x: cells });
      for (const form of gap) lookups.range(form, shapes.loose(bits));
      return y;
    });
  },
};
