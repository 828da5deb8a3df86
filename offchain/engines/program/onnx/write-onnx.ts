// SPDX-License-Identifier: GPL-3.0-or-later
import { PbfWriter } from "pbf";

export const ELEMENT_TYPE = { float: 1, int32: 6, int64: 7, double: 11 } as const;
export type ElementType = keyof typeof ELEMENT_TYPE;

/** Integer attribute lists only: no operator we write needs another kind, except `to` (int). */
export type NodeAttributes = Readonly<Record<string, number | readonly number[]>>;

/** Collects an ONNX graph and writes its bytes. Value names are given out by the caller. */
export class OnnxWriter {
  readonly #nodes: Uint8Array[] = [];
  readonly #constants: Uint8Array[] = [];
  readonly #inputs: Uint8Array[] = [];
  readonly #outputs: Uint8Array[] = [];
  #names = 0;

  /** A name that no other value has. */
  fresh(hint: string): string {
    return `${hint}_${this.#names++}`;
  }

  constant(type: ElementType, dims: readonly number[], values: ArrayLike<number>): string {
    const name = this.fresh("c");
    const writer = new PbfWriter();
    writer.writePackedVarint(1, [...dims]);
    writer.writeVarintField(2, ELEMENT_TYPE[type]);
    writer.writeStringField(8, name);
    writer.writeBytesField(9, rawBytes(type, values));
    this.#constants.push(writer.finish());
    return name;
  }

  /** Adds a node and returns the name of its single output. */
  node(operator: string, inputs: readonly string[], attributes: NodeAttributes = {}): string {
    const output = this.fresh(operator.toLowerCase());
    const writer = new PbfWriter();
    for (const input of inputs) writer.writeStringField(1, input);
    writer.writeStringField(2, output);
    writer.writeStringField(3, output);
    writer.writeStringField(4, operator);
    for (const [name, value] of Object.entries(attributes)) {
      const attribute = new PbfWriter();
      attribute.writeStringField(1, name);
      if (typeof value === "number") attribute.writeVarintField(3, value);
      else for (const item of value) attribute.writeVarintField(8, item);
      attribute.writeVarintField(20, typeof value === "number" ? 2 : 7);
      writer.writeBytesField(5, attribute.finish());
    }
    this.#nodes.push(writer.finish());
    return output;
  }

  /** Dimensions without the batch, which stays symbolic. */
  input(name: string, type: ElementType, dims: readonly number[]): string {
    this.#inputs.push(valueInfo(name, type, dims));
    return name;
  }

  output(name: string, type: ElementType, dims: readonly number[]): void {
    this.#outputs.push(valueInfo(name, type, dims));
  }

  finish(): Uint8Array {
    const graph = new PbfWriter();
    for (const node of this.#nodes) graph.writeBytesField(1, node);
    graph.writeStringField(2, "assay");
    for (const constant of this.#constants) graph.writeBytesField(5, constant);
    for (const input of this.#inputs) graph.writeBytesField(11, input);
    for (const output of this.#outputs) graph.writeBytesField(12, output);
    const opset = new PbfWriter();
    opset.writeStringField(1, "");
    opset.writeVarintField(2, 13);
    const model = new PbfWriter();
    model.writeVarintField(1, 8);
    model.writeBytesField(7, graph.finish());
    model.writeBytesField(8, opset.finish());
    return model.finish();
  }
}

function valueInfo(name: string, type: ElementType, dims: readonly number[]): Uint8Array {
  const shape = new PbfWriter();
  const batch = new PbfWriter();
  batch.writeStringField(2, "batch");
  shape.writeBytesField(1, batch.finish());
  for (const dim of dims) {
    const entry = new PbfWriter();
    entry.writeVarintField(1, dim);
    shape.writeBytesField(1, entry.finish());
  }
  const tensor = new PbfWriter();
  tensor.writeVarintField(1, ELEMENT_TYPE[type]);
  tensor.writeBytesField(2, shape.finish());
  const typed = new PbfWriter();
  typed.writeBytesField(1, tensor.finish());
  const value = new PbfWriter();
  value.writeStringField(1, name);
  value.writeBytesField(2, typed.finish());
  return value.finish();
}

function rawBytes(type: ElementType, values: ArrayLike<number>): Uint8Array {
  const width = type === "int64" || type === "double" ? 8 : 4;
  const view = new DataView(new ArrayBuffer(values.length * width));
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (type === "float") view.setFloat32(i * 4, value, true);
    else if (type === "double") view.setFloat64(i * 8, value, true);
    else if (type === "int32") view.setInt32(i * 4, value, true);
    else view.setBigInt64(i * 8, BigInt(value), true);
  }
  return new Uint8Array(view.buffer);
}
