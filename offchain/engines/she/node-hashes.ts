// SPDX-License-Identifier: MIT
import { createHash, hash } from "node:crypto";
import type { SheHashes } from "../../core/she/hashes.ts";

const shake = (name: string) => (bytes: Uint8Array, length: number) =>
  new Uint8Array(createHash(name, { outputLength: length }).update(bytes).digest());

/** OpenSSL's. */
export const nodeHashes: SheHashes = {
  sha256: (bytes) => new Uint8Array(hash("sha256", bytes, "buffer")),
  shake128: shake("shake128"),
  shake256: shake("shake256"),
};
