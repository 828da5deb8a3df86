// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Hex } from "./bytes.ts";
import { DTYPES, elementCount, MAX_RANK, type Dtype } from "./tensor.ts";
import { MAX_BATCH_INPUTS } from "./batch-tensors.ts";
import { JOB_INPUT } from "./sealed-input.ts";
import { KIND_CIPHER, type DigestKind, MAX_STAGES } from "./types.ts";

/**
 * How a boundary goes from the seats of one stage to those of the next (split.md section 9). A holder announces it by its index, signed
 * in an envelope that names no receiver; receivers ask for a newer index and fetch the parts with the grant in it (`/assay/blob/1`). The
 * complete index is the one statement that ties bytes to a digest, so whoever sent other bytes has signed the proof of it.
 */
export const BOUNDARY_PROTOCOL = "/assay/boundary/1";

/** Most micro-batches: so many a stage. */
export const MICRO_BATCHES_A_STAGE = 4;
const MAX_MICRO_BATCHES = MICRO_BATCHES_A_STAGE * MAX_STAGES;
const MAGIC = 0x41534249;
const WHAT = "The boundary's index";

export interface MicroBatch {
  /** Bare sha2-256 digest of the sealed blob's root part. */
  readonly blob: Hex;
  /** Length of the sealed blob. */
  readonly bytes: number;
}

export interface BoundaryIndex {
  readonly jobId: Hex;
  /** The stage that produces it. */
  readonly boundary: number;
  readonly lane: number;
  /** The stage whose seats it is sealed for. */
  readonly stage: number;
  readonly digestKind: DigestKind;
  /** Of the tensor of one input. */
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  /** Inputs of the job: 1 for a single one. */
  readonly rows: number;
  /** Micro-batches of the whole boundary. */
  readonly total: number;
  /** Those that can be fetched by now, in order; their rows follow from `cutRows`. */
  readonly microBatches: readonly MicroBatch[];
  /** Of the whole boundary; said with the last micro-batch and not before. */
  readonly digest: Hex | null;
  /** 16 random bytes: who shows them was offered the parts. */
  readonly grant: Hex;
}

/** Micro-batches of a batch of so many rows (split.md section 7). */
export const microBatchCount = (rows: number, stages: number): number => Math.min(rows, MICRO_BATCHES_A_STAGE * stages);

/** First row of micro-batch `i` of `total`; of `i = total`, the number of rows. As even as whole rows allow. */
export const firstRow = (rows: number, total: number, i: number): number => Math.floor((rows * i) / total);

/**
 * "ASBI" ‖ u8 version = 1 ‖ jobId ‖ u16be boundary ‖ u8 lane ‖ u16be stage ‖ u8 digest kind ‖ u8 dtype ‖ u8 rank ‖ u32be dims ‖ u16be rows ‖
 * u8 total ‖ u8 n ‖ n × (blob ‖ u32be bytes) ‖ digest, if n = total ‖ grant. Errors: those of `decodeBoundaryIndex`.
 */
export function encodeBoundaryIndex(index: BoundaryIndex): Uint8Array {
  const writer = new ByteWriter().u32be(MAGIC).u8(1).fixed(index.jobId, 32).u16be(index.boundary).u8(index.lane);
  writer.u16be(index.stage).u8(index.digestKind).u8(DTYPES[index.dtype].code).u8(index.dims.length);
  for (const dim of index.dims) writer.u32be(dim);
  writer.u16be(index.rows).u8(index.total).u8(index.microBatches.length);
  for (const { blob, bytes } of index.microBatches) writer.fixed(blob, 32).u32be(bytes);
  if (index.digest !== null) writer.fixed(index.digest, 32);
  const bytes = writer.fixed(index.grant, 16, "A grant").finish();
  decodeBoundaryIndex(bytes); // one set of rules for both directions
  return bytes;
}

