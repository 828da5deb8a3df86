// SPDX-License-Identifier: GPL-3.0-or-later
import type { ConcatOp, ReshapeOp, TransposeOp } from "../../../../core/program/types.ts";
import { concatSources, transposeSources } from "../../../../core/program/run/move.ts";
import type { Layer } from "../context.ts";
import type { Form } from "../forms.ts";

/** Elements that only change their place. */
export const moveLayer: Layer<ConcatOp | ReshapeOp | TransposeOp> = {
  demand() {
    // Free.
  },
  build({ op, sources }, inputs) {
    const dims = sources.map((source) => source.dims);
    const [x = []] = inputs;
    switch (op.kind) {
      case "reshape":
        return x;
      case "transpose":
        return Array.from(transposeSources(dims[0] ?? [], op.perm, 1), (source) => x[source] as Form);
      case "concat": {
        const { part, index } = concatSources(dims, op.axis, 1);
        return Array.from(part, (p, e) => inputs[p]?.[index[e] as number] as Form);
      }
    }
  },
};
