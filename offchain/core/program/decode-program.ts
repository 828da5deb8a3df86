// SPDX-License-Identifier: MIT
import { ByteReader } from "../byte-reader.ts";
import { equalBytes } from "../bytes.ts";
import { isAssayError } from "../errors.ts";
import { analyseProgram, MAX_OPS, MAX_RANK, type Analysis } from "./analyse.ts";
import {
  biasWidth,
  encodeProgram,
  FAMILIES,
  INPUT_TYPES,
  OP_KINDS,
  PROGRAM_DOMAIN,
  PROGRAM_VERSION,
} from "./encode-program.ts";
import { ProgramError } from "./errors.ts";
import type { Finish, Op, Program, ProgramInput, ScaledTable, Window } from "./types.ts";

export const MAX_PROGRAM_BYTES = 64 << 20;
const MAX_CHANNELS = 1 << 16;

const malformed = (reason: string, cause?: unknown) =>
  new ProgramError("PROGRAM_MALFORMED", { reason }, cause === undefined ? {} : { cause });

function pick<T>(list: readonly T[], index: number, what: string): T {
  const item = list[index];
  if (item === undefined) throw malformed(`${what} ${index} is unknown`);
  return item;
}

function signed(reader: ByteReader, width: number): bigint {
  let value = 0n;
  reader.raw(width).forEach((byte, i) => (value |= BigInt(byte) << BigInt(8 * i)));
  return BigInt.asIntN(8 * width, value);
}

const i32 = (reader: ByteReader) => Number(signed(reader, 4));

function i8Array(reader: ByteReader, limit: number): Int8Array {
  // `bytes` copies, so the program does not keep the file alive or change with it.
  return new Int8Array(reader.bytes(limit).buffer);
}

