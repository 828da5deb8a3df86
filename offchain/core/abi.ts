// SPDX-License-Identifier: MIT
import { bigToBytes, bytesToBig, fromUtf8, toHex, tryHex, utf8, type Hex } from "./bytes.ts";
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

interface Integer {
  readonly signed: boolean;
  readonly low: bigint;
  readonly high: bigint;
  readonly bits: number;
}

function integerOf(type: string): Integer | undefined {
  const match = /^(u?)int(\d+)$/.exec(type);
  const bits = Number(match?.[2]);
  if (match === null || bits % 8 !== 0 || bits < 8 || bits > 256) return undefined;
  const signed = match[1] === "";
  const half = 1n << BigInt(bits - 1);
  return { signed, bits, low: signed ? -half : 0n, high: signed ? half - 1n : 2n * half - 1n };
}

function fixedLengthOf(type: string): number | undefined {
  const match = /^bytes(\d+)$/.exec(type);
  const length = Number(match?.[1]);
  return match !== null && length >= 1 && length <= WORD ? length : undefined;
}

/** What coding needs to know of a type, found out once. */
interface Layout {
  readonly isDynamic: boolean;
  /** Bytes a value takes in its parent's head. */
  readonly headSize: number;
  readonly integer: Integer | undefined;
  /** Of bytes1 to bytes32. */
  readonly fixed: number | undefined;
  /** Of a struct. */
  readonly fields: readonly (readonly [name: string, type: AbiType])[];
}

const elementaryLayouts = new Map<string, Layout>();
const compositeLayouts = new WeakMap<object, Layout>();

function makeLayout(type: AbiType): Layout {
  const none = { integer: undefined, fixed: undefined, fields: [] };
  if (typeof type === "string") {
    const isDynamic = type === "string" || type === "bytes";
    return { isDynamic, headSize: WORD, integer: integerOf(type), fixed: fixedLengthOf(type), fields: [] };
  }
  if ("array" in type) {
    const { isDynamic, headSize } = layoutOf(type.array);
    if (type.length === undefined || isDynamic) return { ...none, isDynamic: true, headSize: WORD };
    return { ...none, isDynamic: false, headSize: type.length * headSize };
  }
  const fields = Object.entries(type.struct);
  const layouts = fields.map(([, field]) => layoutOf(field));
  if (layouts.some(({ isDynamic }) => isDynamic)) return { ...none, isDynamic: true, headSize: WORD, fields };
  return { ...none, isDynamic: false, headSize: layouts.reduce((sum, { headSize }) => sum + headSize, 0), fields };
}

function layoutOf(type: AbiType): Layout {
  if (typeof type === "string") {
    const known = elementaryLayouts.get(type) ?? makeLayout(type);
    elementaryLayouts.set(type, known);
    return known;
  }
  const known = compositeLayouts.get(type) ?? makeLayout(type);
  compositeLayouts.set(type, known);
  return known;
}

/** Bytes of their heads together. */
const headsOf = (types: readonly AbiType[]): number => types.reduce((sum, type) => sum + layoutOf(type).headSize, 0);

/** Bytes that grow at their end; what was not written is 0. */
class Output {
  bytes = new Uint8Array(1024);
  length = 0;

  reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    return at;
  }

  /** A whole number of at most 32 bits as a word. */
  size(at: number, value: number): void {
    for (let i = 0, rest = value; i < 4; i++, rest >>>= 8) this.bytes[at + WORD - 1 - i] = rest & 0xff;
  }
}

function hexOf(value: AbiAny, length: number | undefined, path: string, type: string): Uint8Array {
  const bytes = tryHex(value, length);
  if (bytes === undefined) throw wrong(path, type);
  return bytes;
}

function encodeStatic(type: AbiElementary, value: AbiAny, path: string, out: Output, at: number): void {
  const { integer, fixed } = layoutOf(type);
  if (integer !== undefined) {
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw wrong(path, type);
    const number = BigInt(value as number | bigint);
    if (number < integer.low || number > integer.high) throw wrong(path, type);
    if (typeof value === "number" && value >= 0 && value <= 0xffffffff) return out.size(at, value);
    return out.bytes.set(bigToBytes(BigInt.asUintN(256, number), WORD), at);
  }
  if (type === "bool") {
    if (typeof value !== "boolean") throw wrong(path, type);
    return out.size(at, value ? 1 : 0);
  }
  if (type === "address") return out.bytes.set(hexOf(value, 20, path, type), at + 12);
  if (fixed === undefined) {
    if (typeof value !== "string") throw wrong(path, type);
    throw new CoreError("ABI_TYPE", { type });
  }
  out.bytes.set(hexOf(value, fixed, path, type), at);
}

