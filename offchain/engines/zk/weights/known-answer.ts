// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../../../core/bytes.ts";
import type { Claim } from "../../../core/claim.ts";
import { digestOf, joinDigest } from "../../../core/digest.ts";
import { domainHash } from "../../../core/keccak.ts";
import { elementsOf } from "../../../core/program/analyse.ts";
import type { Program } from "../../../core/program/types.ts";
import { encodeTensor, type Tensor } from "../../../core/tensor.ts";
import { PRODUCER_INPUT } from "../../../core/types.ts";
import { WORD_BYTES } from "../../../core/poseidon.ts";
import type { CompiledCircuit } from "../circuit/types.ts";
import type { KeyFiles } from "../keys/key-files.ts";
import type { WeightsOpening } from "../prover/prover.ts";
import type { StageRequest } from "../service/stage-request.ts";
import { runValues } from "../witness/run-values.ts";

/** Walks every residue: a plain ramp would repeat with the width of a layer. */
const STRIDE = 7919;

/** The same vector for everybody: element i of an input is lo + (i · 7919 mod its range). */
export function knownInputs(program: Program): Tensor[] {
  return program.inputs.map(({ dtype, dims, lo, hi }): Tensor => {
    const data = Array.from({ length: elementsOf(dims) }, (_, i) => lo + ((i * STRIDE) % (hi - lo + 1)));
    const shape = [1, ...dims];
    return dtype === "i32"
      ? { dtype, dims: shape, data: Int32Array.from(data) }
      : { dtype, dims: shape, data: Int8Array.from(data) };
  });
}

/**
 * The one proof that a manifest with private weights holds: that C_w, this key and this architecture give this output for the known
 * vector. Its claim belongs to no job (job id: a tag; worker 0) and its salts are zeros, as nothing in it is secret but the weights. A
 * requester recomputes the request from the manifest and verifies; whoever holds the weights sees that they are the ones.
 */
export function knownAnswerRequest(
  circuit: CompiledCircuit,
  { keys, weights, domain }: { readonly keys: KeyFiles; readonly weights: WeightsOpening; readonly domain: Hex },
): StageRequest {
  const inputs = knownInputs(circuit.program);
  const { output } = runValues(circuit.program, inputs);
  const salts = circuit.boundaries.map(({ kind }) => (kind === 1 ? new Uint8Array(WORD_BYTES) : null));
  return {
    circuit,
    keys,
    inputs,
    salts,
    weights,
    domain,
    producers: inputs.map(() => PRODUCER_INPUT),
    claim: knownAnswerClaim(circuit, inputs, output),
  };
}

/** The claim of a known answer, from its tensors. */
export function knownAnswerClaim({ boundaries }: CompiledCircuit, inputs: readonly Tensor[], output: Tensor): Claim {
  const salt = new Uint8Array(WORD_BYTES);
  const digests = [...inputs, output].map((tensor, i) =>
    digestOf(boundaries[i]?.kind ?? 0, encodeTensor(tensor), boundaries[i]?.kind === 1 ? salt : undefined),
  );
  const parts = inputs.map((_, i) => ({
    producer: PRODUCER_INPUT,
    kind: boundaries[i]?.kind ?? 0,
    digest: digests[i] ?? "0x",
  }));
  return {
    jobId: toHex(domainHash("assay.v1.zk.known-answer")),
    stage: 0,
    inDigest: parts.length === 1 ? (digests[0] ?? "0x") : joinDigest(parts),
    outDigest: digests.at(-1) ?? "0x",
    worker: `0x${"00".repeat(20)}`,
  };
}
