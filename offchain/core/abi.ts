// SPDX-License-Identifier: MIT
import {
  bigToBytes,
  bytesToBig,
  concatBytes,
  fromHex,
  fromUtf8,
  isHex,
  joinBytes,
  toHex,
  utf8,
  type Hex,
} from "./bytes.ts";
import { CoreError } from "./core-errors.ts";

type SmallBits = 8 | 16 | 24 | 32 | 40 | 48;
type BigBits = 56 | 64 | 72 | 80 | 88 | 96 | 104 | 112 | 120 | 128 | 160 | 192 | 224 | 248 | 256;
type SmallInteger = `uint${SmallBits}` | `int${SmallBits}`;
type BigInteger = `uint${BigBits}` | `int${BigBits}`;
type FixedBytes = "bytes4" | "bytes8" | "bytes16" | "bytes20" | "bytes31" | "bytes32";
export type AbiElementary = SmallInteger | BigInteger | FixedBytes | "bool" | "address" | "string" | "bytes";

/** A Solidity type as data: an elementary name, `{ array }`, `{ array, length }`, or `{ struct }` with fields in order. */
export type AbiType =
  | AbiElementary
  | { readonly array: AbiType; readonly length?: number }
  | { readonly struct: { readonly [name: string]: AbiType } };

/** What a type's values are here: integers up to 48 bits are numbers, larger ones bigints, byte strings and addresses hex. */
export type AbiValue<T> = T extends "bool"
  ? boolean
  : T extends SmallInteger
    ? number
    : T extends BigInteger
      ? bigint
      : T extends "string"
        ? string
        : T extends "bytes" | "address" | FixedBytes
          ? Hex
          : T extends { readonly array: infer E }
            ? readonly AbiValue<E>[]
            : T extends { readonly struct: infer F }
              ? { readonly [K in keyof F]: AbiValue<F[K]> }
              : never;
type AbiValues<T extends readonly AbiType[]> = { readonly [I in keyof T]: AbiValue<T[I]> };

/** An untyped value of any ABI type. */
export type AbiAny = boolean | number | bigint | string | readonly AbiAny[] | { readonly [name: string]: AbiAny };

const WORD = 32;
const wrong = (path: string, type: string) => new CoreError("ABI_VALUE", { path, type });
const refuse = (path: string, why: string) => new CoreError("ABI_NOT_CANONICAL", { path, why });
const nameOf = (type: AbiType): string =>
  typeof type === "string" ? type : "array" in type ? `${nameOf(type.array)}[${type.length ?? ""}]` : "struct";

function integerType(type: string): { readonly signed: boolean; readonly bits: number } | undefined {
  const match = /^(u?)int(\d+)$/.exec(type);
  if (match === null) return undefined;
  const bits = Number(match[2]);
  return bits % 8 === 0 && bits >= 8 && bits <= 256 ? { signed: match[1] === "", bits } : undefined;
}

const fixedLength = (type: string): number | undefined => {
  const match = /^bytes(\d+)$/.exec(type);
  const length = Number(match?.[1]);
  return match !== null && length >= 1 && length <= WORD ? length : undefined;
};

function isDynamic(type: AbiType): boolean {
  if (typeof type === "string") return type === "string" || type === "bytes";
  if ("array" in type) return type.length === undefined || isDynamic(type.array);
  return Object.values(type.struct).some(isDynamic);
}

/** Bytes a value takes in its parent's head. */
function headSize(type: AbiType): number {
  if (isDynamic(type) || typeof type === "string") return WORD;
  if ("array" in type) return (type.length ?? 0) * headSize(type.array);
  return Object.values(type.struct).reduce((sum, field) => sum + headSize(field), 0);
}

const word = (value: bigint): Uint8Array => bigToBytes(BigInt.asUintN(256, value), WORD);

