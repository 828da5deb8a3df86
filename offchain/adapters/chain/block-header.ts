// SPDX-License-Identifier: MIT
import { keccak256, toRlp, type Hex } from "viem";

/** Every field of a header of the Osaka rules but its hash, in the order in which it is hashed. */
export const HEADER_FIELDS = [
  "parentHash",
  "sha3Uncles",
  "miner",
  "stateRoot",
  "transactionsRoot",
  "receiptsRoot",
  "logsBloom",
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "extraData",
  "mixHash",
  "nonce",
  "baseFeePerGas",
  "withdrawalsRoot",
  "blobGasUsed",
  "excessBlobGas",
  "parentBeaconBlockRoot",
  "requestsHash",
] as const;

export type HeaderField = (typeof HEADER_FIELDS)[number];
/** As a node's JSON shows it: quantities without leading zeros, "0x0" for none. */
export type BlockHeader = Readonly<Record<HeaderField, Hex>>;

/** Fields that are numbers; the others are bytes. */
export const QUANTITIES: ReadonlySet<HeaderField> = new Set([
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "baseFeePerGas",
  "blobGasUsed",
  "excessBlobGas",
]);

const toItem = (field: HeaderField, value: Hex): Hex => {
  if (!QUANTITIES.has(field)) return value;
  const digits = value.slice(2).replace(/^0+/, "");
  return `0x${digits.length % 2 === 1 ? "0" : ""}${digits}`;
};

/** The block's hash. */
export const headerHash = (header: BlockHeader): Hex =>
  keccak256(toRlp(HEADER_FIELDS.map((field) => toItem(field, header[field]))));
