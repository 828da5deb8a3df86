// SPDX-License-Identifier: GPL-3.0-or-later
// What everybody of a devnet owns, to the wei.
import type { Hex } from "viem";
import { getContractEvents, readContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { developmentSet } from "../deploy/parameters.ts";
import { same, stakeOf, type FaultTools } from "./fault-checks.ts";
import type { RanJob } from "./run-job.ts";

const DEAD = "0x000000000000000000000000000000000000dEaD";

/** Everything that anybody here owns, in wei. */
export interface Ledger {
  /** Stake, rewards, what is free in the hub, and the account. */
  readonly workers: ReadonlyMap<number, { readonly stake: bigint; readonly rest: bigint }>;
  readonly requester: bigint;
  readonly fees: bigint;
  readonly burned: bigint;
}

export async function ledgerOf(tools: FaultTools): Promise<Ledger> {
  const { devnet, wallet } = tools;
  const { hub, token } = devnet.deployment;
  const atHub = { address: hub, abi: assayHubAbi } as const;
  const free = async (who: Hex) => readContract(wallet, { ...atHub, functionName: "balanceOf", args: [who] });
  const kept = async (who: Hex) => readContract(wallet, { address: token, abi: devTokenAbi, functionName: "balanceOf", args: [who] }); // prettier-ignore
  const workers = devnet.workers.map(async ({ workerId, operator }) => {
    const [stake, { earned }, inHub, own] = await Promise.all([
      stakeOf(tools, workerId),
      readContract(wallet, { ...atHub, functionName: "account", args: [workerId] }),
      free(operator),
      kept(operator),
    ]);
    return [workerId, { stake, rest: earned + inHub + own }] as const;
  });
  const requester = wallet.account.address;
  const [all, inHub, own, { fees }, burned] = await Promise.all([
    Promise.all(workers),
    free(requester),
    kept(requester),
    readContract(wallet, { ...atHub, functionName: "totals" }),
    kept(DEAD),
  ]);
  return { workers: new Map(all), requester: inHub + own, fees, burned };
}

/** To the wei: one worker earned a seat's reward, pokers their fees, the protocol its share; the requester paid all of it, and nobody else lost anything. */
export async function onlyPaid(
  tools: FaultTools,
  before: Ledger,
  { receipt, slashes }: RanJob,
  paid: number,
): Promise<readonly string[]> {
  const { wallet, devnet } = tools;
  const after = await ledgerOf(tools);
  const { seatReward } = receipt.job.spec;
  const pokes = await getContractEvents(wallet, {
    address: devnet.deployment.hub,
    abi: assayHubAbi,
    eventName: "PokePaid",
    args: { jobId: receipt.jobId },
    fromBlock: 0n,
    strict: true,
  });
  const pokesOf = (who: Hex) =>
    pokes.filter(({ args }) => args.to.toLowerCase() === who.toLowerCase()).reduce((sum, { args }) => sum + args.amount, 0n); // prettier-ignore
  const fees = after.fees - before.fees;
  const outside = pokesOf(wallet.account.address);
  const poked = pokes.reduce((sum, { args }) => sum + args.amount, 0n);
  return [
    ...same("slashes", slashes.length, 0),
    ...same("burned", after.burned - before.burned, 0n),
    ...same("protocol's fee", fees, (seatReward * BigInt(developmentSet.feeBps)) / 10_000n),
    ...same("paid by the requester", before.requester - after.requester, seatReward + fees + poked - outside),
    ...devnet.workers.flatMap(({ workerId, operator }) => {
      const [then, now] = [before.workers.get(workerId), after.workers.get(workerId)];
      const due = (workerId === paid ? seatReward : 0n) + pokesOf(operator);
      return [
        ...same(`stake of worker ${workerId}`, now?.stake, then?.stake),
        ...same(`earned by worker ${workerId}`, (now?.rest ?? 0n) - (then?.rest ?? 0n), due),
      ];
    }),
  ];
}
