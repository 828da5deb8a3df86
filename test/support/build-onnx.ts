// SPDX-License-Identifier: GPL-3.0-or-later
import { PbfWriter } from "pbf";

export interface OnnxTensorSpec {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: readonly number[];
  readonly type?: "float" | "int64";
  /** Marks the data as lying in another file. */
  readonly external?: boolean;
}

export interface OnnxNodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly name?: string;
  readonly domain?: string;
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number>>;
  readonly texts?: Readonly<Record<string, string>>;
  readonly floatLists?: Readonly<Record<string, readonly number[]>>;
  readonly textLists?: Readonly<Record<string, readonly string[]>>;
  /** Outputs before `output`, such as a classifier's label. */
  readonly before?: readonly string[];
  readonly tensor?: OnnxTensorSpec;
  readonly subgraph?: boolean;
}

export interface OnnxSpec {
  readonly input: readonly (number | string)[];
  readonly nodes: readonly OnnxNodeSpec[];
  readonly constants?: readonly OnnxTensorSpec[];
  readonly output: string;
  readonly opset?: number;
}

function message(build: (writer: PbfWriter) => void): Uint8Array {
  const writer = new PbfWriter();
  build(writer);
  return writer.finish();
}

function tensor(spec: OnnxTensorSpec): Uint8Array {
  return message((w) => {
    for (const dim of spec.dims) w.writeVarintField(1, dim);
    w.writeVarintField(2, spec.type === "int64" ? 7 : 1);
    if (spec.type === "int64") w.writePackedVarint(7, [...spec.values]);
    else w.writePackedFloat(4, [...spec.values]);
    w.writeStringField(8, spec.name);
    if (spec.external === true) w.writeVarintField(14, 1);
  });
}

function node(spec: OnnxNodeSpec): Uint8Array {
  return message((w) => {
    for (const input of spec.inputs) w.writeStringField(1, input);
    for (const name of [...(spec.before ?? []), spec.output]) w.writeStringField(2, name);
    w.writeStringField(3, spec.name ?? spec.output);
    w.writeStringField(4, spec.op);
    if (spec.domain !== undefined) w.writeStringField(7, spec.domain);
    const attribute = (name: string, type: number, fill: (a: PbfWriter) => void) =>
      w.writeBytesField(
        5,
        message((a) => {
          a.writeStringField(1, name);
          fill(a);
          a.writeVarintField(20, type);
        }),
      );
    for (const [name, value] of Object.entries(spec.ints ?? {})) {
      attribute(name, typeof value === "number" ? 2 : 7, (a) => {
        if (typeof value === "number") a.writeVarintField(3, value);
        else for (const item of value) a.writeVarintField(8, item);
      });
    }
    for (const [name, value] of Object.entries(spec.floats ?? {}))
      attribute(name, 1, (a) => a.writeFloatField(2, value));
    for (const [name, value] of Object.entries(spec.texts ?? {}))
      attribute(name, 3, (a) => a.writeStringField(4, value));
    for (const [name, values] of Object.entries(spec.floatLists ?? {}))
      attribute(name, 6, (a) => a.writePackedFloat(7, [...values]));
    for (const [name, values] of Object.entries(spec.textLists ?? {})) {
      attribute(name, 8, (a) => {
        for (const value of values) a.writeStringField(9, value);
      });
    }
    const constant = spec.tensor;
    if (constant !== undefined) attribute("value", 4, (a) => a.writeBytesField(5, tensor(constant)));
    if (spec.subgraph === true) attribute("body", 5, (a) => a.writeBytesField(6, new Uint8Array()));
  });
}

/** Without dimensions the shape stays unsaid, as exporters may leave it for outputs. */
function valueInfo(name: string, dims: readonly (number | string)[] = []): Uint8Array {
  const shape = message((w) => {
    for (const dim of dims) {
      w.writeBytesField(
        1,
        message((d) => {
          if (typeof dim === "number") d.writeVarintField(1, dim);
          else d.writeStringField(2, dim);
        }),
      );
    }
  });
  const type = message((w) => {
    w.writeVarintField(1, 1);
    if (dims.length > 0) w.writeBytesField(2, shape);
  });
  return message((w) => {
    w.writeStringField(1, name);
    w.writeBytesField(
      2,
      message((t) => t.writeBytesField(1, type)),
    );
  });
}

/** ONNX bytes for tests: well formed as protobuf, as wrong as the test wants in content. The input is called "x". */
export function buildOnnx(spec: OnnxSpec): Uint8Array {
  const graph = message((w) => {
    for (const item of spec.nodes) w.writeBytesField(1, node(item));
    w.writeStringField(2, "test");
    for (const item of spec.constants ?? []) w.writeBytesField(5, tensor(item));
    w.writeBytesField(11, valueInfo("x", spec.input));
    w.writeBytesField(12, valueInfo(spec.output));
  });
  return message((w) => {
    w.writeVarintField(1, 8);
    w.writeBytesField(7, graph);
    w.writeBytesField(
      8,
      message((o) => {
        o.writeStringField(1, "");
        o.writeVarintField(2, spec.opset ?? 13);
      }),
    );
  });
}