function encodeElementary(type: AbiElementary, value: AbiAny, path: string): Uint8Array {
  const integer = integerType(type);
  if (integer !== undefined) {
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw wrong(path, type);
    const number = BigInt(value as number | bigint);
    const bits = BigInt(integer.bits);
    const low = integer.signed ? -(1n << (bits - 1n)) : 0n;
    const high = integer.signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
    if (number < low || number > high) throw wrong(path, type);
    return word(number);
  }
  if (type === "bool") {
    if (typeof value !== "boolean") throw wrong(path, type);
    return word(value ? 1n : 0n);
  }
  if (typeof value !== "string") throw wrong(path, type);
  if (type === "address") {
    if (!isHex(value, 20)) throw wrong(path, type);
    return word(BigInt(value));
  }
  const length = fixedLength(type);
  if (length !== undefined) {
    if (!isHex(value, length)) throw wrong(path, type);
    return concatBytes(fromHex(value), new Uint8Array(WORD - length));
  }
  if (type === "string" && !value.isWellFormed()) throw wrong(path, type);
  if (type === "bytes" && !isHex(value)) throw wrong(path, type);
  if (type !== "string" && type !== "bytes") throw new CoreError("ABI_TYPE", { type });
  const data = type === "string" ? utf8(value) : fromHex(value);
  return concatBytes(word(BigInt(data.length)), data, new Uint8Array((WORD - (data.length % WORD)) % WORD));
}

interface Item {
  readonly type: AbiType;
  readonly value: AbiAny;
  readonly path: string;
}

function encodeSequence(items: readonly Item[]): Uint8Array {
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  let offset = items.reduce((sum, { type }) => sum + headSize(type), 0);
  for (const { type, value, path } of items) {
    const encoded = encodeValue(type, value, path);
    if (!isDynamic(type)) {
      heads.push(encoded);
      continue;
    }
    heads.push(word(BigInt(offset)));
    tails.push(encoded);
    offset += encoded.length;
  }
  return joinBytes([...heads, ...tails]);
}

function encodeValue(type: AbiType, value: AbiAny, path: string): Uint8Array {
  if (typeof type === "string") return encodeElementary(type, value, path);
  if ("array" in type) {
    if (!Array.isArray(value) || (type.length !== undefined && value.length !== type.length))
      throw wrong(path, nameOf(type));
    const items = value.map((item: AbiAny, i) => ({ type: type.array, value: item, path: `${path}[${i}]` }));
    const body = encodeSequence(items);
    return type.length === undefined ? concatBytes(word(BigInt(value.length)), body) : body;
  }
  if (typeof value !== "object" || Array.isArray(value)) throw wrong(path, nameOf(type));
  const fields = value as { readonly [name: string]: AbiAny };
  return encodeSequence(
    Object.entries(type.struct).map(([name, field]) => {
      const item = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (item === undefined) throw wrong(`${path}.${name}`, nameOf(field));
      return { type: field, value: item, path: `${path}.${name}` };
    }),
  );
}

/** Solidity's `abi.encode(values…)`. Errors: ABI_VALUE naming the path of a value that does not fit its type. */
export function encodeAbi<const T extends readonly AbiType[]>(types: T, values: AbiValues<T>): Uint8Array {
  const list = values as readonly AbiAny[];
  if (list.length !== types.length) throw wrong("values", `list of ${types.length}`);
  return encodeSequence(types.map((type, i) => ({ type, value: list[i] ?? "", path: `values[${i}]` })));
}

/** A part of the input with its own offset origin. Dynamic values must follow each other without gaps: one encoding, linear time. */
class Frame {
  readonly bytes: Uint8Array;
  readonly origin: number;
  head: number;
  tail: number;

  constructor(bytes: Uint8Array, origin: number, headBytes: number) {
    this.bytes = bytes;
    this.origin = origin;
    this.head = origin;
    this.tail = origin + headBytes;
  }
}

function takeWord(bytes: Uint8Array, at: number, path: string): Uint8Array {
  if (at + WORD > bytes.length) throw refuse(path, "the data ends too early");
  return bytes.subarray(at, at + WORD);
}

function takeSize(bytes: Uint8Array, at: number, path: string): number {
  const value = bytesToBig(takeWord(bytes, at, path));
  if (value > BigInt(bytes.length)) throw refuse(path, `a length or offset of ${value} is beyond the data`);
  return Number(value);
}

