// SPDX-License-Identifier: MIT
import { keccak256, serializeTransaction, toHex, hexToBytes, type Hex, type TransactionSerializable } from "viem";
import type { Signer } from "../../core/ports/keys.ts";

/** Serialised, signed transaction. The key stays behind the port: this only splits its compact signature (EIP-2098). */
export function signTransaction(signer: Pick<Signer, "signDigest">, transaction: TransactionSerializable): Hex {
  const compact = signer.signDigest(hexToBytes(keccak256(serializeTransaction(transaction))));
  const s = compact.slice(32);
  const yParity = (s[0] ?? 0) >> 7;
  s[0] = (s[0] ?? 0) & 0x7f;
  return serializeTransaction(transaction, { r: toHex(compact.subarray(0, 32)), s: toHex(s), yParity });
}
