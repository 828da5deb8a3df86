// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Hex } from "./bytes.ts";
import { decodePlan } from "./planning/encode-plan.ts";
import type { Plan } from "./planning/types.ts";
import { decodeSealedInput, encodeSealedInput, type SealedInput } from "./sealed-input.ts";
import { toWord, type Word } from "./tagged-hash.ts";
import { MAX_STAGES } from "./types.ts";

/** The enclave of one run of a plan, as the registry has it. Addresses in lower case. */
export interface ScheduledEnclave {
  /** Signer of the worker that it belongs to. */
  readonly worker: Hex;
  /** Signs results and handshakes; the plan names it. */
  readonly key: Hex;
  /** X25519. */
  readonly channelKey: Word;
  /** Unix seconds: the end of its registration. */
  readonly expiry: number;
}

/**
 * What a client seals to the enclave of one run of a job whose stages several enclaves share: the plan, who is who in it, and the run's
 * salts, with the job's input for the first. The client has read the registry itself: this is an enclave's only authority on its peers.
 * A later attempt replaces an earlier one, never the run or the input.
 *
 * Bytes: "ASSO" ‖ u8 version = 1 ‖ u16be attempt ‖ u64be time ‖ u16be length ‖ plan ‖ u8 n ‖ n × (20 worker ‖ 20 key ‖ 32 channel key ‖
 * u64be expiry), one a run ‖ a sealed input's bytes, for the run's first stage.
 */
export interface ScheduleOrder {
  readonly attempt: number;
  /** Unix seconds, by the chain that the client reads: an enclave has no other clock. */
  readonly time: number;
  /** `encodePlan` of all stages. */
  readonly plan: Uint8Array;
  readonly enclaves: readonly ScheduledEnclave[];
  readonly input: SealedInput;
}

const MAGIC = 0x4153534f;
const ENCLAVE_BYTES = 80;

/** An enclave's key as the planner's id. */
export const enclaveId = (key: Hex): Word => toWord(BigInt(key));

/** Errors: NOT_CANONICAL, PLAN_MALFORMED, TOO_LARGE, HEX_INVALID. */
export function encodeScheduleOrder({ attempt, time, plan, enclaves, input }: ScheduleOrder): Uint8Array {
  const writer = new ByteWriter().u32be(MAGIC).u8(1).u16be(attempt).u64be(BigInt(time));
  writer.u16be(plan.length).raw(plan).u8(enclaves.length);
  for (const { worker, key, channelKey, expiry } of enclaves)
    writer.fixed(worker, 20).fixed(key, 20).fixed(channelKey, 32).u64be(BigInt(expiry));
  const bytes = writer.raw(encodeSealedInput(input)).finish();
  decodeScheduleOrder(bytes); // one set of rules for both directions
  return bytes;
}

/** Accepts exactly what `encodeScheduleOrder` produces. Errors: NOT_CANONICAL, PLAN_MALFORMED, TOO_LARGE, BYTES_TRUNCATED, BYTES_TRAILING. */
export function decodeScheduleOrder(bytes: Uint8Array): ScheduleOrder & { readonly decoded: Plan } {
  const reader = new ByteReader(bytes, "The schedule order");
  if (reader.u32be() !== MAGIC) throw reader.refuse("it does not begin with ASSO");
  const version = reader.u8();
  if (version !== 1) throw reader.refuse(`version ${version}`);
  const attempt = reader.u16be();
  const time = Number(reader.u64be());
  const plan = reader.raw(reader.u16be()).slice();
  const decoded = decodePlan(plan);
  const count = reader.count(reader.u8(), MAX_STAGES, ENCLAVE_BYTES);
  const enclaves = Array.from({ length: count }, () => ({
    worker: reader.hex(20),
    key: reader.hex(20),
    channelKey: reader.hex(32),
    expiry: Number(reader.u64be()),
  }));
  const input = decodeSealedInput(reader.raw(reader.remaining));
  const { runs } = decoded;
  if (enclaves.length !== runs.length) throw reader.refuse(`${enclaves.length} enclaves for ${runs.length} runs`);
  if (runs.some(({ first }, i) => first !== (i === 0 ? 0 : (runs[i - 1]?.last ?? 0) + 1)))
    throw reader.refuse("a plan with a gap");
  if (enclaves.some(({ key }, i) => enclaveId(key) !== runs[i]?.worker))
    throw reader.refuse("an enclave that the plan does not name");
  if (new Set(enclaves.map(({ key }) => key)).size < count) throw reader.refuse("an enclave with two runs");
  if (![time, ...enclaves.map(({ expiry }) => expiry)].every(Number.isSafeInteger))
    throw reader.refuse("a time out of range");
  if (!runs.some(({ first }) => first === input.stage)) throw reader.refuse(`stage ${input.stage} begins no run`);
  return { attempt, time, plan, enclaves, input, decoded };
}
