// SPDX-License-Identifier: GPL-3.0-or-later
// Jobs whose stages several enclaves share, and a host between two of them who may do as it likes with what it carries.
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { concatBytes, fromHex, type Hex } from "../../../offchain/core/bytes.ts";
import { encodePlan } from "../../../offchain/core/planning/encode-plan.ts";
import type { Plan } from "../../../offchain/core/planning/types.ts";
import { enclaveId, encodeScheduleOrder, type ScheduledEnclave, type ScheduleOrder } from "../../../offchain/core/schedule-order.ts"; // prettier-ignore
import { sealBlob, sealContext } from "../../../offchain/core/seal.ts";
import { JOB_INPUT, type BoundarySalt } from "../../../offchain/core/sealed-input.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import type { Tensor } from "../../../offchain/core/tensor.ts";
import { ENCLAVE, type Job, type ModelManifest } from "../../../offchain/core/types.ts";
import type { Reply } from "../../../offchain/node/enclave/wire.ts";
import { testManifest } from "../cluster/cluster.ts";
import { innerJob, PLACE, REQUESTER, startInner, type InnerChange, type InnerJob, type TestInner } from "./inner.ts";

export const scheduledManifest = (stages = 2): ModelManifest => ({
  ...testManifest(stages),
  acceptedMasks: 1 << ENCLAVE,
});

/** A booted enclave of a worker. */
export interface Party extends TestInner {
  readonly worker: Hex;
  readonly identity: Reply<"boot">;
}

export async function startParty(worker: Hex, change: InnerChange = {}): Promise<Party> {
  const inner = startInner({ manifest: scheduledManifest(), ...change });
  const { body: identity } = await inner.client.ask("boot", { ...PLACE, worker });
  await inner.client.ask("quote", { epoch: 1, challenge: toWord(99) });
  return { ...inner, worker, identity };
}

/** Of `stages` stages, with a salt for every boundary. */
export function scheduledJob(
  modelId: Hex,
  tensor: Tensor,
  change: { readonly stages?: number; readonly nonce?: bigint; readonly spec?: Partial<Job["spec"]>; readonly mask?: number } = {}, // prettier-ignore
): InnerJob {
  const { stages = 2, mask = ENCLAVE, nonce = 1n, spec } = change;
  const one = innerJob(modelId, tensor, { nonce, policy: { mask, k: 1, flags: 0 }, spec: { stages, ...spec } });
  const salts = new Map(one.salts);
  for (let boundary = 1; boundary < stages; boundary += 1) salts.set(boundary, nodeCrypto.randomBytes(32));
  return { ...one, salts };
}

export const enclaveOf = ({ worker, identity }: Party, expiry = 2_000_000_000): ScheduledEnclave => ({
  worker,
  key: identity.key,
  channelKey: identity.channelKey,
  expiry,
});

export interface OrderChange extends Partial<Omit<ScheduleOrder, "input">> {
  /** First and last stage of each party's run; one stage each by default. */
  readonly runs?: readonly (readonly [number, number])[];
  readonly jobId?: Hex;
  readonly tensors?: ScheduleOrder["input"]["tensors"];
  readonly stage?: number;
}

/** What the client tells party `at` of them. */
export function orderOf(one: InnerJob, parties: readonly Party[], at: number, change: OrderChange = {}): Uint8Array {
  const { runs = parties.map((_, i) => [i, i] as const), jobId = one.jobId, tensors, stage, ...rest } = change;
  const [first, last] = runs[at] ?? [0, 0];
  const plan: Plan = {
    jobId,
    candidatesHash: toWord(7),
    objective: "throughput",
    runs: parties.map(({ identity }, i) => ({
      first: runs[i]?.[0] ?? 0,
      last: runs[i]?.[1] ?? 0,
      worker: enclaveId(identity.key),
      plannedNs: 1,
    })),
  };
  const ends = [first === 0 ? JOB_INPUT : first - 1, ...Array.from({ length: last - first + 1 }, (_, i) => first + i)];
  const salts = ends.toSorted((a, b) => a - b).map((boundary): BoundarySalt => ({ boundary, salt: one.salts.get(boundary) ?? new Uint8Array(32) })); // prettier-ignore
  const own = first === 0 ? [{ boundary: JOB_INPUT, tensor: one.bytes }] : [];
  const input = { stage: stage ?? first, salts, tensors: tensors ?? own };
  return encodeScheduleOrder({ attempt: 0, time: 1_000, plan: encodePlan(plan), enclaves: parties.map((party) => enclaveOf(party)), ...rest, input }); // prettier-ignore
}

export function sealOrder(
  { jobId }: InnerJob,
  plain: Uint8Array,
  to: Party,
  change: { readonly sender?: Hex; readonly jobId?: Hex } = {},
): Uint8Array {
  // prettier-ignore
  const scope = { ...PLACE, jobId, boundary: JOB_INPUT, lane: 0, sender: REQUESTER, ...change };
  return sealBlob(nodeCrypto, { context: sealContext(scope), recipients: [fromHex(to.identity.sealKey, 32)], plain });
}

/** Gives every party its order. */
export async function scheduleAll(one: InnerJob, parties: readonly Party[], change: OrderChange = {}): Promise<void> {
  for (const [at, party] of parties.entries())
    await party.client.ask("schedule", { job: one.job, boundary: JOB_INPUT, sender: REQUESTER }, sealOrder(one, orderOf(one, parties, at, change), party)); // prettier-ignore
}

/** What a host makes of bytes on their way: `n` counts both directions, from the first handshake message on. */
export type Tamper = (bytes: Uint8Array, n: number) => Uint8Array;

/** Carries a boundary between two enclaves, as honest hosts do; whether it arrived. Errors: ENCLAVE_REFUSED. */
export async function carry({ jobId }: InnerJob, from: Party, to: Party, tamper: Tamper = (bytes) => bytes) {
  let n = 0;
  const up = async (bytes: Uint8Array, isFirst: boolean) =>
    to.client.ask("step", { jobId, isDialler: false, isFirst }, tamper(bytes, n++));
  let { tail: bytes } = await from.client.ask("dial", { jobId });
  for (let isOpen = false, isFirst = true; !isOpen; isFirst = false) {
    const answered = await up(bytes, isFirst);
    if (answered.body.isOver) return true;
    const heard = await from.client.ask("step", { jobId, isDialler: true, isFirst: false }, tamper(answered.tail, n++));
    ({ tail: bytes } = heard);
    ({ isOpen } = heard.body);
  }
  for (;;) {
    const fed = await from.client.ask("feed", { jobId });
    const { body } = await up(concatBytes(bytes, fed.tail), false);
    bytes = new Uint8Array();
    if (body.isOver || fed.body.isLast) return body.isOver;
  }
}
