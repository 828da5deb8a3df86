// SPDX-License-Identifier: GPL-3.0-or-later
import type { LinearOperator } from "../../../core/program/linear-operators.ts";
import type { ConvOp, DenseOp } from "../../../core/program/types.ts";
import type { LayerFrame } from "./context.ts";
import type { Form } from "./forms.ts";
import { eachTap } from "./layers/each-tap.ts";
import { direct } from "./layers/private-linear.ts";
import { STEP_FACTOR, type Netlist } from "./netlist.ts";

type Frame = LayerFrame<DenseOp> | LayerFrame<ConvOp>;

/** Shapes that `eachEntry` needs. */
export interface Ends {
  readonly inDims: readonly number[];
  readonly outDims: readonly number[];
  /** Of the whole unrolled matrix. */
  readonly rows: number;
}

/** Every entry of the operator's unrolled matrix that is a weight: row, column, index of the weight. Padding is none. */
export function eachEntry(
  op: DenseOp | ConvOp,
  { inDims, outDims, rows }: Ends,
  visit: (row: number, column: number, weight: number) => void,
): void {
  if (op.kind === "dense") {
    const taps = op.weights.length / op.outputs;
    for (let row = 0; row < rows; row++) {
      const [batch, output] = [Math.floor(row / op.outputs), row % op.outputs];
      for (let i = 0; i < taps; i++) visit(row, batch * taps + i, output * taps + i);
    }
    return;
  }
  const [channels = 1, height = 1, width = 1] = inDims;
  const [, outHeight = 1, outWidth = 1] = outDims;
  const taps = op.kernel[0] * op.kernel[1];
  for (let output = 0; output < op.outputs; output++)
    for (let channel = 0; channel < channels; channel++)
      eachTap(op, inDims, outDims, (pixel, input, tap) =>
        visit(
          output * outHeight * outWidth + pixel,
          channel * height * width + input,
          (output * channels + channel) * taps + tap,
        ),
      );
}

/** Which bias a row adds: dense repeats them row by row of a batch, conv has one a channel. */
export const biasOf = ({ kind, outputs }: DenseOp | ConvOp, row: number, rows: number): number =>
  kind === "dense" ? row % outputs : Math.floor(row / (rows / outputs));

const endsOf = ({ sources, info }: Frame, { rows }: LinearOperator): Ends => ({
  inDims: sources[0]?.dims ?? [],
  outDims: info.output.dims,
  rows,
});

/** Constraints of one operator's check: one an entry, one a bias. */
export function linearCheckCost(frame: Frame, operator: LinearOperator): number {
  let entries = 0;
  eachEntry(frame.op, endsOf(frame, operator), () => entries++);
  return entries + frame.op.outputs;
}

/** Words that linear checks put in front of those of the boundaries: r of every operator, then r^T W and r · bias of every one. */
export const linearWordCount = (operators: readonly LinearOperator[]): number =>
  operators.reduce((sum, { rows, columns }) => sum + rows + columns + 1, 0);

/**
 * The linear checks of a stage while it is linked (zk.md section 5). r is advice, any field elements; every product r_i · W_ij is a
 * constraint over committed wires, and their sums are r^T W by definition. So nothing here depends on a challenge, and u is what the
 * committed weights make of the committed r.
 */
export class LinearChecks {
  readonly #net: Netlist;
  readonly #operators: ReadonlyMap<number, LinearOperator>;
  readonly #factors: Form[] = [];
  readonly #sums: Form[] = [];

  constructor(net: Netlist, operators: readonly LinearOperator[]) {
    this.#net = net;
    this.#operators = new Map(operators.map((operator) => [operator.op, operator]));
  }

  /** Operators are added in the program's order. */
  add(frame: Frame, weights: readonly Form[], bias: readonly Form[]): void {
    const { op, program, info } = frame;
    const operator = this.#operators.get(program.ops.indexOf(op));
    if (operator === undefined) return;
    const { rows, columns } = operator;
    const net = this.#net;
    net.part(`${info.name}, linear check`);
    const from = this.#factors.length;
    const r = Array.from({ length: rows }, (_, i) => net.advice(STEP_FACTOR, null, 0, from + i));
    const entries: [weights: Form[], factors: Form[]][] = Array.from({ length: columns }, () => [[], []]);
    eachEntry(op, endsOf(frame, operator), (row, column, weight) => {
      const [ws, rs] = entries[column] as [Form[], Form[]];
      ws.push(weights[weight] as Form);
      rs.push(r[row] as Form);
    });
    const perBias: Form[][] = bias.map(() => []);
    for (const [row, factor] of r.entries()) perBias[biasOf(op, row, rows)]?.push(factor);
    const factors = perBias.map((list) => net.forms.sum(...list));
    this.#factors.push(...r);
    for (const [ws, rs] of entries) this.#sums.push(direct(net, ws, rs));
    this.#sums.push(direct(net, bias, factors));
    net.part(info.name);
  }

  /** In front of the boundaries' words in v: where all are 0, as in a job's proof, v does not know of them. */
  get words(): readonly Form[] {
    return [...this.#factors, ...this.#sums];
  }
}
