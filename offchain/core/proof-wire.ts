// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Hex } from "./bytes.ts";
import { domainHash, keccak256 } from "./keccak.ts";

// `/assay/proof/1`: provers of a job give each other finished proofs, and its client asks how far they are. No envelope: a proof is
// signed by the worker it names, so that nobody can send a false one in its name, and the status is no secret. Big-endian, one encoding
// each.

export const PROOF_PROTOCOL = "/assay/proof/1";
/** Two PUBLIC boundaries of 8 KiB, a join's digests, and room. */
export const MAX_EVIDENCE_BYTES = 96 * 1024;
const MAX_STAGES = 8;

export type ProofRequest =
  | { readonly kind: "status"; readonly jobId: Hex }
  | {
      readonly kind: "proof";
      readonly jobId: Hex;
      readonly stage: number;
      /** Signer that the proof names. */
      readonly worker: Hex;
      readonly outDigest: Hex;
      /** Of `proofMessageDigest` by `worker`, EIP-2098. */
      readonly signature: Uint8Array;
      /** abi.encode(ProofEvidence) */
      readonly evidence: Uint8Array;
    };

export type ProofMessage = Extract<ProofRequest, { readonly kind: "proof" }>;

/** By number: nothing known of the stage; ordered, its input missing; being computed or proven; a proof is held. */
export const PROOF_PHASES = ["none", "waiting", "working", "proven"] as const;
export type ProofPhase = (typeof PROOF_PHASES)[number];

export interface ProofStatus {
  /** Whether this worker is a candidate that can prove the model now. */
  readonly able: boolean;
  /** Proofs under way and waiting there. */
  readonly load: number;
  /** One a stage, as this worker knows it. */
  readonly phases: readonly ProofPhase[];
}

/** keccak256(keccak256("assay.v1.proof-message") ‖ domain ‖ job id ‖ u16 stage ‖ worker ‖ out digest ‖ keccak256(evidence)). */
export function proofMessageDigest(domain: Hex, message: Omit<ProofMessage, "signature">): Uint8Array {
  const { jobId, stage, worker, outDigest, evidence } = message;
  const writer = new ByteWriter().raw(domainHash("assay.v1.proof-message")).fixed(domain, 32).fixed(jobId, 32);
  return keccak256(writer.u16be(stage).fixed(worker, 20).fixed(outDigest, 32).raw(keccak256(evidence)).finish());
}

export function encodeProofRequest(request: ProofRequest): Uint8Array {
  const writer = new ByteWriter()
    .u8(1)
    .u8(request.kind === "status" ? 0 : 1)
    .fixed(request.jobId, 32, "The job id");
  if (request.kind === "status") return writer.finish();
  writer.u16be(request.stage).fixed(request.worker, 20).fixed(request.outDigest, 32).fixed(request.signature, 64);
  const bytes = writer.u32be(request.evidence.length).raw(request.evidence).finish();
  decodeProofRequest(bytes);
  return bytes;
}

/** Bytes from anyone. Errors: BYTES_TRUNCATED, BYTES_TRAILING, TOO_LARGE, NOT_CANONICAL. */
export function decodeProofRequest(bytes: Uint8Array): ProofRequest {
  const reader = new ByteReader(bytes, "The proof message");
  if (reader.u8() !== 1) throw reader.refuse("unknown version");
  const kind = reader.u8();
  if (kind > 1) throw reader.refuse(`kind ${kind}`);
  const jobId = reader.hex(32);
  if (kind === 0) {
    reader.end();
    return { kind: "status", jobId };
  }
  const stage = reader.u16be();
  if (stage >= MAX_STAGES) throw reader.refuse(`stage ${stage}`);
  const [worker, outDigest] = [reader.hex(20), reader.hex(32)];
  const signature = reader.raw(64).slice();
  const evidence = reader.raw(reader.count(reader.u32be(), MAX_EVIDENCE_BYTES, 1)).slice();
  reader.end();
  return { kind: "proof", jobId, stage, worker, outDigest, signature, evidence };
}

export function encodeProofStatus({ able, load, phases }: ProofStatus): Uint8Array {
  const writer = new ByteWriter().u8(1).bool(able).u16be(Math.min(load, 0xffff)).u8(phases.length);
  for (const phase of phases) writer.u8(PROOF_PHASES.indexOf(phase));
  return writer.finish();
}

/** Errors: BYTES_TRUNCATED, BYTES_TRAILING, TOO_LARGE, NOT_CANONICAL. */
export function decodeProofStatus(bytes: Uint8Array): ProofStatus {
  const reader = new ByteReader(bytes, "The proof status");
  if (reader.u8() !== 1) throw reader.refuse("unknown version");
  const [able, load] = [reader.bool(), reader.u16be()];
  const phases = Array.from({ length: reader.count(reader.u8(), MAX_STAGES, 1) }, () => {
    const phase = PROOF_PHASES[reader.u8()];
    if (phase === undefined) throw reader.refuse("unknown phase");
    return phase;
  });
  reader.end();
  return { able, load, phases };
}
