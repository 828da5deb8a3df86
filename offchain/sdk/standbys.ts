// SPDX-License-Identifier: MIT
import type { Address } from "viem";
import {
  getBlock,
  getContractEvents,
  readContract,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { stakeVaultAbi } from "../adapters/chain/abi/stake-vault.ts";
import { isAssayError } from "../core/errors.ts";
import { jobTable } from "../core/network-part.ts";
import { ZERO_BYTES32 } from "../core/types.ts";
import { deliverToSeats, type DeliverInputParameters, type DeliverInputReturnType } from "./actions/deliver-input.ts";
import { checked } from "./checked.ts";
import { getDeployment } from "./deployment.ts";
import { pause } from "./poll-until.ts";
import { accountOf, type WalletLike } from "./send.ts";

type Seats = DeliverInputReturnType["seats"];

/** The seats of all stages now: as drawn, or as `Promoted` told last. Errors: RPC_UNAVAILABLE. */
export async function currentSeats(
  client: WalletLike,
  { hub, jobId, fromBlock }: Pick<DeliverInputParameters, "hub" | "jobId" | "fromBlock">,
  drawn: Seats,
): Promise<Seats> {
  const events = await checked("getLogs", async () =>
    getContractEvents(client, {
      address: hub,
      abi: assayHubAbi,
      eventName: "Promoted",
      args: { jobId },
      fromBlock: fromBlock ?? 0n,
      strict: true,
    }),
  );
  const ids = events.at(-1)?.args.record.seats;
  if (ids === undefined) return drawn;
  const { vault } = await getDeployment(client, hub);
  const signers = await checked("signersOf", async () =>
    readContract(client, { address: vault, abi: stakeVaultAbi, functionName: "signersOf", args: [ids] }),
  );
  return ids.map((workerId, at) => ({ workerId, signer: signers[at] ?? ("0x" satisfies Address) }));
}

const OPEN = 1;
/** Seats that came fill the others themselves, at once. */
const GRACE_SEC = 4;
const NOTHING = { seats: [], boundaries: [], tallies: [], decided: 0 } as const;

/** Where nobody came at all, nobody but the client is there to have the seats filled. */
async function promoteIfNobodyCame(client: WalletLike, parameters: DeliverInputParameters): Promise<void> {
  const { hub, jobId, job } = parameters;
  const [slot, { timestamp }] = await checked("slot", async () =>
    Promise.all([
      readContract(client, { address: hub, abi: assayHubAbi, functionName: "slot", args: [jobId] }),
      getBlock(client),
    ]),
  );
  const isUntouched = slot.state === OPEN && slot.word === ZERO_BYTES32;
  if (!isUntouched || Number(timestamp) <= slot.deadline + GRACE_SEC) return;
  const account = accountOf(client, parameters.account, "promote");
  const call = { address: hub, abi: assayHubAbi, functionName: "promote", args: [job, NOTHING], account } as const;
  const hash = await checked("promote", async () => {
    await simulateContract(client, call);
    return writeContract(client, { ...call, chain: client.chain ?? null });
  });
  await waitForTransactionReceipt(client, { hash, pollingInterval: parameters.pollMs ?? 500 });
}

/**
 * Gives the input to every worker that sits down in an empty seat, until the signal fires: those who came may be too few to hold it, or
 * hold none of what a stage's salts open. A failure waits for the next look; the seats that have the input pass it on as well.
 */
export async function deliverToStandbys(
  client: WalletLike,
  parameters: DeliverInputParameters,
  drawn: Seats,
  signal: AbortSignal,
): Promise<void> {
  const { k } = parameters.job.spec.policy;
  const served = new Set(drawn.map(({ workerId }) => workerId));
  while (!signal.aborted) {
    try {
      await promoteIfNobodyCame(client, parameters);
      const seats = await currentSeats(client, parameters, drawn);
      const stages = jobTable(parameters.manifest).map((_, stage) => ({
        stage,
        seats: seats.slice(stage * k, (stage + 1) * k).filter(({ workerId }) => !served.has(workerId)),
      }));
      const due = stages.filter((one) => one.seats.length > 0);
      for (const { reached } of due.length === 0 ? [] : await deliverToSeats(client, parameters, due))
        for (const workerId of reached) served.add(workerId);
    } catch (error) {
      if (!isAssayError(error)) throw error;
    }
    await pause(parameters.pollMs ?? 500, signal);
  }
}
