// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import type { MatmulOp } from "../../../../core/program/types.ts";
import { matmulShape } from "../../../../core/program/run/block.ts";
import type { BuildContext, Layer, LayerFrame } from "../context.ts";
import type { Form } from "../forms.ts";
import { HORNER_STEP, innerProduct, PRODUCT } from "../gadgets.ts";
import { STEP_ADVICE } from "../netlist.ts";
import { demandSites, finishAll, siteClasses } from "./finish.ts";

interface Shape {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** Independent products: heads. */
  readonly count: number;
}

function shapeOf({ sources, info }: LayerFrame<MatmulOp>): Shape {
  const outDims = info.output.dims;
  const [rows, inner, columns] = matmulShape(sources[0]?.dims ?? [], outDims);
  return { rows, inner, columns, count: elementsOf(outDims) / (rows * columns) };
}

/** A (B s) = Y s: B s and Y s by Horner's rule, then one product an element of A. */
const freivaldsCost = ({ rows, inner, columns }: Shape): number => rows * inner + (inner + rows) * (columns - 1);

const directCost = ({ rows, inner, columns }: Shape): number => rows * inner * columns;

/** Σ values[j]·rho^j */
function horner({ net, rho }: BuildContext, values: readonly Form[]): Form {
  return values
    .slice(0, -1)
    .reduceRight(
      (before, word) => net.stamp(HORNER_STEP, { rho, r2_before: before, word })["r2_v"]?.[0] ?? before,
      values.at(-1) as Form,
    );
}

/** Y = A·B of one head, accumulators as committed wires bound by one random combination of the columns. */
function freivalds(
  context: BuildContext,
  a: readonly Form[],
  b: (k: number, j: number) => Form,
  y: readonly Form[],
  shape: Shape,
) {
  const { rows, inner, columns } = shape;
  const row = (k: number) => Array.from({ length: columns }, (_, j) => b(k, j));
  const u = Array.from({ length: inner }, (_, k) => horner(context, row(k)));
  for (let i = 0; i < rows; i++) {
    const w = horner(context, y.slice(i * columns, (i + 1) * columns));
    context.net.stamp(innerProduct(inner), { a: a.slice(i * inner, (i + 1) * inner), r2_u: u, r2_w: w });
  }
}

function direct({ net }: BuildContext, a: readonly Form[], b: (k: number, j: number) => Form, shape: Shape): Form[] {
  const { rows, inner, columns } = shape;
  const products: Form[] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const terms = Array.from({ length: inner }, (_, k) => {
        const factor = a[i * inner + k] as Form;
        return net.stamp(PRODUCT, { a: factor, b: b(k, j) })["y"]?.[0] ?? factor;
      });
      products.push(net.forms.sum(...terms));
    }
  }
  return products;
}

/** A product of activations: attention's two. */
export const matmulLayer: Layer<MatmulOp> = {
  demand(frame, demand) {
    const shape = shapeOf(frame);
    demand.fixed(shape.count * (isDirect(shape, demand.challenges) ? directCost(shape) : freivaldsCost(shape)));
    demandSites(siteClasses(frame, frame.op.finish, 1), elementsOf(frame.info.output.dims), demand);
  },
  build(frame, [a = [], b = []], context) {
    const shape = shapeOf(frame);
    const { rows, inner, columns, count } = shape;
    const [stepK, stepJ] = frame.op.transposed ? [1, inner] : [columns, 1];
    const accumulators: Form[] = [];
    for (let head = 0; head < count; head++) {
      const left = a.slice(head * rows * inner, (head + 1) * rows * inner);
      const right = (k: number, j: number) => b[head * inner * columns + k * stepK + j * stepJ] as Form;
      if (isDirect(shape, context.challenges)) accumulators.push(...direct(context, left, right, shape));
      else {
        const from = head * rows * columns;
        const y = Array.from({ length: rows * columns }, (_, e) =>
          context.net.source({ kind: STEP_ADVICE, p: frame.value, q: from + e }),
        );
        freivalds(context, left, right, y, shape);
        accumulators.push(...y);
      }
    }
    return finishAll(context, accumulators, siteClasses(frame, frame.op.finish, 1), 1, frame.value);
  },
};

/** Without challenges, or where it is no dearer, every product is a constraint. */
const isDirect = (shape: Shape, challenges: boolean): boolean =>
  !challenges || shape.inner < 2 || directCost(shape) <= freivaldsCost(shape);
