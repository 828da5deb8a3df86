// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { decodeSealedInput, encodeSealedInput, type SealedInput } from "./sealed-input.ts";

/**
 * What a client sends, sealed, to the candidate that shall prove a stage of a PROOF job: who proves which stage, so that boundaries
 * can be passed on and proofs collected, and the stage's salts and tensors. A later attempt replaces an earlier one: when a worker is
 * lost, another candidate takes its stage and all are told.
 *
 * Bytes: "ASPO" ‖ u8 version = 1 ‖ u16be attempt ‖ u8 n ‖ n × u32be worker id, one a stage ‖ a sealed input's bytes.
 */
export interface ProofOrder {
  readonly attempt: number;
  /** Worker ids, one a stage; one worker may prove several. */
  readonly workers: readonly number[];
  readonly input: SealedInput;
}

const MAGIC = 0x4153504f;
/** Stages a program may have (protocol.md section 5). */
const MAX_STAGES = 8;

/** Errors: NOT_CANONICAL, TOO_LARGE. */
export function encodeProofOrder({ attempt, workers, input }: ProofOrder): Uint8Array {
  const writer = new ByteWriter().u32be(MAGIC).u8(1).u16be(attempt).u8(workers.length);
  for (const worker of workers) writer.u32be(worker);
  const bytes = writer.raw(encodeSealedInput(input)).finish();
  decodeProofOrder(bytes); // one set of rules for both directions
  return bytes;
}

/** Whether opened bytes are an order; others are boundaries from fellow provers. */
export const isProofOrder = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === MAGIC;

/** Accepts exactly what `encodeProofOrder` produces. Errors: NOT_CANONICAL, TOO_LARGE, BYTES_TRUNCATED, BYTES_TRAILING. */
export function decodeProofOrder(bytes: Uint8Array): ProofOrder {
  const reader = new ByteReader(bytes, "The proof order");
  if (reader.u32be() !== MAGIC) throw reader.refuse("it does not begin with ASPO");
  const version = reader.u8();
  if (version !== 1) throw reader.refuse(`version ${version}`);
  const attempt = reader.u16be();
  const workers = Array.from({ length: reader.count(reader.u8(), MAX_STAGES, 4) }, () => reader.u32be());
  if (workers.length === 0 || workers.includes(0)) throw reader.refuse("a stage without a worker");
  const head = 8 + 4 * workers.length;
  const input = decodeSealedInput(bytes.subarray(head));
  if (input.stage >= workers.length) throw reader.refuse(`stage ${input.stage} of ${workers.length}`);
  return { attempt, workers, input };
}
