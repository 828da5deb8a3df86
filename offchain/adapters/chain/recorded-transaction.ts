// SPDX-License-Identifier: MIT
import {
  getContractAddress,
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type Hex,
  type TransactionSerializable,
  type TransactionSerialized,
} from "viem";

/** What a signed transaction says. Addresses in lower case. */
export interface OpenedTransaction {
  readonly hash: Hex;
  readonly from: Hex;
  /** Null: it creates a contract. */
  readonly to: Hex | null;
  readonly nonce: number;
  readonly value: bigint;
  readonly input: Hex;
  readonly chainId: number | undefined;
  /** Where it creates a contract; null if it creates none. */
  readonly creates: Hex | null;
  /** What a unit of gas costs it in a block with this base fee, in wei. */
  gasPriceAt(baseFee: bigint): bigint;
}

const lower = (hex: string): Hex => `0x${hex.slice(2).toLowerCase()}`;
/** Quantities that old nodes leave out are zero. */
const textOf = (value: unknown): string => (typeof value === "string" ? value : "0x0");
const amount = (value: unknown): bigint | undefined => (typeof value === "string" ? BigInt(value) : undefined);

/**
 * The signed bytes behind a transaction as a node's JSON shows it; null if no such bytes have its hash, as of a sender that only a test
 * node knew. Types 0 to 2.
 */
export function rawTransaction(shown: Readonly<Record<string, unknown>>): Hex | null {
  const type = { "0x0": "legacy", "0x1": "eip2930", "0x2": "eip1559" }[textOf(shown["type"])];
  const [r, s] = [shown["r"], shown["s"]];
  if (type === undefined || typeof r !== "string" || typeof s !== "string") return null;
  const fees =
    type === "eip1559"
      ? { maxFeePerGas: amount(shown["maxFeePerGas"]), maxPriorityFeePerGas: amount(shown["maxPriorityFeePerGas"]) }
      : { gasPrice: amount(shown["gasPrice"]) };
  const v = BigInt(textOf(shown["v"] ?? shown["yParity"]));
  const request = {
    type,
    ...fees,
    chainId: shown["chainId"] === undefined ? undefined : Number(shown["chainId"]),
    nonce: Number(shown["nonce"]),
    gas: amount(shown["gas"]),
    to: (shown["to"] as Hex | null) ?? undefined,
    value: amount(shown["value"]),
    data: shown["input"] as Hex,
    ...(type === "legacy" ? {} : { accessList: shown["accessList"] }),
  } as TransactionSerializable;
  const wide = (word: string): Hex => `0x${word.slice(2).padStart(64, "0")}`;
  try {
    const raw = serializeTransaction(request, {
      r: wide(r),
      s: wide(s),
      ...(type === "legacy" ? { v } : { yParity: Number(v) }),
    });
    return keccak256(raw) === shown["hash"] ? raw : null;
  } catch {
    return null;
  }
}

/** Reads signed bytes from anyone; null if they are no transaction, or not in its one spelling. */
export async function openTransaction(raw: Hex): Promise<OpenedTransaction | null> {
  try {
    const parsed = parseTransaction(raw);
    const { r, s, v, yParity } = parsed;
    if (r === undefined || s === undefined) return null;
    const again = serializeTransaction(parsed, { r, s, v: v ?? 0n, ...(yParity === undefined ? {} : { yParity }) });
    if (again !== raw) return null;
    const from = await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerialized });
    const { gasPrice, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n, nonce = 0 } = parsed;
    const isCreation = parsed.to === undefined || parsed.to === null;
    return {
      hash: keccak256(raw),
      from: lower(from),
      to: isCreation ? null : lower(parsed.to ?? "0x"),
      nonce,
      creates: isCreation ? lower(getContractAddress({ from, nonce: BigInt(nonce) })) : null,
      gasPriceAt: (baseFee) => {
        if (gasPrice !== undefined) return gasPrice;
        return maxFeePerGas < baseFee + maxPriorityFeePerGas ? maxFeePerGas : baseFee + maxPriorityFeePerGas;
      },
      value: parsed.value ?? 0n,
      input: parsed.data ?? "0x",
      chainId: parsed.chainId,
    };
  } catch {
    return null;
  }
}
