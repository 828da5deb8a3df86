// SPDX-License-Identifier: GPL-3.0-or-later
import { PbfReader } from "pbf";
import { ProgramError } from "../../../core/program/errors.ts";
import { isAssayError } from "../../../core/errors.ts";

/** A constant tensor of an ONNX file. `float` for FLOAT and DOUBLE, `int` for INT32 and INT64. */
export interface OnnxTensor {
  readonly type: "float" | "int";
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export type OnnxAttribute =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "floats"; readonly value: readonly number[] };

export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** `null` in `dims` is a symbolic or unknown dimension. */
export interface OnnxValue {
  readonly name: string;
  readonly elementType: number;
  readonly dims: readonly (number | null)[];
}

export interface OnnxModel {
  readonly opset: number;
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export const ONNX_LIMITS = {
  bytes: 64 << 20,
  nodes: 4096,
  constants: 4096,
  elements: 1 << 24,
  rank: 8,
  strings: 1 << 20,
} as const;

const malformed = (reason: string, cause?: unknown) =>
  new ProgramError("ONNX_MALFORMED", { reason }, cause === undefined ? {} : { cause });

const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];

/** One field of a message; exactly one of its readers is called, or none to skip it. */
interface Field {
  readonly number: number;
  readonly wire: number;
  readonly reader: PbfReader;
  /** End of a length-delimited field, else -1. */
  readonly end: number;
}

/** Walks the fields up to `end`. pbf itself reads past the end of a truncated file, so every length is checked here. */
function eachField(reader: PbfReader, end: number, visit: (field: Field) => void): void {
  while (reader.pos < end) {
    const key = reader.readVarint();
    const [number, wire] = [key >>> 3, key & 7];
    if (number === 0) throw malformed("a field has number 0");
    let fieldEnd = -1;
    if (wire === BYTES) {
      const length = reader.readVarint();
      fieldEnd = reader.pos + length;
      if (!Number.isSafeInteger(length) || length < 0 || fieldEnd > end) throw malformed("a length leaves its message");
    } else if (wire !== VARINT && wire !== FIXED32 && wire !== FIXED64) throw malformed(`wire type ${wire}`);
    const start = reader.pos;
    visit({ number, wire, reader, end: fieldEnd });
    if (fieldEnd !== -1) reader.pos = fieldEnd;
    else if (reader.pos === start) reader.skip(wire);
    if (reader.pos > end) throw malformed("it is truncated");
  }
}

function expectWire(field: Field, wire: number): void {
  if (field.wire !== wire) throw malformed(`field ${field.number} has wire type ${field.wire}`);
}

function message(field: Field, visit: (inner: Field) => void): void {
  expectWire(field, BYTES);
  eachField(field.reader, field.end, visit);
}

function bytes(field: Field): Uint8Array {
  expectWire(field, BYTES);
  return field.reader.buf.subarray(field.reader.pos, field.end);
}

function text(field: Field): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes(field));
  } catch (cause) {
    throw malformed("a name is not UTF-8", cause);
  }
}

function integer(field: Field): number {
  expectWire(field, VARINT);
  const value = field.reader.readVarint(true);
  if (!Number.isSafeInteger(value)) throw malformed("an integer exceeds 2^53");
  return value;
}

/** Repeated numbers, packed or one by one. `width` 0 is a varint. */
function numbers(field: Field, into: number[], wire: number, read: () => number): void {
  if (field.wire === BYTES) {
    while (field.reader.pos < field.end) push(into, read());
    if (field.reader.pos !== field.end) throw malformed("a packed list is truncated");
  } else {
    expectWire(field, wire);
    push(into, read());
  }
}

function push(into: number[], value: number): void {
  if (into.length >= ONNX_LIMITS.elements) throw tooLarge("elements", into.length + 1, ONNX_LIMITS.elements);
  into.push(value);
}

const tooLarge = (what: string, actual: number, limit: number) =>
  new ProgramError("ONNX_TOO_LARGE", { what, actual, limit });

const ELEMENT = { FLOAT: 1, INT32: 6, INT64: 7, DOUBLE: 11 } as const;
const WIDTH: Readonly<Record<number, number>> = { 1: 4, 6: 4, 7: 8, 11: 8 };

function rawNumbers(raw: Uint8Array, type: number): number[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const width = WIDTH[type] ?? 1;
  if (raw.length % width !== 0) throw malformed("raw tensor data has a broken length");
  return Array.from({ length: raw.length / width }, (_, i) => {
    if (type === ELEMENT.FLOAT) return view.getFloat32(i * 4, true);
    if (type === ELEMENT.DOUBLE) return view.getFloat64(i * 8, true);
    if (type === ELEMENT.INT32) return view.getInt32(i * 4, true);
    return Number(view.getBigInt64(i * 8, true));
  });
}

