// SPDX-License-Identifier: MIT
import {
  hexToBytes,
  parseSignature,
  serializeCompactSignature,
  signatureToCompactSignature,
  type Account,
  type SignTypedDataParameters,
  type TypedData,
} from "viem";
import { signTypedData } from "viem/actions";
import { unpackSignature, type CompactSignature } from "../core/signature.ts";
import type { WalletLike } from "./send.ts";

/** EIP-712 by the wallet, as EIP-2098 has it. Errors: those of the wallet. */
export async function signCompact<
  const T extends TypedData | Record<string, unknown>,
  P extends keyof T | "EIP712Domain" = keyof T,
>(client: WalletLike, message: SignTypedDataParameters<T, P, Account>): Promise<CompactSignature> {
  const signature = await signTypedData(client, message as unknown as SignTypedDataParameters);
  const compact = serializeCompactSignature(signatureToCompactSignature(parseSignature(signature)));
  return unpackSignature(hexToBytes(compact));
}
