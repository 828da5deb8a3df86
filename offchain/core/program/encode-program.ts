// SPDX-License-Identifier: MIT
import { ByteWriter } from "../byte-writer.ts";
import { inputsOf, type Finish, type Op, type Program, type ScaledTable, type Window } from "./types.ts";

/** Domain of one stage's bytes. */
export const PROGRAM_DOMAIN = "assay.v1.program";
export const PROGRAM_VERSION = 1;
export const FAMILIES = ["quantised", "polynomial"] as const;
export const INPUT_TYPES = ["i8", "i32"] as const;
/** Position is the tag. Append only. */
export const OP_KINDS = [
  "dense",
  "conv",
  "sumPool",
  "add",
  "maxPool",
  "concat",
  "reshape",
  "transpose",
  "map",
  "square",
  "matmul",
  "softmax",
  "layerNorm",
  "forest",
  "argmax",
] as const satisfies readonly Op["kind"][];

export const i8Bytes = (values: Int8Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Little-endian on every machine, unlike the array's own memory. */
export function u16Bytes(values: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint16(2 * i, value, true));
  return bytes;
}

export function i32Bytes(values: Int32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setInt32(4 * i, value, true));
  return bytes;
}

/** Two's complement, little-endian: 4 bytes in the quantised family, 32 in the polynomial one. */
export const biasWidth = (family: Program["family"]): number => (family === "quantised" ? 4 : 32);

function signed(writer: ByteWriter, value: bigint, width: number): void {
  const unsigned = BigInt.asUintN(8 * width, value);
  const bytes = new Uint8Array(width);
  for (let i = 0; i < width; i++) bytes[i] = Number((unsigned >> BigInt(8 * i)) & 0xffn);
  writer.raw(bytes);
}

const i32 = (writer: ByteWriter, value: number) => signed(writer, BigInt(value), 4);

function dims(writer: ByteWriter, values: readonly number[]): void {
  writer.u8(values.length);
  for (const value of values) writer.u32le(value);
}

function finish(writer: ByteWriter, value: Finish): void {
  if (value.kind === "exact") {
    writer.u8(0);
    return;
  }
  writer.u8(value.table === null ? 1 : 2).u8(INPUT_TYPES.indexOf(value.dtype));
  i32(writer, value.lo);
  i32(writer, value.hi);
  // Equal shifts have one encoding: a single one.
  const same = value.shifts.every((shift) => shift === value.shifts[0]);
  writer.bytes(Uint8Array.from(same ? value.shifts.slice(0, 1) : value.shifts));
  if (value.table !== null) writer.bytes(i8Bytes(value.table));
}

function window(writer: ByteWriter, { kernel, strides, pads }: Window): void {
  for (const value of [...kernel, ...strides, ...pads]) writer.u16le(value);
}

function bias(writer: ByteWriter, values: readonly bigint[], width: number): void {
  writer.u32le(values.length);
  for (const value of values) signed(writer, value, width);
}

function scaledTable(writer: ByteWriter, { shift, lo, values }: ScaledTable): void {
  writer.u8(shift);
  i32(writer, lo);
  writer.bytes(u16Bytes(values));
}

function encodeOp(op: Op, family: Program["family"]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(OP_KINDS.indexOf(op.kind));
  const inputs = inputsOf(op);
  writer.u8(inputs.length);
  for (const input of inputs) writer.u16le(input);
  switch (op.kind) {
    case "dense":
      bias(writer, op.bias, biasWidth(family));
      writer.bytes(i8Bytes(op.weights));
      finish(writer, op.finish);
      break;
    case "conv":
      window(writer, op);
      bias(writer, op.bias, biasWidth(family));
      writer.bytes(i8Bytes(op.weights));
      finish(writer, op.finish);
      break;
    case "sumPool":
      window(writer, op);
      writer.u8(op.multiplier);
      finish(writer, op.finish);
      break;
    case "add":
      writer.u8(op.multipliers[0]).u8(op.multipliers[1]);
      finish(writer, op.finish);
      break;
    case "maxPool":
      window(writer, op);
      break;
    case "concat":
      writer.u8(op.axis);
      break;
    case "reshape":
      dims(writer, op.dims);
      break;
    case "transpose":
      writer.bytes(Uint8Array.from(op.perm));
      break;
    case "map":
      i32(writer, op.lo);
      writer.bytes(i8Bytes(op.table));
      break;
    case "matmul":
      writer.u8(op.transposed ? 1 : 0);
      finish(writer, op.finish);
      break;
    case "softmax":
      writer.bytes(u16Bytes(op.exp));
      scaledTable(writer, op.reciprocal);
      writer.u8(op.shift).u8(op.hi);
      break;
    case "layerNorm":
      bias(writer, op.bias, biasWidth(family));
      writer.bytes(i8Bytes(op.weights));
      scaledTable(writer, op.rsqrt);
      finish(writer, op.finish);
      break;
    case "forest":
      writer.u8(op.depth);
      bias(writer, op.bias, biasWidth(family));
      writer.bytes(u16Bytes(op.features)).bytes(i32Bytes(op.thresholds)).bytes(i32Bytes(op.leaves));
      finish(writer, op.finish);
      break;
    case "square":
    case "argmax":
      break;
  }
  return writer.finish();
}

/**
 * Canonical bytes of one stage. Does not check the program: `analyseProgram` does.
 * domain, u8 version, u8 family, inputs, operators (each length-prefixed), u16 output; integers little-endian.
 */
export function encodeProgram(program: Program): Uint8Array {
  const writer = new ByteWriter();
  writer.string(PROGRAM_DOMAIN).u8(PROGRAM_VERSION).u8(FAMILIES.indexOf(program.family));
  writer.u16le(program.inputs.length);
  for (const input of program.inputs) {
    writer.u8(INPUT_TYPES.indexOf(input.dtype));
    i32(writer, input.lo);
    i32(writer, input.hi);
    dims(writer, input.dims);
  }
  writer.u16le(program.ops.length);
  for (const op of program.ops) writer.bytes(encodeOp(op, program.family));
  return writer.u16le(program.output).finish();
}
