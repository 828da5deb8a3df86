// SPDX-License-Identifier: GPL-3.0-or-later
import type { OpenedTransaction } from "../../adapters/chain/recorded-transaction.ts";
import type { Hex } from "../../core/bytes.ts";
import type { BlockHeader } from "../../adapters/chain/block-header.ts";
import type { RecordedOutcome } from "./recorded-blocks.ts";

/** What a transaction took from its sender and brought its receiver, in wei. */
export interface Movement {
  readonly block: number;
  readonly from: Hex;
  readonly to: Hex | null;
  readonly value: bigint;
  /** Gas and value. */
  readonly cost: bigint;
}

export function movementOf(opened: OpenedTransaction, outcome: RecordedOutcome, header: BlockHeader): Movement {
  const value = outcome.ok ? opened.value : 0n;
  const gas = BigInt(outcome.gasUsed) * opened.gasPriceAt(BigInt(header.baseFeePerGas));
  return { block: Number(header.number), from: opened.from, to: opened.to, value, cost: gas + value };
}
