// SPDX-License-Identifier: MIT
import { decodeFunctionData, type Address, type Hex } from "viem";
import { getCode } from "viem/actions";
import type { Claim } from "../../core/claim.ts";
import { toHex } from "../../core/bytes.ts";
import { domainSeparator } from "../../core/eip712.ts";
import { hasCode } from "../../core/errors.ts";
import type { StageInfo } from "../../core/types.ts";
import { encodeProofEvidence, type ProofEvidence } from "../../core/zk/evidence.ts";
import { assayHubAbi } from "./abi/assay-hub.ts";
import { blockSeedAbi } from "./abi/block-seed.ts";
import { cipherRefereeAbi } from "./abi/cipher-referee.ts";
import { keyRegistryAbi } from "./abi/key-registry.ts";
import { proofAdapterAbi } from "./abi/proof-adapter.ts";
import { protocolParamsAbi } from "./abi/protocol-params.ts";
import { stakeVaultAbi } from "./abi/stake-vault.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";
import { readContract } from "./read-contract.ts";

const at = (block: number): bigint => BigInt(block);

/** A job's storage after a block. Errors here and below: RPC_UNAVAILABLE, RPC_REJECTED (no such state), REVERTED. */
export const slotAt = async (chain: Chain, jobId: Hex, block: number) =>
  readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "slot",
    args: [jobId],
    blockNumber: at(block),
  });

/** What the randomness contract says of a seed in a block. */
export const seedAt = async (chain: Chain, seedRef: number, block: number) =>
  readContract(chain, {
    address: chain.contracts.randomness,
    abi: blockSeedAbi,
    functionName: "seedOf",
    args: [seedRef],
    blockNumber: at(block),
  });

/** A worker's unclaimed earnings in the hub after a block. */
export async function earnedAt(chain: Chain, workerId: number, block: number): Promise<bigint> {
  const { earned } = await readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "account",
    args: [workerId],
    blockNumber: at(block),
  });
  return earned;
}

/** An account's free balance in the hub after a block. */
export const freeAt = async (chain: Chain, account: Address, block: number) =>
  readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "balanceOf",
    args: [account],
    blockNumber: at(block),
  });

/** Fees that the hub holds after a block. */
export async function feesAt(chain: Chain, block: number): Promise<bigint> {
  const { fees } = await readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "totals",
    blockNumber: at(block),
  });
  return fees;
}

/** Every parameter set that stands after a block, by version from 0. */
export async function parametersAt(chain: Chain, block: number) {
  const from = { address: chain.contracts.params, abi: protocolParamsAbi, blockNumber: at(block) } as const;
  const count = await readContract(chain, { ...from, functionName: "versions" });
  return Promise.all(
    Array.from({ length: count }, async (_, version) =>
      readContract(chain, { ...from, functionName: "parameters", args: [version] }),
    ),
  );
}

export const policyTableHash = async (chain: Chain) =>
  readContract(chain, { address: chain.contracts.params, abi: protocolParamsAbi, functionName: "policyTableHash" });

/** The record of a verifying key, or null if the registry has none after a block. */
export async function keyRecordAt(chain: Chain, keyId: Hex, block: number): Promise<Hex | null> {
  const { keys } = chain.contracts;
  if (keys === null) return null;
  const call = { address: keys, abi: keyRegistryAbi, args: [keyId], blockNumber: at(block) } as const;
  if (!(await readContract(chain, { ...call, functionName: "has" }))) return null;
  return readContract(chain, { ...call, functionName: "record" });
}

/** Runtime code after a block; "0x" where there is none. */
export async function codeAt(chain: Chain, address: Address, block: number): Promise<Hex> {
  const code = await getCode(chain.client, { address, blockNumber: at(block) }).catch((error: unknown) => {
    throw toChainError(error, "eth_getCode", chain.errors);
  });
  return code ?? "0x";
}

/** Has the deployed judge of proofs decide, in a call that changes nothing. Its error's name if it refuses, else undefined. */
export async function refusalOfProof(
  chain: Chain,
  claim: Claim,
  stage: StageInfo,
  evidence: ProofEvidence,
): Promise<string | undefined> {
  const { proofAdapter, hub } = chain.contracts;
  if (proofAdapter === null) return "the router has no judge of proofs";
  const domain = domainSeparator({ chainId: BigInt(chain.chainId), hub });
  try {
    await readContract(chain, {
      address: proofAdapter,
      abi: proofAdapterAbi,
      functionName: "check",
      args: [domain, claim, stage, toHex(encodeProofEvidence(evidence))],
    });
    return undefined;
  } catch (error) {
    if (hasCode(error, "REVERTED")) return String(error.meta["name"]);
    throw error;
  }
}

/** Who stands for a digest of a stage over ciphertexts, after a block. */
export const defenceAt = async (chain: Chain, referee: Address, defence: bigint, block: number) =>
  readContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "defenceOf",
    args: [defence],
    blockNumber: at(block),
  });

export interface TicketChange {
  readonly workerId: number;
  readonly ticketClass: number;
  readonly add: number;
  readonly remove: readonly number[];
}

/** What a call to the vault changes in its ticket tables; none of any other call. */
export function ticketChangesIn(input: Hex): readonly TicketChange[] {
  try {
    const { functionName, args } = decodeFunctionData({ abi: stakeVaultAbi, data: input });
    return functionName === "applyChanges" ? args[0] : [];
  } catch {
    return [];
  }
}
