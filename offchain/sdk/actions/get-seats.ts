// SPDX-License-Identifier: MIT
import { encodeAbiParameters, keccak256, type Address, type Client, type Hex } from "viem";
import { readContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { blockSeedAbi } from "../../adapters/chain/abi/block-seed.ts";
import { stakeVaultAbi } from "../../adapters/chain/abi/stake-vault.ts";
import { checked, isRevert } from "../checked.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";

export interface GetSeatsParameters {
  readonly hub: Address;
  readonly jobId: Hex;
  /** Seats of all stages together: `spec.stages * spec.policy.k`. */
  readonly seats: number;
  readonly ticketClass: number;
}

/** Worker ids in seat order (stage s owns k of them, from s * k on) with their signing addresses; null before the seed is known. */
export type GetSeatsReturnType = readonly { readonly workerId: number; readonly signer: Address }[] | null;

const ALL_STAGES = 0xffff;

/**
 * The round-0 seats of a job. They are fixed at request and become known two blocks later; nobody can change them.
 * Errors: JOB_UNKNOWN; REVERTED with VersionUnreadable or SeedLost when the chain has forgotten how to draw them (use the receipt).
 *
 * @example
 * const seats = await getSeats(client, { hub, jobId, seats: 5, ticketClass: 0 });
 */
export async function getSeats(client: Client, parameters: GetSeatsParameters): Promise<GetSeatsReturnType> {
  const { hub, jobId, seats, ticketClass } = parameters;
  const { vault, randomness } = await getDeployment(client, hub);
  const slot = await checked("slot", async () =>
    readContract(client, { address: hub, abi: assayHubAbi, functionName: "slot", args: [jobId] }),
  );
  if (slot.state === 0) throw new SdkError("JOB_UNKNOWN", { jobId });
  const beacon = await seedOf(client, randomness, slot.seedRef);
  if (beacon === null) return null;
  const seed = keccak256(
    encodeAbiParameters(
      [{ type: "string" }, { type: "bytes32" }, { type: "bytes32" }, { type: "uint16" }, { type: "uint8" }],
      ["assay.v1.draw", beacon, jobId, ALL_STAGES, 0],
    ),
  );
  const [ids, signers] = await checked("draw", async () =>
    readContract(client, {
      address: vault,
      abi: stakeVaultAbi,
      functionName: "draw",
      args: [slot.tableVersion, ticketClass, seed, [], BigInt(seats)],
    }),
  );
  return ids.map((workerId, index) => ({ workerId, signer: signers[index] ?? "0x" }));
}

async function seedOf(client: Client, randomness: Address, seedRef: number): Promise<Hex | null> {
  try {
    return await checked("seedOf", async () =>
      readContract(client, { address: randomness, abi: blockSeedAbi, functionName: "seedOf", args: [seedRef] }),
    );
  } catch (error) {
    if (isRevert(error, "SeedNotReady")) return null;
    throw error;
  }
}
