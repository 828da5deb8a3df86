// SPDX-License-Identifier: GPL-3.0-or-later
import { getGasMoney } from "../../adapters/chain/actions/get-gas-money.ts";
import { getMinimumStake } from "../../adapters/chain/actions/get-minimum-stake.ts";
import { getOwnerOf } from "../../adapters/chain/actions/get-owner-of.ts";
import { getTokenBalance } from "../../adapters/chain/actions/get-token-balance.ts";
import { getWorker } from "../../adapters/chain/actions/get-worker.ts";
import { getWorkerOf } from "../../adapters/chain/actions/get-worker-of.ts";
import { updateProfile } from "../../adapters/chain/actions/update-profile.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { ChainError } from "../../adapters/chain/errors.ts";
import { listProfiles } from "../../adapters/chain/list-profiles.ts";
import { capabilityBits, COMMON_CAPABILITIES } from "../../core/capabilities.ts";
import type { Signer } from "../../core/ports/keys.ts";
import type { Hex } from "../../protocol/ports.ts";
import { NodeError } from "../errors.ts";
import { registerWorker, startTable } from "../register-worker.ts";
import { findWorker } from "./connect-stake.ts";
import { bondShortfall, fundBond } from "./fund-bond.ts";

/** Validity of a record. It is renewed when less than half of it is left, so a worker that is looked after never expires. */
const VALID_SEC = 365 * 86_400;

export interface AddStakeOptions {
  /** Writes with the owner's key. */
  readonly chain: Chain;
  readonly operator: Signer;
  /** `endpoints`, `capabilities` null: keep what is published; of a new worker, what all workers do. */
  readonly profile: {
    readonly transportId: Hex;
    readonly sealKey: Hex;
    readonly endpoints: string | null;
    readonly capabilities: bigint | null;
  };
  /** The stake to have, wei: less is filled up, more is left alone. */
  readonly amount: bigint;
  readonly ticketClass: number;
  /** The free balance to have at the hub, wei. */
  readonly bond: bigint;
  /** Also starts the table of a new deployment. */
  readonly start: boolean;
  readonly fromBlock: number;
  /** Lends a chain that writes with the operator's key; called only if a deposit is due. */
  readonly asOperator: (use: (operator: Chain) => Promise<void>) => Promise<void>;
  readonly onStep: (step: string) => void;
}

/**
 * From nothing to a seated worker: registers or renews the record, fills the bond and the stake up, takes all tickets. What is there
 * already is left alone, so it may be repeated after any failure. Errors: NOT_OWNER, OWNER_TAKEN, STAKE_LOW, TOKENS_MISSING, GAS_MISSING,
 * ENDPOINTS_MISSING, CHANGES_CLOSED (stake is in, tickets are not), KEY_LOCKED; READ_ONLY, REVERTED, TRANSACTION_*.
 */
export async function addStake(options: AddStakeOptions): Promise<{ readonly workerId: number }> {
  const { chain, operator, profile, amount, ticketClass, bond, fromBlock, onStep } = options;
  const owner = chain.sender?.address;
  if (owner === undefined) throw new ChainError("READ_ONLY", { purpose: "stake" });

  // All that can be known to fail is looked at before the first transaction.
  onStep("looking at the chain");
  const known = await requireMatch(chain, owner, operator.address, fromBlock);
  const { stake: staked, expiry } =
    known === 0 ? { stake: 0n, expiry: 0 } : await getWorker(chain, { workerId: known });
  const missing = amount > staked ? amount - staked : 0n;
  const need = await getMinimumStake(chain);
  if (staked + missing < need) throw new NodeError("STAKE_LOW", { have: staked + missing, need });
  const shortfall = bond === 0n ? { deposit: 0n, transfer: 0n } : await bondShortfall(chain, operator.address, bond);
  const cost = missing + shortfall.transfer;
  const have = await getTokenBalance(chain, { account: owner });
  if (have < cost) throw new NodeError("TOKENS_MISSING", { account: owner, have, need: cost });
  const payers = shortfall.deposit > 0n ? [owner, operator.address] : [owner];
  for (const account of payers)
    if ((await getGasMoney(chain, { account })) === 0n) throw new NodeError("GAS_MISSING", { account });

  const endpoints = profile.endpoints ?? "";
  if (known === 0) {
    if (endpoints === "") throw new NodeError("ENDPOINTS_MISSING", {});
    onStep("registering");
  } else await renewRecord(chain, { workerId: known, profile, expiry, fromBlock, onStep });

  // Before the tickets: they may have to wait for half an epoch, the bond need not.
  if (shortfall.deposit > 0n) {
    onStep("depositing the challenge bond");
    await options.asOperator(async (operatorChain) => fundBond({ owner: chain, operator: operatorChain }, shortfall));
  }
  const { workerId } = await registerWorker({
    chain,
    operator,
    profile: { ...profile, endpoints, capabilities: profile.capabilities ?? capabilityBits(COMMON_CAPABILITIES) },
    stake: missing,
    ticketClass,
    validForSec: VALID_SEC,
    onStep: (step) => onStep(AFTER[step]),
  });
  if (options.start && (await startTable(chain))) onStep("the table is started");
  return { workerId };
}

const AFTER = {
  registered: "registered; staking",
  staked: "staked; taking tickets",
  ticketed: "all tickets taken",
  started: "the table is started",
} as const;

/** The worker of this owner and this operator, 0 if both are new. Errors: NOT_OWNER, OWNER_TAKEN. */
async function requireMatch(chain: Chain, owner: Hex, signer: Hex, fromBlock: number): Promise<number> {
  const [owned, signed] = await Promise.all([getWorkerOf(chain, { owner }), findWorker(chain, signer, fromBlock)]);
  if (signed !== null && signed !== owned) {
    const want = await getOwnerOf(chain, { workerId: signed });
    throw new NodeError("NOT_OWNER", { worker: signed, want, have: owner });
  }
  if (signed === null && owned !== 0) {
    const { signer: other } = await getWorker(chain, { workerId: owned });
    throw new NodeError("OWNER_TAKEN", { owner, worker: owned, signer: other });
  }
  return owned;
}

/** Publishes the record again if it says something else than the keys and the configuration, or runs out. */
async function renewRecord(
  chain: Chain,
  record: Pick<AddStakeOptions, "profile" | "fromBlock" | "onStep"> & { workerId: number; expiry: number },
): Promise<void> {
  const { workerId, profile, fromBlock } = record;
  const [published] = await listProfiles(chain, { workerIds: [workerId], fromBlock: BigInt(fromBlock) });
  const old = published?.profile;
  const endpoints = profile.endpoints ?? old?.endpoints ?? "";
  const capabilities = profile.capabilities ?? old?.capabilities ?? 0n;
  const same =
    old?.transportId === profile.transportId &&
    old.sealKey === profile.sealKey &&
    old.endpoints === endpoints &&
    old.capabilities === capabilities;
  const now = Math.floor(chain.clock.now());
  if (same && record.expiry > now + VALID_SEC / 2) return;
  record.onStep("publishing the record again");
  const { transportId, sealKey } = profile;
  await updateProfile(chain, {
    workerId,
    profile: { transportId, sealKey, endpoints, capabilities, expiry: now + VALID_SEC },
  });
}