/** Little-endian words of `width` bytes. */
function words(reader: ByteReader, limit: number, width: number): DataView {
  const bytes = reader.bytes(limit);
  if (bytes.length % width !== 0) throw malformed("a list is cut within a word");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function u16Array(reader: ByteReader, limit: number): Uint16Array {
  const view = words(reader, limit, 2);
  return Uint16Array.from({ length: view.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}

function i32Array(reader: ByteReader, limit: number): Int32Array {
  const view = words(reader, limit, 4);
  return Int32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getInt32(4 * i, true));
}

function scaledTable(reader: ByteReader): ScaledTable {
  return { shift: reader.u8(), lo: i32(reader), values: u16Array(reader, 1 << 14) };
}

function dims(reader: ByteReader): number[] {
  const rank = reader.count(reader.u8(), MAX_RANK, 4);
  return Array.from({ length: rank }, () => reader.u32le());
}

function window(reader: ByteReader): Window {
  const next = () => reader.u16le();
  return { kernel: [next(), next()], strides: [next(), next()], pads: [next(), next(), next(), next()] };
}

function finish(reader: ByteReader): Finish {
  const tag = reader.u8();
  if (tag === 0) return { kind: "exact" };
  if (tag > 2) throw malformed(`finish ${tag} is unknown`);
  const dtype = pick(INPUT_TYPES, reader.u8(), "type");
  const [lo, hi] = [i32(reader), i32(reader)];
  const shifts = [...reader.bytes(MAX_CHANNELS)];
  return { kind: "scale", dtype, lo, hi, shifts, table: tag === 2 ? i8Array(reader, 256) : null };
}

function bias(reader: ByteReader, family: Program["family"]): bigint[] {
  const width = biasWidth(family);
  const count = reader.count(reader.u32le(), MAX_CHANNELS, width);
  return Array.from({ length: count }, () => signed(reader, width));
}

function decodeOp(bytes: Uint8Array, family: Program["family"]): Op {
  const reader = new ByteReader(bytes, "An operator");
  const kind = pick(OP_KINDS, reader.u8(), "operator");
  const inputs = Array.from({ length: reader.count(reader.u8(), 64, 2) }, () => reader.u16le());
  const many = kind === "add" || kind === "matmul" ? 2 : kind === "concat" ? inputs.length : 1;
  if (inputs.length !== many || many === 0) throw malformed(`${kind} has ${inputs.length} inputs`);
  const input = inputs[0] ?? 0;
  const op = decodeBody(kind, reader, input, inputs, family);
  reader.end();
  return op;
}

function decodeBody(
  kind: Op["kind"],
  reader: ByteReader,
  input: number,
  inputs: readonly number[],
  family: Program["family"],
): Op {
  switch (kind) {
    case "dense": {
      const values = bias(reader, family);
      const weights = i8Array(reader, MAX_PROGRAM_BYTES);
      return { kind, input, outputs: values.length, bias: values, weights, finish: finish(reader) };
    }
    case "conv": {
      const shape = window(reader);
      const values = bias(reader, family);
      const weights = i8Array(reader, MAX_PROGRAM_BYTES);
      return { kind, input, outputs: values.length, ...shape, bias: values, weights, finish: finish(reader) };
    }
    case "sumPool":
      return { kind, input, ...window(reader), multiplier: reader.u8(), finish: finish(reader) };
    case "add": {
      const multipliers = [reader.u8(), reader.u8()] as const;
      return { kind, inputs: [input, inputs[1] ?? 0], multipliers, finish: finish(reader) };
    }
    case "maxPool":
      return { kind, input, ...window(reader) };
    case "concat":
      return { kind, inputs, axis: reader.u8() };
    case "reshape":
      return { kind, input, dims: dims(reader) };
    case "transpose":
      return { kind, input, perm: [...reader.bytes(MAX_RANK)] };
    case "map":
      return { kind, input, lo: i32(reader), table: i8Array(reader, 256) };
    case "matmul":
      return { kind, inputs: [input, inputs[1] ?? 0], transposed: reader.bool(), finish: finish(reader) };
    case "softmax": {
      const exp = u16Array(reader, 512);
      const reciprocal = scaledTable(reader);
      return { kind, input, exp, reciprocal, shift: reader.u8(), hi: reader.u8() };
    }
    case "layerNorm": {
      const values = bias(reader, family);
      const weights = i8Array(reader, MAX_CHANNELS);
      return { kind, input, bias: values, weights, rsqrt: scaledTable(reader), finish: finish(reader) };
    }
    case "forest": {
      const depth = reader.u8();
      const values = bias(reader, family);
      const features = u16Array(reader, MAX_PROGRAM_BYTES);
      const thresholds = i32Array(reader, MAX_PROGRAM_BYTES);
      const leaves = i32Array(reader, MAX_PROGRAM_BYTES);
      const common = { kind, input, depth, outputs: values.length, bias: values };
      return { ...common, features, thresholds, leaves, finish: finish(reader) };
    }
    case "square":
    case "argmax":
      return { kind, input };
  }
}

function decodeInput(reader: ByteReader): ProgramInput {
  const dtype = pick(INPUT_TYPES, reader.u8(), "type");
  const [lo, hi] = [i32(reader), i32(reader)];
  return { dtype, lo, hi, dims: dims(reader) };
}

function decode(bytes: Uint8Array): Program {
  const reader = new ByteReader(bytes, "The program");
  if (reader.string(PROGRAM_DOMAIN.length) !== PROGRAM_DOMAIN) throw malformed("it is not a program");
  const version = reader.u8();
  if (version !== PROGRAM_VERSION) throw malformed(`version ${version} is unknown`);
  const family = pick(FAMILIES, reader.u8(), "family");
  const inputs = Array.from({ length: reader.count(reader.u16le(), 64, 10) }, () => decodeInput(reader));
  const count = reader.count(reader.u16le(), MAX_OPS, 8);
  const ops = Array.from({ length: count }, () => decodeOp(reader.bytes(MAX_PROGRAM_BYTES), family));
  const output = reader.u16le();
  reader.end();
  return { family, inputs, ops, output };
}

/**
 * Reads and checks one stage. Only the bytes that `encodeProgram` writes are accepted, so equal programs have equal
 * hashes. Errors: PROGRAM_MALFORMED (bytes), PROGRAM_INVALID or BOUND_OVERFLOW (meaning).
 */
export function decodeProgram(bytes: Uint8Array): { program: Program; analysis: Analysis } {
  if (bytes.length > MAX_PROGRAM_BYTES) throw malformed(`it has ${bytes.length} bytes`);
  let program: Program;
  try {
    program = decode(bytes);
  } catch (error) {
    if (isAssayError(error) && error.module !== "program") throw malformed(error.message, error);
    throw error;
  }
  const analysis = analyseProgram(program);
  if (!equalBytes(encodeProgram(program), bytes)) throw malformed("another encoding of the same program exists");
  return { program, analysis };
}