function encodeText(type: "string" | "bytes", value: AbiAny, path: string, out: Output): void {
  if (typeof value !== "string" || (type === "string" && !value.isWellFormed())) throw wrong(path, type);
  const data = type === "string" ? utf8(value) : hexOf(value, undefined, path, type);
  const at = out.reserve(WORD + Math.ceil(data.length / WORD) * WORD);
  out.size(at, data.length);
  out.bytes.set(data, at + WORD);
}

interface Item {
  readonly type: AbiType;
  readonly value: AbiAny;
  readonly path: string;
}

/** Heads at `at`, where room for them was reserved; tails at the end. */
function encodeItems(items: readonly Item[], out: Output, at: number): void {
  let head = at;
  for (const { type, value, path } of items) {
    const { isDynamic, headSize } = layoutOf(type);
    if (isDynamic) {
      out.size(head, out.length - at);
      encodeTail(type, value, path, out);
    } else if (typeof type === "string") encodeStatic(type, value, path, out, head);
    else encodeItems(itemsOf(type, value, path), out, head);
    head += headSize;
  }
}

function encodeTail(type: AbiType, value: AbiAny, path: string, out: Output): void {
  if (type === "string" || type === "bytes") return encodeText(type, value, path, out);
  if (typeof type === "string") throw new CoreError("ABI_TYPE", { type });
  const items = itemsOf(type, value, path);
  if ("array" in type && type.length === undefined) out.size(out.reserve(WORD), items.length);
  encodeItems(items, out, out.reserve(headsOf(items.map((item) => item.type))));
}

function itemsOf(type: Exclude<AbiType, string>, value: AbiAny, path: string): readonly Item[] {
  if ("array" in type) {
    if (!Array.isArray(value) || (type.length !== undefined && value.length !== type.length))
      throw wrong(path, nameOf(type));
    return value.map((item: AbiAny, i) => ({ type: type.array, value: item, path: `${path}[${i}]` }));
  }
  if (typeof value !== "object" || Array.isArray(value)) throw wrong(path, nameOf(type));
  const given = value as { readonly [name: string]: AbiAny };
  return layoutOf(type).fields.map(([name, field]) => {
    const item = Object.hasOwn(given, name) ? given[name] : undefined;
    if (item === undefined) throw wrong(`${path}.${name}`, nameOf(field));
    return { type: field, value: item, path: `${path}.${name}` };
  });
}

/** Solidity's `abi.encode(values…)`. Errors: ABI_VALUE naming the path of a value that does not fit its type. */
export function encodeAbi<const T extends readonly AbiType[]>(types: T, values: AbiValues<T>): Uint8Array {
  const list = values as readonly AbiAny[];
  if (list.length !== types.length) throw wrong("values", `list of ${types.length}`);
  const out = new Output();
  const items = types.map((type, i) => ({ type, value: list[i] ?? "", path: `values[${i}]` }));
  encodeItems(items, out, out.reserve(headsOf(types)));
  return out.bytes.slice(0, out.length);
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
  const { integer, fixed } = layoutOf(type);
  if (fixed !== undefined) {
    if (data.subarray(fixed).some((byte) => byte !== 0)) throw refuse(path, "padding is not zero");
    return toHex(data.subarray(0, fixed));
  }
  const raw = bytesToBig(data);
  if (integer !== undefined) {
    const value = integer.signed ? BigInt.asIntN(integer.bits, raw) : BigInt.asUintN(integer.bits, raw);
    if (BigInt.asUintN(256, value) !== raw) throw refuse(path, `it exceeds ${type}`);
    return integer.bits <= 48 ? Number(value) : value;
  }
  if (type === "bool") {
    if (raw > 1n) throw refuse(path, "a bool is neither 0 nor 1");
    return raw === 1n;
  }
  if (type !== "address") throw new CoreError("ABI_TYPE", { type });
  if (raw >> 160n !== 0n) throw refuse(path, "an address has more than 20 bytes");
  return toHex(data.subarray(12));
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
  if (layoutOf(type).isDynamic) {
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
    const headBytes = length * layoutOf(type.array).headSize;
    if (origin + headBytes > bytes.length) throw refuse(path, `${length} items do not fit`);
    const frame = new Frame(bytes, origin, headBytes);
    const items = Array.from({ length }, (_, i) => decodeMember(type.array, frame, `${path}[${i}]`));
    return [items, frame.tail];
  }
  const { fields } = layoutOf(type);
  const frame = new Frame(bytes, at, headsOf(fields.map(([, field]) => field)));
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
  const frame = new Frame(bytes, 0, headsOf(types));
  const values = types.map((type, i) => decodeMember(type, frame, `values[${i}]`));
  if (frame.tail !== bytes.length) throw refuse("values", `${bytes.length - frame.tail} bytes too many`);
  return values as unknown as AbiValues<T>;
}
