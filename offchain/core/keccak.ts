// SPDX-License-Identifier: MIT
import { keccak_256 } from "@noble/hashes/sha3.js";
import { joinBytes, utf8 } from "./bytes.ts";

/** keccak256 over the concatenation of the parts (Solidity's `abi.encodePacked`). */
export function keccak256(...parts: readonly Uint8Array[]): Uint8Array {
  return keccak_256(parts.length === 1 && parts[0] !== undefined ? parts[0] : joinBytes(parts));
}

const domains = new Map<string, Uint8Array>();

/** keccak256 of a domain string such as "assay.v1.public"; cached, so do not write to it. */
export function domainHash(domain: string): Uint8Array {
  let hash = domains.get(domain);
  if (hash === undefined) {
    hash = keccak_256(utf8(domain));
    domains.set(domain, hash);
  }
  return hash;
}
