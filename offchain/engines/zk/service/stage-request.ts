// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../../../core/bytes.ts";
import type { Claim } from "../../../core/claim.ts";
import { digestOf, joinDigest } from "../../../core/digest.ts";
import { encodeTensor, type Tensor } from "../../../core/tensor.ts";
import { KIND_PUBLIC, PRODUCER_INPUT } from "../../../core/types.ts";
import type { StageBoundaries } from "../../../core/zk/statement.ts";
import type { CompiledCircuit } from "../circuit/types.ts";
import type { KeyFiles } from "../keys/key-files.ts";
import { ProverError } from "../prover/errors.ts";
import type { ProveStep, WeightsOpening } from "../prover/prover.ts";

export type StageStep = "queue" | "key" | "witness" | ProveStep | "verify";

export interface StageRequest {
  readonly circuit: CompiledCircuit;
  readonly keys: KeyFiles;
  readonly inputs: readonly Tensor[];
  /** One a boundary, inputs then output: 31 bytes where it is SALTED. */
  readonly salts: readonly (Uint8Array | null | undefined)[];
  /** Opening of the registered C_w; exactly where the circuit has private weights. */
  readonly weights?: WeightsOpening | undefined;
  readonly claim: Claim;
  /** `domainSeparator` of chain and hub. */
  readonly domain: Hex;
  /** From the model's stage table; a stage that takes the job's input alone by default. */
  readonly producers?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((step: StageStep) => void) | undefined;
  /** Unix milliseconds; the earliest goes first, and a proof that would begin later is not begun. */
  readonly deadlineMs?: number | undefined;
}

const wrong = (reason: string) => new ProverError("STATEMENT_WRONG", { reason });

/**
 * What the evidence says of the boundaries, computed from the tensors themselves: a claim that does not fit would only be noticed after the
 * proof. Error: STATEMENT_WRONG.
 */
export function boundariesOf(request: StageRequest, output: Tensor | undefined): StageBoundaries {
  const { circuit, inputs, salts, claim, producers = [PRODUCER_INPUT] } = request;
  if (output === undefined || inputs.length + 1 !== circuit.boundaries.length)
    throw wrong(`${inputs.length} inputs for ${circuit.boundaries.length - 1} boundaries`);
  if (producers.length !== inputs.length) throw wrong(`${producers.length} producers for ${inputs.length} inputs`);
  const encoded = [...inputs, output].map((tensor) => encodeTensor(tensor));
  const digests = circuit.boundaries.map(({ kind }, i) =>
    digestOf(kind, encoded[i] ?? new Uint8Array(), kind === KIND_PUBLIC ? undefined : (salts[i] ?? undefined)),
  );
  const parts = producers.map((producer, i) => ({
    producer,
    kind: circuit.boundaries[i]?.kind ?? KIND_PUBLIC,
    digest: digests[i] ?? "0x",
  }));
  const inDigest = parts.length === 1 ? parts[0]?.digest : joinDigest(parts);
  if (inDigest !== claim.inDigest.toLowerCase()) throw wrong("the inputs do not have the claim's digest");
  if (digests.at(-1) !== claim.outDigest.toLowerCase()) throw wrong("the output does not have the claim's digest");
  return {
    tensors: encoded.filter((_, i) => circuit.boundaries[i]?.kind === KIND_PUBLIC),
    joined: parts.length === 1 ? [] : parts.map(({ digest }) => digest),
    producers,
  };
}

export const tensorsHex = ({ tensors }: StageBoundaries): Hex[] => tensors.map((bytes) => toHex(bytes));
