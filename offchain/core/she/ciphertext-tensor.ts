// SPDX-License-Identifier: MIT
import type { Hex } from "../bytes.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../tensor.ts";
import { cipherDigest } from "./digest.ts";
import { SheError } from "./errors.ts";
import type { SheHashes } from "./hashes.ts";
import { decodeSheObject } from "./object.ts";

/**
 * A ciphertext on the data plane is a u8 tensor of one dimension: boundaries, results and receipts carry tensors. Its digest is the
 * ciphertext's (`cipherDigest`), the same for every form in which it may travel.
 */
export const ciphertextTensor = (bytes: Uint8Array): Tensor => ({
  dtype: "u8",
  dims: [bytes.length],
  data: bytes,
});

/** Error: BYTES_REFUSED for a tensor of another type or rank. */
export function tensorCiphertext({ dtype, dims, data }: Tensor): Uint8Array {
  if (dtype !== "u8" || dims.length !== 1 || !(data instanceof Uint8Array))
    throw new SheError("BYTES_REFUSED", {
      what: "ciphertext",
      reason: `it travels as ${dtype} of ${dims.length} dimensions`,
    });
  return data;
}

/** Canonical tensor bytes of a ciphertext. */
export const encodeCiphertext = (bytes: Uint8Array): Uint8Array => encodeTensor(ciphertextTensor(bytes));

/** The CIPHER digest of what tensor bytes hold. Errors: TENSOR_INVALID and the like, BYTES_REFUSED, PROFILE_UNKNOWN. */
export function ciphertextDigest(tensor: Uint8Array, hashes: SheHashes): Hex {
  const object = decodeSheObject(tensorCiphertext(decodeTensor(tensor)), hashes);
  if (object.header.kind !== "ciphertext")
    throw new SheError("BYTES_REFUSED", { what: object.header.kind, reason: "it is no ciphertext" });
  return cipherDigest(object, hashes);
}