function readTensor(field: Field): { name: string; tensor: OnnxTensor } {
  const dims: number[] = [];
  const data: number[] = [];
  let name = "";
  let type = 0;
  let raw: Uint8Array | undefined;
  let typedLists = 0;
  message(field, (f) => {
    const varint = () => f.reader.readVarint(true);
    if (f.number === 1) numbers(f, dims, VARINT, varint);
    else if (f.number === 2) type = integer(f);
    else if (f.number === 4) {
      typedLists |= 1;
      numbers(f, data, FIXED32, () => f.reader.readFloat());
    } else if (f.number === 5) {
      typedLists |= 2;
      numbers(f, data, VARINT, varint);
    } else if (f.number === 7) {
      typedLists |= 4;
      numbers(f, data, VARINT, varint);
    } else if (f.number === 10) {
      typedLists |= 8;
      numbers(f, data, FIXED64, () => f.reader.readDouble());
    } else if (f.number === 8) name = text(f);
    else if (f.number === 9) raw = bytes(f);
    // Weights elsewhere on the disk would not be part of what is hashed, and a path may point anywhere.
    else if (f.number === 13 || (f.number === 14 && integer(f) !== 0)) {
      throw new ProgramError("ONNX_UNSUPPORTED_GRAPH", {
        reason: `tensor ${name} keeps its data in another file`,
        advice: "Save the model with its weights inside (onnx.save without save_as_external_data).",
      });
    }
  });
  const expectedList = { [ELEMENT.FLOAT]: 1, [ELEMENT.INT32]: 2, [ELEMENT.INT64]: 4, [ELEMENT.DOUBLE]: 8 }[type];
  if (expectedList === undefined) {
    throw new ProgramError("ONNX_UNSUPPORTED_GRAPH", {
      reason: `tensor ${name} has element type ${type}`,
      advice: "Use float32 or float64 weights and int64 shapes.",
    });
  }
  if (raw !== undefined ? typedLists !== 0 : (typedLists & ~expectedList) !== 0) {
    throw malformed(`tensor ${name} holds data of two kinds`);
  }
  if (dims.length > ONNX_LIMITS.rank) throw tooLarge("dimensions in a tensor", dims.length, ONNX_LIMITS.rank);
  if (dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0))
    throw malformed(`tensor ${name} has a negative dimension`);
  const elements = dims.reduce((product, dim) => product * dim, 1);
  if (elements > ONNX_LIMITS.elements) throw tooLarge("elements in a tensor", elements, ONNX_LIMITS.elements);
  const values = raw === undefined ? data : rawNumbers(raw, type);
  if (values.length !== elements) throw malformed(`tensor ${name} has ${values.length} elements, not ${elements}`);
  if (values.some((value) => !Number.isFinite(value)))
    throw malformed(`tensor ${name} holds a number that is not finite`);
  const kind = type === ELEMENT.FLOAT || type === ELEMENT.DOUBLE ? "float" : "int";
  return { name, tensor: { type: kind, dims, data: Float64Array.from(values) } };
}

function readAttribute(field: Field): [string, OnnxAttribute | undefined] {
  let name = "";
  let single: OnnxAttribute | undefined;
  const ints: number[] = [];
  const floats: number[] = [];
  const strings: string[] = [];
  let refused = "";
  message(field, (f) => {
    if (f.number === 1) name = text(f);
    else if (f.number === 2) {
      expectWire(f, FIXED32);
      single = { kind: "float", value: f.reader.readFloat() };
    } else if (f.number === 3) single = { kind: "int", value: integer(f) };
    else if (f.number === 4) single = { kind: "string", value: text(f) };
    else if (f.number === 5) single = { kind: "tensor", value: readTensor(f).tensor };
    else if (f.number === 7) numbers(f, floats, FIXED32, () => f.reader.readFloat());
    else if (f.number === 8) numbers(f, ints, VARINT, () => f.reader.readVarint(true));
    else if (f.number === 9) {
      if (strings.length >= ONNX_LIMITS.strings) throw tooLarge("texts", strings.length + 1, ONNX_LIMITS.strings);
      strings.push(text(f));
    } else if (f.number === 6 || f.number === 11) refused = "a subgraph";
    else if (f.number === 21) refused = "a reference to a function parameter";
  });
  if (refused !== "") {
    throw new ProgramError("ONNX_UNSUPPORTED_GRAPH", {
      reason: `attribute ${name} is ${refused}`,
      advice: "Export the model without control flow or functions.",
    });
  }
  if (ints.length > 0) single = { kind: "ints", value: ints };
  if (floats.length > 0) single = { kind: "floats", value: floats };
  if (strings.length > 0) single = { kind: "strings", value: strings };
  return [name, single];
}

