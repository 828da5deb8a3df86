// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { decodeAbi } from "../../../../offchain/core/abi.ts";
import { bytesToBig, fromHex, toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import type { Claim } from "../../../../offchain/core/claim.ts";
import { saltedDigest } from "../../../../offchain/core/digest.ts";
import { toWords } from "../../../../offchain/core/poseidon.ts";
import { challenge, challengeHash, oneRoundContext } from "../../../../offchain/core/zk/challenge.ts";
import { decodeProofEvidence, encodeProofEvidence } from "../../../../offchain/core/zk/evidence.ts";
import { fingerprint } from "../../../../offchain/core/zk/fingerprint.ts";
import { decodeKeyRecord, encodeKeyRecord, keyIdOf } from "../../../../offchain/core/zk/key-record.ts";
import { isInfinityG1, readG1 } from "../../../../offchain/core/zk/points.ts";
import { decodeProof, encodeProof } from "../../../../offchain/core/zk/proof.ts";
import { verifyProofBatch } from "../../../../offchain/core/zk/verify-batch.ts";
import { prepareProof, verifyStageProof, type StageProof } from "../../../../offchain/core/zk/verify-proof.ts";
import { openKey, type VerifyingKey } from "../../../../offchain/core/zk/verifying-key.ts";

type Lists = Readonly<Record<string, readonly Hex[]>>;
const read = (name: string): Lists =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/vectors/zk-${name}.json`, import.meta.url), "utf8")) as Lists;
const at = (list: readonly Hex[] | undefined, i: number): Hex => list?.[i] ?? "0x";
const wordsOf = (hex: Hex): bigint[] => {
  const bytes = fromHex(hex);
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytesToBig(bytes.subarray(32 * i, 32 * i + 32)));
};
const CLAIM = ["bytes32", "uint16", "bytes32", "bytes32", "address"] as const;
const claimOf = (hex: Hex): Claim => {
  const [jobId, stage, inDigest, outDigest, worker] = decodeAbi(CLAIM, fromHex(hex));
  return { jobId, stage, inDigest, outDigest, worker };
};
const weightsOf = (hex: Hex) => {
  const point = readG1(fromHex(hex));
  return isInfinityG1(point) ? undefined : point;
};

/** The files are frozen; Solidity reads them too. */
describe("golden vectors of proofs", () => {
  it("default: R68 every recorded proof verifies, and its statement is what the contract computes", () => {
    const lists = read("proof");
    expect(lists["records"]?.length).to.equal(9);
    for (const [i, hex] of (lists["records"] ?? []).entries()) {
      const bytes = fromHex(hex);
      expect(toHex(encodeKeyRecord(decodeKeyRecord(bytes)))).to.equal(hex);
      expect(keyIdOf(bytes)).to.equal(at(lists["keyIds"], i));
      const evidence = decodeProofEvidence(fromHex(at(lists["evidence"], i)));
      expect(toHex(encodeProofEvidence(evidence))).to.equal(at(lists["evidence"], i));
      const stage: StageProof = {
        key: openKey(bytes),
        claim: claimOf(at(lists["claims"], i)),
        domain: lists["domain"] as unknown as Hex,
        evidence,
        producers: wordsOf(at(lists["producers"], i)).map(Number),
        weights: weightsOf(at(lists["weights"], i)),
      };
      expect(prepareProof(stage).inputs).to.deep.equal(wordsOf(at(lists["inputs"], i)));
      const proof = at(lists["proofs"], i);
      expect(toHex(encodeProof(decodeProof(fromHex(proof))))).to.equal(proof);
      verifyStageProof(stage);
    }
  });

  it("behavior: words, fingerprints and folds", () => {
    const lists = read("words");
    expect(lists["datas"]?.length).to.equal(11);
    for (const [i, hex] of (lists["datas"] ?? []).entries()) {
      const data = fromHex(hex);
      expect(toWords(data)).to.deep.equal(wordsOf(at(lists["words"], i)));
      const rho = BigInt(at(lists["rhos"], i));
      expect(fingerprint(toWords(data), rho)).to.equal(BigInt(at(lists["fingerprints"], i)));
      expect(saltedDigest(data, fromHex(at(lists["salts"], i)))).to.equal(at(lists["folds"], i));
    }
  });

  it("behavior: challenges", () => {
    const lists = read("challenge");
    for (const [i, keyId] of (lists["keyIds"] ?? []).entries()) {
      const input = {
        domain: lists["domain"] as unknown as Hex,
        claimHash: at(lists["claimHashes"], i),
        keyId,
        weights: weightsOf(at(lists["weights"], i)),
        c1: readG1(fromHex(at(lists["c1s"], i))),
      };
      expect(challengeHash(input)).to.equal(at(lists["hashes"], i));
      const { c, rho } = challenge(input);
      expect([c, rho]).to.deep.equal([BigInt(at(lists["cs"], i)), BigInt(at(lists["rhos"], i))]);
      expect(oneRoundContext(input)).to.equal(BigInt(at(lists["contexts"], i)));
    }
  });

  it("behavior: batches", () => {
    const lists = read("batch");
    const size = (lists["claims"]?.length ?? 0) / 3;
    for (const [b, record] of (lists["records"] ?? []).entries()) {
      const key: VerifyingKey = openKey(record);
      const stages = Array.from({ length: size }, (_, i): StageProof => ({
        key,
        claim: claimOf(at(lists["claims"], b * size + i)),
        domain: lists["domain"] as unknown as Hex,
        evidence: decodeProofEvidence(fromHex(at(lists["evidence"], b * size + i))),
        producers: wordsOf(lists["producers"] as unknown as Hex).map(Number),
        weights: weightsOf(at(lists["weights"], b)),
      }));
      verifyProofBatch(stages);
    }
  });
});
