// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/zk-digits.json: what test/contracts/evidence needs beyond zk-vectors.ts. Proofs about 784 public bytes, the
// size that gas is promised for, under ceremony keys (with known logarithms all the same), and a point that is in no key.
import { writeFileSync } from "node:fs";
import { bn254 } from "@noble/curves/bn254.js";
import { encodeAbi } from "../../offchain/core/abi.ts";
import { bigToBytes, concatBytes, toHex, type Hex } from "../../offchain/core/bytes.ts";
import { publicDigest } from "../../offchain/core/digest.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { PRODUCER_INPUT } from "../../offchain/core/types.ts";
import { encodeProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { KEY_CEREMONY, type Backend } from "../../offchain/core/zk/key-record.ts";
import { CURVE_G2, wordsOfG2 } from "../../offchain/core/zk/points.ts";
import { bytesOf } from "../../test/support/deterministic.ts";
import { DOMAIN, hashOf, signerOf } from "../../test/support/sample-receipt.ts";
import { BACKENDS, boundaryOf, simulatedKey, simulateProof } from "../../test/support/simulated-proof.ts";

const packed = (values: readonly bigint[]): Hex => toHex(concatBytes(...values.map((value) => bigToBytes(value, 32))));
const pixels = (name: string): Uint8Array =>
  Uint8Array.from({ length: 784 }, (_, i) => bytesOf(`${name} ${i >> 5}`)[i & 31] ?? 0);
const image = (name: string): Tensor => ({ dtype: "u8", dims: [1, 1, 28, 28], data: pixels(name) });
const scores = (name: string): Tensor => ({
  dtype: "i8",
  dims: [1, 10],
  data: new Int8Array(bytesOf(`${name} scores`).subarray(0, 10)),
});

/** A twist point outside the subgroup: the curve over Fq² has a cofactor, so almost every x yields one. */
function strayPoint(): bigint[] {
  const { Fp2 } = bn254.fields;
  const b = Fp2.create({ c0: CURVE_G2.CURVE().b.c0, c1: CURVE_G2.CURVE().b.c1 });
  for (let c0 = 1n; ; c0++) {
    const x = { c0, c1: 1n };
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), b);
    try {
      const y = Fp2.sqrt(square);
      const point = CURVE_G2.fromAffine({ x, y });
      if (!point.isTorsionFree()) return wordsOfG2({ x: [x.c0, x.c1], y: [y.c0, y.c1] });
    } catch {
      // Not a square: the next x.
    }
  }
}

const CLAIM = ["bytes32", "uint16", "bytes32", "bytes32", "address"] as const;
function made(backend: Backend, count: number) {
  const ends = [boundaryOf(0, 0, image("shape")), boundaryOf(1, 0, scores("shape"))];
  const key = simulatedKey(`digits ${backend}`, backend, ends, KEY_CEREMONY);
  const proofs = Array.from({ length: count }, (_, i) => {
    const tensors = [encodeTensor(image(`image ${i}`)), encodeTensor(scores(`image ${i}`))];
    const [inDigest = "0x", outDigest = "0x"] = tensors.map((tensor) => publicDigest(tensor));
    const claim = { jobId: hashOf(`digits job ${i}`), stage: 0, inDigest, outDigest, worker: signerOf(i) } as const;
    const statement = { claim, domain: DOMAIN, tensors, joined: [], producers: [PRODUCER_INPUT] };
    return simulateProof(key, statement, `digits ${i}`);
  });
  return { key, proofs };
}

const COUNTS: Readonly<Record<Backend, number>> = { 1: 1, 2: 20, 3: 10 };
const all = BACKENDS.map((backend) => made(backend, COUNTS[backend]));
const lists = {
  about:
    "keys of backends 1, 2, 3 for u8[1,1,28,28] to i8[1,10], both PUBLIC; 1, 20 and 10 claims, one list after another",
  domain: DOMAIN,
  counts: packed(BACKENDS.map((backend) => BigInt(COUNTS[backend]))),
  records: all.map(({ key }) => toHex(key.bytes)),
  weights: all.map(({ key }) => packed([key.weights?.point.x ?? 0n, key.weights?.point.y ?? 0n])),
  claims: all.flatMap(({ proofs }) =>
    proofs.map(({ claim: c }) => toHex(encodeAbi(CLAIM, [c.jobId, c.stage, c.inDigest, c.outDigest, c.worker]))),
  ),
  evidence: all.flatMap(({ proofs }) => proofs.map(({ evidence }) => toHex(encodeProofEvidence(evidence)))),
  stray: packed(strayPoint()),
};
writeFileSync("test/fixtures/vectors/zk-digits.json", `${JSON.stringify(lists, null, 1)}\n`);
