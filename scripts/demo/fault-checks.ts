// SPDX-License-Identifier: GPL-3.0-or-later
// What every fault demonstration measures and compares.
import { readContract } from "viem/actions";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import type { Devnet } from "./devnet.ts";
import type { Presenter } from "./presenter.ts";
import { tokens, type RanJob, type RunJobOptions } from "./run-job.ts";

/** One liar: what it did, what the protocol says must follow, what followed. */
export interface FaultOutcome {
  readonly fault: string;
  readonly preset: string;
  /** As the documents say it. */
  readonly verdict: string;
  /** Who lost what. */
  readonly money: string;
  readonly seconds: number;
  /** Sentences; empty if verdict and money are as they must be. */
  readonly problems: readonly string[];
}

export interface FaultTools {
  readonly devnet: Devnet;
  readonly wallet: AssayWallet;
  readonly presenter: Presenter;
  readonly options: Omit<RunJobOptions, "tWork">;
}

export const OFFENCE = { wrong: 1, absent: 3 } as const;

export async function timed<T>(action: () => Promise<T>): Promise<{ readonly value: T; readonly seconds: number }> {
  const startMs = performance.now();
  const value = await action();
  return { value, seconds: (performance.now() - startMs) / 1_000 };
}

export async function stakeOf({ devnet, wallet }: FaultTools, workerId: number): Promise<bigint> {
  const { vault } = devnet.deployment;
  const worker = await readContract(wallet, {
    address: vault,
    abi: stakeVaultAbi,
    functionName: "worker",
    args: [workerId],
  });
  return worker.stake;
}

export const same = <T>(what: string, have: T, want: T): readonly string[] =>
  have === want ? [] : [`${what}: ${String(have)}, and should be ${String(want)}`];

export const rightAnswer = ({ outcome }: RanJob): readonly string[] => [
  ...same("answer", outcome.answer, outcome.truth),
  ...same("equals the integer program", outcome.matchesProgram, true),
  ...same("receipt verifies from its bytes", outcome.receiptVerified, true),
];

/** One worker lost exactly this, half of it burned, and nobody else lost anything. */
export function lost({ slashes }: RanJob, workerId: number, offence: number, amount: bigint): readonly string[] {
  const [slash] = slashes;
  return [
    ...same("workers slashed", slashes.map((one) => one.workerId).join(", "), String(workerId)),
    ...same("offence", slash?.offence, offence),
    ...same("slashed", slash?.amount, amount),
    ...same("burned", slash?.burned, amount / 2n),
  ];
}

export function moneyOf({ slashes, receipt }: RanJob, workerId: number): string {
  const slash = slashes.find((one) => one.workerId === workerId);
  const returned = receipt.settlement[0]?.requester ?? 0n;
  const loss =
    slash === undefined ? "" : `worker ${workerId} -${tokens(slash.amount)}, ${tokens(slash.burned)} burned; `;
  return `${loss}${tokens(returned)} back to the requester`;
}