function readNode(field: Field, index: number): OnnxNode & { domain: string } {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  let [name, operator, domain] = ["", "", ""];
  message(field, (f) => {
    if (f.number === 1) inputs.push(text(f));
    else if (f.number === 2) outputs.push(text(f));
    else if (f.number === 3) name = text(f);
    else if (f.number === 4) operator = text(f);
    else if (f.number === 7) domain = text(f);
    else if (f.number === 5) {
      const [key, value] = readAttribute(f);
      if (attributes.has(key)) throw malformed(`node ${name} repeats attribute ${key}`);
      if (value !== undefined) attributes.set(key, value);
    }
  });
  return { name: name === "" ? `node ${index}` : name, operator, inputs, outputs, attributes, domain };
}

function readValue(field: Field): OnnxValue {
  let name = "";
  let elementType = 0;
  const dims: (number | null)[] = [];
  message(field, (f) => {
    if (f.number === 1) name = text(f);
    else if (f.number === 2) {
      message(f, (type) => {
        if (type.number !== 1) return;
        message(type, (tensor) => {
          if (tensor.number === 1) elementType = integer(tensor);
          else if (tensor.number === 2) {
            message(tensor, (shape) => {
              if (shape.number !== 1) return;
              let dim: number | null = null;
              message(shape, (d) => {
                if (d.number === 1) dim = integer(d);
              });
              dims.push(dim);
            });
          }
        });
      });
    }
  });
  return { name, elementType, dims };
}

interface Draft {
  opset: number;
  name: string;
  nodes: (OnnxNode & { domain: string })[];
  constants: Map<string, OnnxTensor>;
  inputs: OnnxValue[];
  outputs: OnnxValue[];
}

function readGraph(field: Field, draft: Draft): void {
  message(field, (f) => {
    if (f.number === 1) {
      if (draft.nodes.length >= ONNX_LIMITS.nodes) throw tooLarge("nodes", draft.nodes.length + 1, ONNX_LIMITS.nodes);
      draft.nodes.push(readNode(f, draft.nodes.length));
    } else if (f.number === 2) draft.name = text(f);
    else if (f.number === 5) {
      const { name, tensor } = readTensor(f);
      if (draft.constants.has(name)) throw malformed(`constant ${name} occurs twice`);
      if (draft.constants.size >= ONNX_LIMITS.constants) {
        throw tooLarge("constants", draft.constants.size + 1, ONNX_LIMITS.constants);
      }
      draft.constants.set(name, tensor);
    } else if (f.number === 11) draft.inputs.push(readValue(f));
    else if (f.number === 12) draft.outputs.push(readValue(f));
    else if (f.number === 15) {
      throw new ProgramError("ONNX_UNSUPPORTED_GRAPH", {
        reason: "it has sparse weights",
        advice: "Save dense weights.",
      });
    }
  });
}

function readModel(file: Uint8Array): OnnxModel {
  const draft: Draft = { opset: 0, name: "", nodes: [], constants: new Map(), inputs: [], outputs: [] };
  let graphs = 0;
  eachField(new PbfReader(file), file.length, (f) => {
    if (f.number === 7) {
      if (graphs++ > 0) throw malformed("it has two graphs");
      readGraph(f, draft);
    } else if (f.number === 8) {
      let [domain, version] = ["", 0];
      message(f, (o) => {
        if (o.number === 1) domain = text(o);
        else if (o.number === 2) version = integer(o);
      });
      if (domain === "" || domain === "ai.onnx") draft.opset = version;
    }
  });
  if (graphs === 0) throw malformed("it has no graph");
  let trees = false;
  draft.nodes = draft.nodes.map((node) => {
    if (node.domain === "" || node.domain === "ai.onnx") return node;
    const operator = `${node.domain}.${node.operator}`;
    if (node.domain !== "ai.onnx.ml")
      throw new ProgramError("ONNX_UNSUPPORTED_OPERATOR", { node: node.name, operator });
    trees = true;
    return { ...node, operator };
  });
  // Exporters of trees declare old opsets; what they put around a tree (Cast, Identity, Mul) has not changed since 7.
  if (!(draft.opset >= 13 || (trees && (draft.opset === 0 || draft.opset >= 7))) || draft.opset > 24) {
    throw new ProgramError("ONNX_UNSUPPORTED_GRAPH", {
      reason: `its opset is ${draft.opset}`,
      advice: "Export with opset 13 to 24.",
    });
  }
  return draft;
}

/**
 * Reads an ONNX file of at most 64 MiB. Never reads another file, never follows a subgraph.
 * Throws ONNX_MALFORMED, ONNX_TOO_LARGE, ONNX_UNSUPPORTED_GRAPH or ONNX_UNSUPPORTED_OPERATOR (foreign domain).
 */
export function parseOnnx(file: Uint8Array): OnnxModel {
  if (file.length > ONNX_LIMITS.bytes) throw tooLarge("bytes", file.length, ONNX_LIMITS.bytes);
  try {
    return readModel(file);
  } catch (error) {
    if (isAssayError(error)) throw error;
    // pbf and DataView signal broken bytes with plain errors.
    throw malformed("it is not a protobuf message", error);
  }
}
