// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Hex } from "./bytes.ts";
import { decodeSealedInput, encodeSealedInput, type SealedInput } from "./sealed-input.ts";
import { ZERO_ADDRESS, MAX_STAGES } from "./types.ts";

/** Who answers one stage of a job of mask ENCLAVE and PROOF: signing addresses, lower case. */
export interface OrderedPair {
  readonly prover: Hex;
  /** Of another vendor family and another operator; 0 where k is 1. */
  readonly second: Hex;
}

/**
 * What a client seals to the enclaves of a critical job: which pair answers each stage, the salts and the tensors. Both enclaves get the
 * same. A later attempt replaces the pairs of an earlier one, never the input. One pair answers all stages, with the salts of all
 * boundaries, so that no boundary ever leaves an enclave; enclaves refuse other orders.
 *
 * Bytes: "ASEO" ‖ u8 version = 1 ‖ u16be attempt ‖ u8 n ‖ n × (20 prover ‖ 20 second), one a stage ‖ a sealed input's bytes.
 */
export interface PairOrder {
  readonly attempt: number;
  readonly pairs: readonly OrderedPair[];
  readonly input: SealedInput;
}

const MAGIC = 0x4153454f;
const PAIR_BYTES = 40;

/** Errors: NOT_CANONICAL, TOO_LARGE, HEX_INVALID. */
export function encodePairOrder({ attempt, pairs, input }: PairOrder): Uint8Array {
  const writer = new ByteWriter().u32be(MAGIC).u8(1).u16be(attempt).u8(pairs.length);
  for (const { prover, second } of pairs) writer.fixed(prover, 20).fixed(second, 20);
  const bytes = writer.raw(encodeSealedInput(input)).finish();
  decodePairOrder(bytes); // one set of rules for both directions
  return bytes;
}

/** Accepts exactly what `encodePairOrder` produces. Errors: NOT_CANONICAL, TOO_LARGE, BYTES_TRUNCATED, BYTES_TRAILING. */
export function decodePairOrder(bytes: Uint8Array): PairOrder {
  const reader = new ByteReader(bytes, "The pair order");
  if (reader.u32be() !== MAGIC) throw reader.refuse("it does not begin with ASEO");
  const version = reader.u8();
  if (version !== 1) throw reader.refuse(`version ${version}`);
  const attempt = reader.u16be();
  const count = reader.count(reader.u8(), MAX_STAGES, PAIR_BYTES);
  const pairs = Array.from({ length: count }, () => ({ prover: reader.hex(20), second: reader.hex(20) }));
  if (pairs.length === 0) throw reader.refuse("no pair");
  for (const { prover, second } of pairs)
    if (prover === ZERO_ADDRESS || prover === second) throw reader.refuse("a pair of one, or of nobody");
  const input = decodeSealedInput(bytes.subarray(8 + PAIR_BYTES * count));
  if (input.stage >= count) throw reader.refuse(`stage ${input.stage} of ${count}`);
  return { attempt, pairs, input };
}
