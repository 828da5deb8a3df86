// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Hex } from "./bytes.ts";
import { MAX_PARENTS } from "./join.ts";
import { MAX_TENSOR_BYTES } from "./tensor.ts";
import { MAX_STAGES } from "./types.ts";

/**
 * What travels sealed to the seats of one stage: boundary tensors and boundary salts. A boundary is named by the stage that produces
 * it, or JOB_INPUT. A client seals its input with the stage's salts in one message; for inner stages it sends salts only, and the
 * producing stage's seats send the tensor. Holders re-seal both for escalated seats. PUBLIC boundaries have no salt.
 *
 * Bytes: "ASIN" ‖ u8 version ‖ u16be stage ‖ u8 n ‖ n × (u16be boundary ‖ u8 length ‖ salt) ‖ u8 m ‖ m × (u16be boundary ‖ u32be
 * length ‖ tensor bytes); boundaries strictly ascending in both lists. Version 2 has the parts of a joined job input behind that, and then no
 * salt or tensor for JOB_INPUT: u8 p in 2..8 ‖ p × (u8 0 ‖ digest, u8 1 ‖ u8 length ‖ salt ‖ u32be length ‖ tensor bytes, or u8 2 ‖
 * u32be length ‖ tensor bytes). Any other encoding is refused.
 */
export interface SealedInput {
  /** Stage whose seats may open it. */
  readonly stage: number;
  readonly salts: readonly BoundarySalt[];
  readonly tensors: readonly BoundaryTensor[];
  /** Of a joined input, in the join's order; absent for others. */
  readonly parts?: readonly InputPart[] | undefined;
}

/** A part of a joined input: opened, or by its digest alone, as one lane of a MASKED stage is told of the other's share. */
export type InputPart =
  | { readonly digest: Hex }
  /** An optional modality that was left out: a tensor of zeros (`absentDigest`). */
  | { readonly absent: Uint8Array }
  | {
      readonly tensor: Uint8Array;
      /** Empty where the kind has none. */
      readonly salt: Uint8Array;
    };

export interface BoundarySalt {
  readonly boundary: number;
  /** 31 bytes (SALTED) or 32 (BLINDED). */
  readonly salt: Uint8Array;
}

export interface BoundaryTensor {
  readonly boundary: number;
  /** Canonical tensor bytes; the receiver checks them against the boundary's digest. */
  readonly tensor: Uint8Array;
}

/** The boundary that is the job's input (PRODUCER_INPUT of Types.sol). */
export const JOB_INPUT = 0xffff;
const WHAT = "The sealed input";
/** Header of the largest tensor: version, dtype, rank and 8 dimensions. */
const MAX_ENCODED_TENSOR = MAX_TENSOR_BYTES + 35;

/** Errors: NOT_CANONICAL, TOO_LARGE. */
export function encodeSealedInput(input: SealedInput): Uint8Array {
  const { parts } = input;
  const version = parts === undefined ? 1 : 2;
  const writer = new ByteWriter().u32be(0x4153494e).u8(version).u16be(input.stage).u8(input.salts.length);
  for (const { boundary, salt } of input.salts) writer.u16be(boundary).u8(salt.length).raw(salt);
  writer.u8(input.tensors.length);
  for (const { boundary, tensor } of input.tensors) writer.u16be(boundary).u32be(tensor.length).raw(tensor);
  if (parts !== undefined) writer.u8(parts.length);
  for (const part of parts ?? [])
    if ("digest" in part) writer.u8(0).fixed(part.digest, 32);
    else if ("absent" in part) writer.u8(2).u32be(part.absent.length).raw(part.absent);
    else writer.u8(1).u8(part.salt.length).raw(part.salt).u32be(part.tensor.length).raw(part.tensor);
  const bytes = writer.finish();
  decodeSealedInput(bytes); // one set of rules for both directions
  return bytes;
}

/** Accepts exactly what `encodeSealedInput` produces. Errors: NOT_CANONICAL, VERSION_UNKNOWN, BYTES_TRUNCATED, BYTES_TRAILING. */
export function decodeSealedInput(bytes: Uint8Array): SealedInput {
  const reader = new ByteReader(bytes, WHAT);
  if (reader.u32be() !== 0x4153494e) throw reader.refuse("it does not begin with ASIN");
  const version = reader.u8();
  if (version !== 1 && version !== 2) throw reader.refuse(`version ${version}`);
  const stage = reader.u16be();
  if (stage >= MAX_STAGES) throw reader.refuse(`stage ${stage}`);
  // Of every stage's output and of the job's input, where one enclave runs them all.
  const salts = Array.from({ length: reader.count(reader.u8(), MAX_STAGES + 1, 34) }, () => {
    const boundary = readBoundary(reader);
    const length = reader.u8();
    if (length !== 31 && length !== 32) throw reader.refuse(`a salt of ${length} bytes`);
    return { boundary, salt: reader.raw(length).slice() };
  });
  const tensors = Array.from({ length: reader.count(reader.u8(), MAX_STAGES, 7) }, () => ({
    boundary: readBoundary(reader),
    tensor: readTensor(reader),
  }));
  const parts = version === 1 ? undefined : readParts(reader);
  reader.end();
  if (parts !== undefined && [...salts, ...tensors].some(({ boundary }) => boundary === JOB_INPUT))
    throw reader.refuse("the job input is given twice");
  for (const list of [salts, tensors])
    for (const [i, { boundary }] of list.entries())
      if (i > 0 && (list[i - 1]?.boundary ?? 0) >= boundary) throw reader.refuse("boundaries are not ascending");
  return { stage, salts, tensors, ...(parts === undefined ? {} : { parts }) };
}

function readTensor(reader: ByteReader): Uint8Array {
  const length = reader.u32be();
  if (length === 0 || length > MAX_ENCODED_TENSOR) throw reader.refuse(`a tensor of ${length} bytes`);
  return reader.raw(length).slice();
}

function readParts(reader: ByteReader): readonly InputPart[] {
  const count = reader.count(reader.u8(), MAX_PARENTS, 6);
  if (count < 2) throw reader.refuse(`a join of ${count}`);
  return Array.from({ length: count }, (): InputPart => {
    const tag = reader.u8();
    if (tag === 0) return { digest: reader.hex(32) };
    if (tag === 2) return { absent: readTensor(reader) };
    if (tag !== 1) throw reader.refuse(`a part with tag ${tag}`);
    const length = reader.u8();
    if (length !== 0 && length !== 31 && length !== 32) throw reader.refuse(`a salt of ${length} bytes`);
    const salt = reader.raw(length).slice();
    return { salt, tensor: readTensor(reader) };
  });
}

function readBoundary(reader: ByteReader): number {
  const boundary = reader.u16be();
  if (boundary >= MAX_STAGES && boundary !== JOB_INPUT) throw reader.refuse(`boundary ${boundary}`);
  return boundary;
}
