// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";

/** `u32-mod` is Z/2^32: the shares of MASKED stages. `f32` is for float models only (class T); its elements are finite. */
export type Dtype = "i8" | "u8" | "i32" | "u32-mod" | "f32";
export type TensorData = Int8Array | Uint8Array | Int32Array | Uint32Array | Float32Array;

/** Row-major. `data` has one element per position; its array type belongs to the dtype. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export const TENSOR_VERSION = 1;
export const MAX_RANK = 8;
/** Of data: the largest boundary of any digest kind. */
export const MAX_TENSOR_BYTES = 16 * 1024 * 1024;

interface DtypeInfo {
  readonly code: number;
  readonly bytes: 1 | 4;
  /** View over a fresh, aligned buffer. */
  readonly view: (buffer: ArrayBuffer) => TensorData;
  readonly holds: (data: unknown) => boolean;
}

export const DTYPES: Readonly<Record<Dtype, DtypeInfo>> = {
  i8: { code: 1, bytes: 1, view: (b) => new Int8Array(b), holds: (d) => d instanceof Int8Array },
  u8: { code: 2, bytes: 1, view: (b) => new Uint8Array(b), holds: (d) => d instanceof Uint8Array },
  i32: { code: 3, bytes: 4, view: (b) => new Int32Array(b), holds: (d) => d instanceof Int32Array },
  "u32-mod": { code: 4, bytes: 4, view: (b) => new Uint32Array(b), holds: (d) => d instanceof Uint32Array },
  f32: { code: 5, bytes: 4, view: (b) => new Float32Array(b), holds: (d) => d instanceof Float32Array },
};

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const bad = (why: string) => new CoreError("TENSOR_INVALID", { why });

/** Error: NOT_FINITE. */
function assertFinite(data: TensorData): void {
  const index = data instanceof Float32Array ? data.findIndex((value) => !Number.isFinite(value)) : -1;
  if (index !== -1) throw new CoreError("NOT_FINITE", { index });
}

/** Elements of a shape. Errors: TENSOR_INVALID for rank 0 or > 8, a zero dimension, a dimension above u32. */
export function elementCount(dims: readonly number[]): number {
  if (dims.length < 1 || dims.length > MAX_RANK) throw bad(`rank ${dims.length} is not 1 to ${MAX_RANK}`);
  let count = 1;
  for (const dim of dims) {
    if (!Number.isInteger(dim) || dim < 1 || dim > 0xffffffff) throw bad(`dimension ${dim} is not 1 to 2^32-1`);
    count *= dim;
    // Keeps the product exact; no limit is as high.
    if (count > 2 ** 40) throw bad(`shape ${dims.join("x")} has too many elements`);
  }
  return count;
}

export const describeShape = (tensor: { readonly dtype: Dtype; readonly dims: readonly number[] }): string =>
  `${tensor.dtype}[${tensor.dims.join(",")}]`;

function checkTensor(tensor: Tensor, maxBytes: number): DtypeInfo {
  const info = Object.hasOwn(DTYPES, tensor.dtype) ? DTYPES[tensor.dtype] : undefined;
  if (info === undefined) throw bad(`unknown dtype ${tensor.dtype}`);
  const count = elementCount(tensor.dims);
  if (count * info.bytes > maxBytes)
    throw new CoreError("TOO_LARGE", { what: "The tensor", actual: `${count * info.bytes} bytes`, limit: maxBytes });
  if (!info.holds(tensor.data)) throw bad(`${tensor.dtype} data is in another kind of array`);
  if (tensor.data.length !== count)
    throw bad(`${describeShape(tensor)} has ${tensor.data.length} elements instead of ${count}`);
  assertFinite(tensor.data);
  return info;
}

const swap32 = (bytes: Uint8Array): void => {
  for (let i = 0; i < bytes.length; i += 4) bytes.subarray(i, i + 4).reverse();
};

/**
 * The one encoding of a tensor: u8 version, u8 dtype, u8 rank, u32le dims[rank], data little-endian. This is what digests are of.
 * Errors: TENSOR_INVALID, TOO_LARGE, NOT_FINITE.
 */
export function encodeTensor(tensor: Tensor, options: { readonly maxBytes?: number } = {}): Uint8Array {
  const info = checkTensor(tensor, options.maxBytes ?? MAX_TENSOR_BYTES);
  const data = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  const writer = new ByteWriter().u8(TENSOR_VERSION).u8(info.code).u8(tensor.dims.length);
  for (const dim of tensor.dims) writer.u32le(dim);
  const header = writer.finish();
  const out = new Uint8Array(header.length + data.length);
  out.set(header);
  out.set(data, header.length);
  if (info.bytes === 4 && !LITTLE_ENDIAN) swap32(out.subarray(header.length));
  return out;
}

/**
 * Reads bytes from anyone; the data is copied. `maxBytes` bounds the data (default 16 MiB).
 * Errors: VERSION_UNKNOWN, TENSOR_INVALID, TOO_LARGE, NOT_FINITE, BYTES_TRUNCATED, BYTES_TRAILING.
 */
export function decodeTensor(bytes: Uint8Array, options: { readonly maxBytes?: number } = {}): Tensor {
  const maxBytes = options.maxBytes ?? MAX_TENSOR_BYTES;
  const reader = new ByteReader(bytes, "The tensor");
  const version = reader.u8();
  if (version !== TENSOR_VERSION) throw new CoreError("VERSION_UNKNOWN", { what: "The tensor", version });
  const code = reader.u8();
  const dtype = (Object.keys(DTYPES) as Dtype[]).find((name) => DTYPES[name].code === code);
  if (dtype === undefined) throw bad(`unknown dtype code ${code}`);
  const info = DTYPES[dtype];
  const rank = reader.u8();
  if (rank < 1 || rank > MAX_RANK) throw bad(`rank ${rank} is not 1 to ${MAX_RANK}`);
  const dims = Array.from({ length: rank }, () => reader.u32le());
  const sizeBytes = elementCount(dims) * info.bytes;
  if (sizeBytes > maxBytes)
    throw new CoreError("TOO_LARGE", { what: "The tensor", actual: `${sizeBytes} bytes`, limit: maxBytes });
  const raw = new Uint8Array(sizeBytes);
  raw.set(reader.raw(sizeBytes));
  reader.end();
  if (info.bytes === 4 && !LITTLE_ENDIAN) swap32(raw);
  const data = info.view(raw.buffer);
  assertFinite(data);
  return { dtype, dims, data };
}

/** Error: TENSOR_MISMATCH unless dtype and every dimension are as declared; then TENSOR_INVALID if the tensor itself is wrong. */
export function assertTensor(
  tensor: Tensor,
  expected: { readonly dtype: Dtype; readonly dims: readonly number[] },
): Tensor {
  const same =
    tensor.dtype === expected.dtype &&
    tensor.dims.length === expected.dims.length &&
    tensor.dims.every((dim, i) => dim === expected.dims[i]);
  if (!same)
    throw new CoreError("TENSOR_MISMATCH", { actual: describeShape(tensor), expected: describeShape(expected) });
  checkTensor(tensor, Number.MAX_SAFE_INTEGER);
  return tensor;
}