/** Accepts exactly what `encodeBoundaryIndex` produces. Errors: NOT_CANONICAL, TOO_LARGE, TENSOR_INVALID, those of `ByteReader`. */
export function decodeBoundaryIndex(bytes: Uint8Array): BoundaryIndex {
  const reader = new ByteReader(bytes, WHAT);
  if (reader.u32be() !== MAGIC) throw reader.refuse("it does not begin with ASBI");
  const version = reader.u8();
  if (version !== 1) throw reader.refuse(`version ${version}`);
  const [jobId, boundary, lane, stage] = [reader.hex(32), reader.u16be(), reader.u8(), reader.u16be()];
  if (stage >= MAX_STAGES || boundary >= stage || boundary === JOB_INPUT)
    throw reader.refuse(`boundary ${boundary} for stage ${stage}`);
  if (lane > 2) throw reader.refuse(`lane ${lane}`);
  const digestKind = reader.u8();
  if (digestKind > KIND_CIPHER) throw reader.refuse(`digest kind ${digestKind}`);
  const code = reader.u8();
  const dtype = (Object.keys(DTYPES) as Dtype[]).find((name) => DTYPES[name].code === code);
  if (dtype === undefined) throw reader.refuse(`dtype ${code}`);
  const dims = Array.from({ length: reader.count(reader.u8(), MAX_RANK, 4) }, () => reader.u32be());
  elementCount(dims);
  const [rows, total] = [reader.u16be(), reader.u8()];
  if (rows < 1 || rows > MAX_BATCH_INPUTS) throw reader.refuse(`${rows} rows`);
  if (total < 1 || total > Math.min(rows, MAX_MICRO_BATCHES)) throw reader.refuse(`${total} micro-batches`);
  const known = reader.count(reader.u8(), total, 36);
  const microBatches = Array.from({ length: known }, () => {
    const [blob, size] = [reader.hex(32), reader.u32be()];
    if (size < 1) throw reader.refuse("an empty micro-batch");
    return { blob, bytes: size };
  });
  const digest = known === total ? reader.hex(32) : null;
  const grant = reader.hex(16);
  reader.end();
  return {
    jobId,
    boundary,
    lane,
    stage,
    digestKind: digestKind as DigestKind,
    dtype,
    dims,
    rows,
    total,
    microBatches,
    digest,
    grant,
  };
}

/** A receiver's question: the index with more than `have` micro-batches, as soon as there is one. */
export interface BoundaryAsk {
  readonly jobId: Hex;
  readonly boundary: number;
  readonly stage: number;
  readonly grant: Hex;
  readonly have: number;
}

export type BoundaryRequest =
  { readonly kind: "announce"; readonly envelope: Uint8Array } | { readonly kind: "ask"; readonly ask: BoundaryAsk };

/** u8 version ‖ u8 kind (1 announce, 2 ask) ‖ the envelope; or jobId ‖ u16be boundary ‖ u16be stage ‖ grant ‖ u8 have. */
export function encodeBoundaryRequest(request: BoundaryRequest): Uint8Array {
  if (request.kind === "announce") return new ByteWriter().u8(1).u8(1).raw(request.envelope).finish();
  const { jobId, boundary, stage, grant, have } = request.ask;
  const writer = new ByteWriter().u8(1).u8(2).fixed(jobId, 32).u16be(boundary).u16be(stage);
  return writer.fixed(grant, 16, "A grant").u8(have).finish();
}

/** Strict. Errors: NOT_CANONICAL, BYTES_TRUNCATED, BYTES_TRAILING. The envelope is not looked at. */
export function decodeBoundaryRequest(bytes: Uint8Array): BoundaryRequest {
  const reader = new ByteReader(bytes, "The boundary request");
  const version = reader.u8();
  if (version !== 1) throw reader.refuse(`version ${version}`);
  const kind = reader.u8();
  if (kind === 1) return { kind: "announce", envelope: bytes.subarray(2) };
  if (kind !== 2) throw reader.refuse(`kind ${kind}`);
  const ask = {
    jobId: reader.hex(32),
    boundary: reader.u16be(),
    stage: reader.u16be(),
    grant: reader.hex(16),
    have: reader.u8(),
  };
  reader.end();
  return { kind: "ask", ask };
}
