// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { readContract } from "viem/actions";
import { keyRegistryAbi } from "../adapters/chain/abi/key-registry.ts";
import { fromHex } from "../core/bytes.ts";
import { decodeEnclaveBundle } from "../core/enclave-bundle.ts";
import type { ProvenTally } from "../core/receipt.ts";
import { isPaired } from "../core/replay-record.ts";
import { COURT_ROUND } from "../core/settle-types.ts";
import { CIPHER, ZERO_ADDRESS, type Record as JobRecord, type StageInfo, type Tally } from "../core/types.ts";
import { decodeProofEvidence } from "../core/zk/evidence.ts";
import { checked } from "./checked.ts";
import { decodeCall, type JobTrail } from "./job-trail.ts";
import { keyRegistryOf } from "./key-registry.ts";

interface Shown {
  readonly worker: Hex;
  readonly outDigest: Hex;
  readonly evidence: Hex;
}

/** The record of a PROOF job, of which `Proven` says everything; null if nothing was proven. */
export function provenRecord(trail: JobTrail, seats: readonly number[]): JobRecord | null {
  const proven = trail.events.flatMap((event) => (event.eventName === "Proven" ? [event.args] : []));
  if (proven.length === 0) return null;
  const seconds = new Map(
    trail.events.flatMap((event) =>
      event.eventName === "Seconded" ? [[event.args.stage, event.args.workerId] as const] : [],
    ),
  );
  const tallies = proven.map(({ stage, workerId, outDigest }): Tally => {
    const second = seconds.get(stage);
    const ids = second === undefined ? [workerId] : [workerId, second];
    return { stage, round: 0, seats: ids, said: ids.map(() => outDigest), challenger: ZERO_ADDRESS, bond: 0n };
  });
  return { seats, boundaries: proven.map(({ outDigest }) => outDigest), tallies, decided: 0 };
}

/** Whether a referee of ciphertexts decided a stage: a court's other evidence is a proof. */
export const isRefereed = ({ events }: JobTrail, stage: number): boolean =>
  events.some((event) => event.eventName === "CourtRuled" && event.args.stage === stage && event.args.kind === CIPHER);

/** Places of the tallies that rest on a proof: those of courts, and all of a PROOF job. */
export const provenTallies = (trail: JobTrail, record: JobRecord): readonly number[] => {
  const isProven = trail.events.some(({ eventName }) => eventName === "Proven");
  return record.tallies.flatMap(({ round, stage }, at) =>
    isProven || (round === COURT_ROUND && !isRefereed(trail, stage)) ? [at] : [],
  );
};

/** A stage's evidence as the policy's adapters take it. */
function readEvidence(bytes: Hex, paired: boolean): Pick<ProvenTally, "evidence" | "enclaves"> {
  if (!paired) return { evidence: decodeProofEvidence(fromHex(bytes)), enclaves: [] };
  const { proof, ...pair } = decodeEnclaveBundle(fromHex(bytes));
  return { evidence: decodeProofEvidence(fromHex(proof)), enclaves: [pair] };
}

/** What a transaction showed the hub for one stage; undefined if it went through another contract. */
function shown(trail: JobTrail, { stage, round }: Tally): Shown | undefined {
  for (const event of trail.events) {
    if (round === COURT_ROUND && event.eventName === "CourtRuled" && event.args.stage === stage) {
      const ruling = decodeCall(trail, event.transactionHash, "court")?.[4];
      return ruling && { worker: ruling.prover, outDigest: ruling.outDigest, evidence: ruling.evidence };
    }
    if (round !== COURT_ROUND && event.eventName === "Proven" && event.args.stage === stage) {
      const call = decodeCall(trail, event.transactionHash, "submitProofs");
      return call?.[3][stage - call[1].boundaries.length];
    }
  }
  return undefined;
}

/**
 * The evidence of every proven tally, from calldata; `keys` by key id. Undefined if a proof was not posted to the hub directly: then
 * these transactions do not show it. Error: ABI_NOT_CANONICAL.
 */
export function collectProofs(
  trail: JobTrail,
  record: JobRecord,
  stages: readonly StageInfo[],
  keys: ReadonlyMap<Hex, Hex>,
): readonly ProvenTally[] | undefined {
  const proofs: ProvenTally[] = [];
  const paired = trail.events.some(
    (event) => event.eventName === "JobRequested" && isPaired(event.args.spec.policy.mask),
  );
  for (const at of provenTallies(trail, record)) {
    const tally = record.tallies[at];
    const found = tally && shown(trail, tally);
    const key = tally && keys.get(stages[tally.stage]?.keyId ?? "0x");
    if (found === undefined || key === undefined) return undefined;
    const { evidence, enclaves } = readEvidence(found.evidence, paired);
    proofs.push({ tally: at, worker: found.worker, outDigest: found.outDigest, key, evidence, enclaves });
  }
  return proofs;
}

/** Key records by id, from the registry that the hub's judge of proofs reads. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function readKeyRecords(
  client: Client,
  hub: Address,
  keyIds: readonly Hex[],
): Promise<ReadonlyMap<Hex, Hex>> {
  if (keyIds.length === 0) return new Map();
  const registry = await keyRegistryOf(client, hub);
  if (registry === null) return new Map();
  const records = await Promise.all(
    keyIds.map(async (keyId) =>
      checked("record", async () =>
        readContract(client, { address: registry, abi: keyRegistryAbi, functionName: "record", args: [keyId] }),
      ),
    ),
  );
  return new Map(keyIds.map((keyId, i) => [keyId, records[i] ?? "0x"]));
}
