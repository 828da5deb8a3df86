// SPDX-License-Identifier: GPL-3.0-or-later
import { elementCount } from "../../core/tensor.ts";
import type { FloatGraph } from "../../engines/program/compile/float-graph.ts";
import { simplifyGraph } from "../../engines/program/compile/simplify.ts";
import { importGraph } from "../../engines/program/onnx/import-graph.ts";
import { parseOnnx } from "../../engines/program/onnx/parse-onnx.ts";
import { OnnxWriter } from "../../engines/program/onnx/write-onnx.ts";
import { ConvLayer } from "../../engines/split/train/conv-layer.ts";
import { DenseLayer, ReluLayer, type TrainLayer } from "../../engines/split/train/layers.ts";
import { CliError } from "../errors.ts";

type Weighted = ConvLayer | DenseLayer;

/** How many layers with weights the client keeps at each end; the server has the others. */
export interface Keep {
  readonly first: number;
  readonly last: number;
}

/** A network's layers, shared out; an activation belongs to the layer before it. */
export interface TrainParts {
  readonly bottom: readonly TrainLayer[];
  readonly middle: readonly TrainLayer[];
  readonly top: readonly TrainLayer[];
  /** Columns of what the middle takes and gives. */
  readonly inputWidth: number;
  readonly outputWidth: number;
}

/** A chain of dense layers, convolutions and ReLU, each holding a copy of its weights. */
export class TrainNetwork {
  readonly #graph: FloatGraph;
  /** A layer for each operator; null for reshapes, which change nothing in memory. */
  readonly #layers: readonly (TrainLayer | null)[];

  /** Error: TRAIN_MODEL_UNFIT; those of the ONNX reader. */
  constructor(onnx: Uint8Array) {
    this.#graph = simplifyGraph(importGraph(parseOnnx(onnx)));
    this.#layers = this.#graph.ops.map((_, index) => layerOf(this.#graph, index));
  }

  get inputWidth(): number {
    return elementCount(this.#graph.inputDims);
  }

  /** Scores that it gives. */
  get classes(): number {
    return elementCount(this.#graph.dims[this.#graph.output] ?? []);
  }

  get #weighted(): Weighted[] {
    return this.#layers.filter((layer) => isWeighted(layer));
  }

  /** Error: TRAIN_MODEL_UNFIT if nothing is left for the server, or nothing for the client. */
  parts(keep: Keep): TrainParts {
    const all = this.#weighted.length;
    if (keep.first < 1 || keep.first + keep.last >= all)
      throw new CliError("TRAIN_MODEL_UNFIT", {
        reason: `of its ${all} layers with weights the client cannot keep the first ${keep.first} and the last ${keep.last}`,
      });
    const [from, to] = [this.#startOf(keep.first), this.#startOf(all - keep.last)];
    const between = (first: number, end: number) => this.#layers.slice(first, end).filter((layer) => layer !== null);
    const widthAt = (value: number) => elementCount(this.#graph.dims[value] ?? []);
    return {
      bottom: between(0, from),
      middle: between(from, to),
      top: between(to, this.#layers.length),
      inputWidth: widthAt(from),
      outputWidth: widthAt(to),
    };
  }

  /** Takes the weights of the middle from another network of the same shape. Error: TRAIN_MODEL_UNFIT. */
  takeMiddle(other: TrainNetwork, keep: Keep): void {
    const [own, foreign] = [this.#weighted, other.#weighted];
    this.parts(keep);
    if (JSON.stringify(this.#shape()) !== JSON.stringify(other.#shape()))
      throw new CliError("TRAIN_MODEL_UNFIT", { reason: "the two files are not of one network" });
    own.slice(keep.first, own.length - keep.last).forEach((layer, i) => {
      const source = foreign[keep.first + i];
      if (source === undefined) return;
      layer.weights.set(source.weights);
      layer.bias.set(source.bias);
    });
  }

  /** ONNX with the layers' weights as they are now, in float32. */
  write(): Uint8Array {
    const writer = new OnnxWriter();
    let value = writer.input("input", "float", this.#graph.inputDims);
    this.#layers.forEach((layer, index) => {
      value = writeLayer(writer, value, { layer, op: this.#graph.ops[index] });
    });
    writer.output(value, "float", this.#graph.dims[this.#graph.output] ?? []);
    return writer.finish();
  }

  /** The operator that layer `count` with weights, from 0, is: all before it belong to the layers before. */
  #startOf(count: number): number {
    let seen = 0;
    const start = this.#layers.findIndex((layer) => isWeighted(layer) && seen++ === count);
    return start === -1 ? this.#layers.length : start;
  }

  #shape(): unknown {
    return [
      this.#graph.dims,
      this.#graph.ops.map(({ kind }) => kind),
      this.#weighted.map(({ weights }) => weights.length),
    ];
  }
}

const isWeighted = (layer: TrainLayer | null): layer is Weighted =>
  layer instanceof ConvLayer || layer instanceof DenseLayer;

function layerOf(graph: FloatGraph, index: number): TrainLayer | null {
  const op = graph.ops[index];
  const unfit = (reason: string) => new CliError("TRAIN_MODEL_UNFIT", { reason });
  if (op === undefined || !("input" in op) || op.input !== index || graph.output !== graph.ops.length)
    throw unfit("it is not a chain of layers");
  if (op.kind === "dense") return new DenseLayer(op.weights.slice(), op.bias.slice());
  if (op.kind === "activation" && op.activation.type === "relu") return new ReluLayer();
  if (op.kind === "reshape") return null;
  if (op.kind !== "conv") throw unfit(`${op.name}, a ${op.kind}, is not trained`);
  const dimsOf = (value: number): [number, number, number] => {
    const [channels = 0, height = 0, width = 0] = graph.dims[value] ?? [];
    return [channels, height, width];
  };
  const { kernel, strides, pads } = op;
  const shape = { kernel, strides, pads, inDims: dimsOf(op.input), outDims: dimsOf(index + 1) };
  return new ConvLayer(op.weights.slice(), op.bias.slice(), shape);
}

function writeLayer(
  writer: OnnxWriter,
  input: string,
  { layer, op }: { readonly layer: TrainLayer | null; readonly op: FloatGraph["ops"][number] | undefined },
): string {
  if (op?.kind === "reshape") {
    if (op.dims.length === 1) return writer.node("Flatten", [input], { axis: 1 });
    // 0 stands for the batch.
    return writer.node("Reshape", [input, writer.constant("int64", [op.dims.length + 1], [0, ...op.dims])]);
  }
  if (layer === null || !isWeighted(layer)) return writer.node("Relu", [input]);
  const outputs = layer.bias.length;
  const inputs = layer.weights.length / outputs;
  const bias = writer.constant("float", [outputs], layer.bias);
  if (op?.kind !== "conv") {
    const weights = writer.constant("float", [outputs, inputs], layer.weights);
    return writer.node("Gemm", [input, weights, bias], { transB: 1 });
  }
  const { kernel, strides, pads } = op;
  const weights = writer.constant("float", [outputs, inputs / (kernel[0] * kernel[1]), ...kernel], layer.weights);
  return writer.node("Conv", [input, weights, bias], { kernel_shape: kernel, strides, pads });
}
