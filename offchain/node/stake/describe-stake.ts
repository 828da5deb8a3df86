// SPDX-License-Identifier: GPL-3.0-or-later
import { getAccount } from "../../adapters/chain/actions/get-account.ts";
import { getBalance } from "../../adapters/chain/actions/get-balance.ts";
import { getEpoch } from "../../adapters/chain/actions/get-epoch.ts";
import { getOwnerOf } from "../../adapters/chain/actions/get-owner-of.ts";
import { getWorker } from "../../adapters/chain/actions/get-worker.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { listHoldings, type Holding } from "../../adapters/chain/list-holdings.ts";
import { listProfiles } from "../../adapters/chain/list-profiles.ts";
import { capabilityNames } from "../../core/capabilities.ts";
import type { Hex } from "../../protocol/ports.ts";

/** Amounts in token base units, times in Unix seconds of the chain. */
export interface StakeReport {
  readonly workerId: number;
  readonly owner: Hex;
  readonly operator: Hex;
  readonly endpoints: string;
  /** By name. */
  readonly capabilities: readonly string[];
  readonly stake: bigint;
  readonly unbonding: bigint;
  /** When the unbonding amount may leave; 0: nothing is leaving. */
  readonly unbondAt: number;
  /** In all classes together, in the table being changed. */
  readonly tickets: number;
  readonly holdings: readonly Holding[];
  /** 0: not jailed. */
  readonly jailedUntil: number;
  readonly expiry: number;
  /** Paid to the owner by `claim`. */
  readonly earned: bigint;
  /** The operator's free balance at the hub, which challenge bonds come from. */
  readonly freeBalance: bigint;
  /** 0: the table has not started, and nobody is drawn. */
  readonly tableVersion: number;
  /** When tickets may be changed; 0 at version 0: at once. */
  readonly changesFrom: number;
}

/** Everything an operator asks about one worker. Errors: REVERTED (`WorkerUnknown`), RPC_UNAVAILABLE, RPC_REJECTED. */
export async function describeStake(chain: Chain, workerId: number, fromBlock: number): Promise<StakeReport> {
  const from = BigInt(fromBlock);
  const record = await getWorker(chain, { workerId });
  const [owner, holdings, profiles, { earned }, freeBalance, [tableVersion, , changesFrom]] = await Promise.all([
    getOwnerOf(chain, { workerId }),
    listHoldings(chain, { workerId, fromBlock: from }),
    listProfiles(chain, { workerIds: [workerId], fromBlock: from }),
    getAccount(chain, { workerId }),
    getBalance(chain, { account: record.signer }),
    getEpoch(chain),
  ]);
  return {
    workerId,
    owner,
    operator: record.signer,
    endpoints: profiles[0]?.profile.endpoints ?? "",
    capabilities: capabilityNames(profiles[0]?.profile.capabilities ?? 0n),
    stake: record.stake,
    unbonding: record.unbonding,
    unbondAt: record.unbondAt,
    tickets: record.tickets,
    holdings,
    jailedUntil: record.jailedUntil > chain.clock.now() ? record.jailedUntil : 0,
    expiry: record.expiry,
    earned,
    freeBalance,
    tableVersion,
    changesFrom,
  };
}
