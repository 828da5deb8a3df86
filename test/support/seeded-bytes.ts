// SPDX-License-Identifier: GPL-3.0-or-later
import { createCipheriv } from "node:crypto";

/** A deterministic stand-in for the operating system's generator, of the same quality: AES-256-CTR under a fixed key. */
export function seededBytes(seed: number): (length: number) => Uint8Array {
  const cipher = createCipheriv("aes-256-ctr", Buffer.alloc(32, seed), Buffer.alloc(16));
  return (length) => new Uint8Array(cipher.update(Buffer.alloc(length)));
}
