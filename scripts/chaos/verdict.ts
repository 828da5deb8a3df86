// SPDX-License-Identifier: GPL-3.0-or-later
import { createPublicClient, http, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import type { Devnet } from "../demo/devnet.ts";

/** What the chain says when all is quiet again. Amounts in token base units. */
export interface Verdict {
  /** By state, of all jobs that were ever requested. */
  readonly jobs: Readonly<Record<string, number>>;
  readonly slashes: readonly { readonly workerId: number; readonly offence: number; readonly jobId: Hex }[];
  readonly problems: readonly string[];
}

const OFFENCES = ["none", "wrong", "unrevealed", "absent", "equivocation", "beacon"];

/** Reads every job and every balance from the chain itself. */
export async function judge(devnet: Devnet, wallet: AssayWallet, liars: ReadonlySet<number>): Promise<Verdict> {
  const problems: string[] = [];
  const listed = await wallet.listJobs({ limit: 100_000 });
  const jobs: Record<string, number> = {};
  const slashes: Verdict["slashes"][number][] = [];
  for (const { jobId, state } of listed) {
    jobs[state] = (jobs[state] ?? 0) + 1;
    if (state !== "FINAL" && state !== "CLOSED") problems.push(`Job ${jobId} is still ${state}.`);
    const view = await wallet.getJob({ jobId });
    for (const { workerId, offence } of view.slashes) slashes.push({ workerId, offence, jobId });
  }
  for (const { workerId, offence, jobId } of slashes)
    if (!liars.has(devnet.workerOf(workerId).index))
      problems.push(`Honest worker ${workerId} was slashed as ${OFFENCES[offence] ?? offence} in job ${jobId}.`);
  problems.push(...(await moneyProblems(devnet)));
  return { jobs, slashes, problems };
}

/** With no job open, every token of the hub and of the vault belongs to somebody who can take it. */
async function moneyProblems({ chain, deployment, workers, requesterKey }: Devnet): Promise<string[]> {
  const client = createPublicClient({ transport: http(chain.url), cacheTime: 0 });
  const { hub, vault, token } = deployment;
  const balance = async (of: Hex): Promise<bigint> =>
    client.readContract({ address: token, abi: devTokenAbi, functionName: "balanceOf", args: [of] });
  const atHub = { address: hub, abi: assayHubAbi } as const;
  const atVault = { address: vault, abi: stakeVaultAbi } as const;
  const accounts = [
    privateKeyToAccount(requesterKey).address,
    ...workers.flatMap(({ operator, owner }) => [operator, owner]),
  ];
  const { openRisk, fees } = await client.readContract({ ...atHub, functionName: "totals" });
  let owed = fees;
  for (const account of accounts)
    owed += await client.readContract({ ...atHub, functionName: "balanceOf", args: [account] });
  let staked = 0n;
  for (const { workerId } of workers) {
    owed += (await client.readContract({ ...atHub, functionName: "account", args: [workerId] })).earned;
    const { stake, unbonding } = await client.readContract({ ...atVault, functionName: "worker", args: [workerId] });
    staked += stake + unbonding;
  }
  const problems: string[] = [];
  const atHubNow = await balance(hub);
  if (atHubNow !== owed) problems.push(`The hub holds ${atHubNow}, and owes ${owed}.`);
  const atVaultNow = await balance(vault);
  if (atVaultNow !== staked) problems.push(`The vault holds ${atVaultNow}, and owes ${staked}.`);
  if (openRisk !== 0n) problems.push(`No job is open, but ${openRisk} are at risk.`);
  return problems;
}
