// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../offchain/core/bytes.ts";
import type { Claim } from "../../offchain/core/claim.ts";
import { joinDigest, publicDigest, saltedDigest } from "../../offchain/core/digest.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { PRODUCER_INPUT } from "../../offchain/core/types.ts";
import type { Backend, KeyClass } from "../../offchain/core/zk/key-record.ts";
import type { StageProof } from "../../offchain/core/zk/verify-proof.ts";
import { bytesOf } from "./deterministic.ts";
import { DOMAIN, hashOf, signerOf } from "./sample-receipt.ts";
import {
  boundaryOf,
  simulatedKey,
  simulateProof,
  type SimulatedKey,
  type SimulatedStatement,
} from "./simulated-proof.ts";

export interface ProofCase {
  readonly name: string;
  readonly made: SimulatedKey;
  readonly statement: SimulatedStatement;
  readonly stage: StageProof;
}

interface End {
  readonly kind: 0 | 1;
  readonly tensor: Tensor;
}

const noise = (name: string, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => bytesOf(`${name} ${i >> 5}`)[i & 31] ?? 0);
const u8 = (name: string, dims: readonly number[]): Tensor => ({
  dtype: "u8",
  dims,
  data: noise(
    name,
    dims.reduce((product, dim) => product * dim, 1),
  ),
});
const i8 = (name: string, length: number): Tensor => ({
  dtype: "i8",
  dims: [1, length],
  data: new Int8Array(noise(name, length).buffer),
});
const PUBLIC = 0;
const SALTED = 1;

/** What a stage's ends look like: public ends, private ends, several producers (all of the kind that the stage expects). */
export const SHAPES: Readonly<
  Record<string, { readonly ends: readonly End[]; readonly producers: readonly number[] }>
> = {
  public: {
    ends: [
      { kind: PUBLIC, tensor: u8("public in", [1, 70]) },
      { kind: PUBLIC, tensor: i8("public out", 10) },
    ],
    producers: [PRODUCER_INPUT],
  },
  salted: {
    ends: [
      { kind: SALTED, tensor: u8("salted in", [1, 1, 8, 8]) },
      { kind: SALTED, tensor: i8("salted out", 31) },
    ],
    producers: [0],
  },
  joined: {
    ends: [
      { kind: PUBLIC, tensor: u8("joined in", [3, 31]) },
      { kind: PUBLIC, tensor: i8("joined middle", 5) },
      { kind: SALTED, tensor: { dtype: "i32", dims: [1, 3], data: Int32Array.of(-1, 70_000, 5) } },
    ],
    producers: [1, PRODUCER_INPUT],
  },
};

function statementOf(name: string, shape: string, over: Partial<Claim>): SimulatedStatement {
  const { ends, producers } = SHAPES[shape] ?? { ends: [], producers: [] };
  const bytes = ends.map(({ tensor }) => encodeTensor(tensor));
  const digests = ends.map(({ kind }, i): Hex => {
    const data = bytes[i] ?? new Uint8Array();
    return kind === PUBLIC ? publicDigest(data) : saltedDigest(data, bytesOf(`${name} salt ${i}`).subarray(1));
  });
  const inputs = digests.slice(0, -1);
  const joins = inputs.map((digest, i) => ({ producer: producers[i] ?? 0, kind: ends[i]?.kind ?? 0, digest }));
  const claim: Claim = {
    jobId: hashOf(`${name} job`),
    stage: 2,
    inDigest: inputs.length === 1 ? (inputs[0] ?? "0x") : joinDigest(joins),
    outDigest: digests.at(-1) ?? "0x",
    worker: signerOf(1),
    ...over,
  };
  return {
    claim,
    domain: DOMAIN,
    tensors: bytes.filter((_, i) => ends[i]?.kind === PUBLIC),
    joined: inputs.length === 1 ? [] : inputs,
    producers,
  };
}

export interface CaseOptions {
  readonly claim?: Partial<Claim>;
  readonly cls?: KeyClass;
  /** Other salts, other randomness: another proof under the same key. */
  readonly variant?: string;
}

/** A proof that verifies, made without a circuit. The key depends on backend, shape and class only. */
export function proofCase(backend: Backend, shape: string, options: CaseOptions = {}): ProofCase {
  const name = `${shape} ${backend}`;
  const boundaries = (SHAPES[shape]?.ends ?? []).map(({ kind, tensor }, i, all) =>
    boundaryOf(i === all.length - 1 ? 1 : 0, kind, tensor),
  );
  const made = simulatedKey(name, backend, boundaries, options.cls);
  const variant = options.variant ?? "first";
  const statement = statementOf(`${name} ${variant}`, shape, options.claim ?? {});
  return { name, made, statement, stage: simulateProof(made, statement, variant) };
}
