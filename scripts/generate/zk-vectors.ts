// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/zk-*.json: words, fingerprints, challenges, key records, statements and proofs, as flat lists of hex that
// Solidity reads with vm.parseJsonBytes32Array and vm.parseJsonBytesArray. List i of one file belongs to list i of the others in it.
// The keys' discrete logarithms are known, so proofs exist without circuits: development keys, as their class says.
import { writeFileSync } from "node:fs";
import { encodeAbi } from "../../offchain/core/abi.ts";
import { bigToBytes, concatBytes, toHex, type Hex } from "../../offchain/core/bytes.ts";
import { claimHash, type Claim } from "../../offchain/core/claim.ts";
import { saltedDigest } from "../../offchain/core/digest.ts";
import { toWords } from "../../offchain/core/poseidon.ts";
import { batchFactors } from "../../offchain/core/zk/batch-factors.ts";
import { challenge, challengeHash, oneRoundContext } from "../../offchain/core/zk/challenge.ts";
import { encodeProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { fingerprint } from "../../offchain/core/zk/fingerprint.ts";
import { proofOfWords, encodeProof } from "../../offchain/core/zk/proof.ts";
import { linearCheckHash, linearInputs, linearWordsHash } from "../../offchain/core/zk/linear-check.ts";
import { G1_INFINITY } from "../../offchain/core/zk/points.ts";
import { prepareProof } from "../../offchain/core/zk/verify-proof.ts";
import { statementWords } from "../../offchain/core/zk/statement.ts";
import { bytesOf } from "../../test/support/deterministic.ts";
import { proofCase, SHAPES, type ProofCase } from "../../test/support/proof-cases.ts";
import { BACKENDS, scalarOf } from "../../test/support/simulated-proof.ts";
import { DOMAIN } from "../../test/support/sample-receipt.ts";
import { simulateLinearCheck, SIMULATED_SEED } from "../../test/support/simulated-linear-check.ts";

type Lists = Readonly<Record<string, readonly string[] | readonly (readonly string[])[] | string>>;
function write(name: string, about: string, lists: Lists): void {
  writeFileSync(`test/fixtures/vectors/zk-${name}.json`, `${JSON.stringify({ about, ...lists }, null, 1)}\n`);
}

const word = (value: bigint): Hex => toHex(bigToBytes(value, 32));
const packed = (values: readonly bigint[]): Hex => toHex(concatBytes(...values.map((value) => bigToBytes(value, 32))));
const CLAIM = ["bytes32", "uint16", "bytes32", "bytes32", "address"] as const;
const packedClaim = ({ jobId, stage, inDigest, outDigest, worker }: Claim): Hex =>
  toHex(encodeAbi(CLAIM, [jobId, stage, inDigest, outDigest, worker]));

const LENGTHS = [1, 30, 31, 32, 61, 62, 63, 464, 465, 466, 784];
const datas = LENGTHS.map((length) =>
  concatBytes(...Array.from({ length: 25 }, (_, i) => bytesOf(`data ${length} ${i}`))).slice(0, length),
);
const rhos = LENGTHS.map((length) => scalarOf(`rho ${length}`));
write(
  "words",
  "data in 31-byte words (packed, 32 bytes each), their Horner sum at rho, and the SALTED digest of the same bytes",
  {
    datas: datas.map(toHex),
    words: datas.map((data) => packed(toWords(data))),
    rhos: rhos.map(word),
    fingerprints: datas.map((data, i) => word(fingerprint(toWords(data), rhos[i] ?? 0n))),
    salts: datas.map((_, i) => toHex(bytesOf(`salt ${i}`).subarray(1))),
    folds: datas.map((data, i) => saltedDigest(data, bytesOf(`salt ${i}`).subarray(1))),
  },
);

const cases: ProofCase[] = BACKENDS.flatMap((backend) => Object.keys(SHAPES).map((shape) => proofCase(backend, shape)));
const boundOf = ({ stage }: ProofCase) => ({
  domain: stage.domain,
  claimHash: claimHash(stage.claim),
  keyId: stage.key.keyId,
  weights: stage.weights,
  c1: proofOfWords(stage.evidence.proof).c1,
});
write(
  "challenge",
  "h over domain, claim hash, key id, C_w and C1 (zeros where there is none); c and rho, or for backend 1 the context",
  {
    domain: DOMAIN,
    claimHashes: cases.map((one) => boundOf(one).claimHash),
    keyIds: cases.map((one) => boundOf(one).keyId),
    weights: cases.map((one) => packed([boundOf(one).weights?.x ?? 0n, boundOf(one).weights?.y ?? 0n])),
    c1s: cases.map((one) => packed([boundOf(one).c1.x, boundOf(one).c1.y])),
    hashes: cases.map((one) => challengeHash(boundOf(one))),
    cs: cases.map((one) => word(challenge(boundOf(one)).c)),
    rhos: cases.map((one) => word(challenge(boundOf(one)).rho)),
    contexts: cases.map((one) => word(oneRoundContext(boundOf(one)))),
  },
);

write(
  "proof",
  "key records of all backends and shapes with claims, evidence and what must follow; every proof verifies",
  {
    domain: DOMAIN,
    names: cases.map(({ name }) => name),
    records: cases.map(({ made }) => toHex(made.bytes)),
    keyIds: cases.map(({ made }) => made.key.keyId),
    backends: cases.map(({ made }) => word(BigInt(made.key.record.backend))),
    weights: cases.map(({ stage }) => packed([stage.weights?.x ?? 0n, stage.weights?.y ?? 0n])),
    producers: cases.map(({ statement }) => packed(statement.producers.map(BigInt))),
    inKinds: cases.map(({ made }) => packed(made.key.record.boundaries.slice(0, -1).map(({ kind }) => BigInt(kind)))),
    outKinds: cases.map(({ made }) => word(BigInt(made.key.record.boundaries.at(-1)?.kind ?? 0))),
    claims: cases.map(({ stage }) => packedClaim(stage.claim)),
    words: cases.map(({ made, statement }) => packed(statementWords(made.key.record, statement.claim, statement))),
    inputs: cases.map(({ stage }) => packed(prepareProof(stage).inputs)),
    proofs: cases.map(({ stage }) => toHex(encodeProof(proofOfWords(stage.evidence.proof)))),
    evidence: cases.map(({ stage }) => toHex(encodeProofEvidence(stage.evidence))),
  },
);

// One job's proofs by several workers, and several jobs': all under one key.
const BATCH = 10;
const batches = BACKENDS.map((backend) =>
  Array.from({ length: BATCH }, (_, i) => {
    const jobId = toHex(bytesOf(`batch job ${i}`));
    return proofCase(backend, "joined", { variant: `batch ${i}`, claim: { jobId, stage: 1 } });
  }),
);
write(
  "batch",
  `batches of ${BATCH} proofs under one key each (backends 1, 2, 3), one list after another; factors: z of each proof`,
  {
    domain: DOMAIN,
    records: batches.map(([first]) => toHex(first?.made.bytes ?? new Uint8Array())),
    weights: batches.map(([first]) => packed([first?.stage.weights?.x ?? 0n, first?.stage.weights?.y ?? 0n])),
    producers: packed((SHAPES["joined"]?.producers ?? []).map(BigInt)),
    claims: batches.flat().map(({ stage }) => packedClaim(stage.claim)),
    evidence: batches.flat().map(({ stage }) => toHex(encodeProofEvidence(stage.evidence))),
    factors: batches.flatMap((batch) =>
      batchFactors(
        batch[0]?.made.key.keyId ?? "0x",
        batch.map((one) => {
          const proof = proofOfWords(one.stage.evidence.proof);
          return {
            context: challengeHash({ ...boundOf(one), c1: proof.c1 ?? G1_INFINITY }),
            proof: encodeProof(proof),
          };
        }),
      ).map(word),
    ),
  },
);

const checks = ["first", "second", "third"].map((name) => simulateLinearCheck(name));
write(
  "linear-check",
  "proofs of linear checks: statement (modelId, stage, client, inDigest, outDigest), operators (op, rows, columns, weights each), r of the seed, u; v, c, rho",
  {
    domain: DOMAIN,
    seeds: checks.map(() => toHex(SIMULATED_SEED)),
    statements: checks.map(({ statement: { modelId, stage, client, inDigest, outDigest } }) =>
      toHex(
        encodeAbi(
          ["bytes32", "uint16", "address", "bytes32", "bytes32"],
          [modelId, stage, client, inDigest, outDigest],
        ),
      ),
    ),
    operators: checks.map(({ operators }) =>
      packed(operators.flatMap(({ op, rows, columns, weights }) => [op, rows, columns, weights]).map(BigInt)),
    ),
    rs: checks.map(({ words }) => packed(words.r)),
    us: checks.map(({ words }) => packed(words.u)),
    wordsHashes: checks.map(({ words }) => linearWordsHash(words)),
    hashes: checks.map(({ statement, words }) => linearCheckHash(statement, words)),
    records: checks.map(({ made }) => toHex(made.bytes)),
    weights: checks.map(({ weights }) => packed([weights.x, weights.y])),
    proofs: checks.map(({ proof }) => packed(proof)),
    inputs: checks.map((check) => packed(linearInputs(check.key.keyId, check, proofOfWords(check.proof).c1))),
  },
);