function decodeStatic(type: AbiElementary, data: Uint8Array, path: string): AbiAny {
  const raw = bytesToBig(data);
  const integer = integerType(type);
  if (integer !== undefined) {
    const value = integer.signed ? BigInt.asIntN(integer.bits, raw) : BigInt.asUintN(integer.bits, raw);
    if (BigInt.asUintN(256, value) !== raw) throw refuse(path, `it exceeds ${type}`);
    return integer.bits <= 48 ? Number(value) : value;
  }
  if (type === "bool") {
    if (raw > 1n) throw refuse(path, "a bool is neither 0 nor 1");
    return raw === 1n;
  }
  if (type === "address") {
    if (raw >> 160n !== 0n) throw refuse(path, "an address has more than 20 bytes");
    return toHex(data.subarray(12));
  }
  const length = fixedLength(type);
  if (length === undefined) throw new CoreError("ABI_TYPE", { type });
  if (data.subarray(length).some((byte) => byte !== 0)) throw refuse(path, "padding is not zero");
  return toHex(data.subarray(0, length));
}

/** Decodes a dynamic elementary value at `at`; returns where it ends. */
function decodeText(type: "string" | "bytes", bytes: Uint8Array, at: number, path: string): [AbiAny, number] {
  const length = takeSize(bytes, at, path);
  const start = at + WORD;
  const end = start + Math.ceil(length / WORD) * WORD;
  if (end > bytes.length) throw refuse(path, "the data ends too early");
  if (bytes.subarray(start + length, end).some((byte) => byte !== 0)) throw refuse(path, "padding is not zero");
  const data = bytes.subarray(start, start + length);
  return [type === "string" ? fromUtf8(data, path) : toHex(data), end];
}

function decodeMember(type: AbiType, frame: Frame, path: string): AbiAny {
  if (isDynamic(type)) {
    const offset = takeSize(frame.bytes, frame.head, path);
    if (frame.origin + offset !== frame.tail) throw refuse(path, `offset ${offset} is not the next free one`);
    frame.head += WORD;
    const [value, end] = decodeAt(type, frame.bytes, frame.tail, path);
    frame.tail = end;
    return value;
  }
  const [value, end] = decodeAt(type, frame.bytes, frame.head, path);
  frame.head = end;
  return value;
}

function decodeAt(type: AbiType, bytes: Uint8Array, at: number, path: string): [AbiAny, number] {
  if (typeof type === "string") {
    if (type === "string" || type === "bytes") return decodeText(type, bytes, at, path);
    return [decodeStatic(type, takeWord(bytes, at, path), path), at + WORD];
  }
  if ("array" in type) {
    const length = type.length ?? takeSize(bytes, at, path);
    const origin = type.length === undefined ? at + WORD : at;
    const headBytes = length * headSize(type.array);
    if (origin + headBytes > bytes.length) throw refuse(path, `${length} items do not fit`);
    const frame = new Frame(bytes, origin, headBytes);
    const items = Array.from({ length }, (_, i) => decodeMember(type.array, frame, `${path}[${i}]`));
    return [items, frame.tail];
  }
  const fields = Object.entries(type.struct);
  const frame = new Frame(
    bytes,
    at,
    fields.reduce((sum, [, field]) => sum + headSize(field), 0),
  );
  const value = Object.fromEntries(
    fields.map(([name, field]) => [name, decodeMember(field, frame, `${path}.${name}`)]),
  );
  return [value, frame.tail];
}

/**
 * The inverse of `encodeAbi`, for bytes from anyone: accepts exactly the bytes that `encodeAbi` makes. Errors: ABI_NOT_CANONICAL,
 * NOT_CANONICAL (text that is not UTF-8).
 */
export function decodeAbi<const T extends readonly AbiType[]>(types: T, bytes: Uint8Array): AbiValues<T> {
  const frame = new Frame(
    bytes,
    0,
    types.reduce((sum, type) => sum + headSize(type), 0),
  );
  const values = types.map((type, i) => decodeMember(type, frame, `values[${i}]`));
  if (frame.tail !== bytes.length) throw refuse("values", `${bytes.length - frame.tail} bytes too many`);
  return values as unknown as AbiValues<T>;
}
