// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/enclave-pair.json: what two enclaves sign about a critical job's stage, and a SIMULATED AMD report with what
// the chain reads in it itself.
import { writeFileSync } from "node:fs";
import { toHex, utf8 } from "../../offchain/core/bytes.ts";
import type { Claim } from "../../offchain/core/claim.ts";
import { encodeEnclaveBundle, enclaveProofDigest } from "../../offchain/core/enclave-bundle.ts";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../offchain/core/enclave-result.ts";
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { keccakText } from "../../offchain/core/tagged-hash.ts";
import { factsOf } from "../../offchain/engines/tee/board.ts";
import { REPORT, simulated, verifySimulated } from "../../test/support/tee/simulated.ts";

const secret = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const [domain, channelHash] = [keccakText("a hub's domain"), keccakText("channel")];
const [worker, second] = [addressOfKey(secret(0x21)), addressOfKey(secret(0x22))];
const [prover, other] = [secret(0x31), secret(0x32)];
const claim: Claim = {
  jobId: keccakText("job"),
  stage: 1,
  inDigest: keccakText("in"),
  outDigest: keccakText("out"),
  worker,
};
const [epoch, secondEpoch] = [3, 65_535];
const proof = utf8("proof");
const digest = enclaveResultDigest(domain, { claim, channelHash, epoch });
const theirs = { claim: { ...claim, worker: second }, channelHash, epoch: secondEpoch };
const delivered = enclaveProofDigest(domain, claim, proof, epoch);
const bundle = encodeEnclaveBundle({
  second,
  result: toHex(encodeEnclaveEvidence({ channelHash, epoch }, signDigest(digest, prover))),
  secondResult: toHex(encodeEnclaveEvidence(theirs, signDigest(enclaveResultDigest(domain, theirs), other))),
  ...signDigest(delivered, prover),
  proof: toHex(proof),
});

const { evidence } = simulated().attest("snp-report", REPORT);
const facts = factsOf(evidence, verifySimulated("snp-report"));

writeFileSync(
  "test/fixtures/vectors/enclave-pair.json",
  `${JSON.stringify(
    {
      about: "What two enclaves sign about a stage of a critical job; a SIMULATED AMD report and its facts",
      domain,
      ...claim,
      stage: String(claim.stage),
      second,
      epoch: String(epoch),
      secondEpoch: String(secondEpoch),
      proverKey: addressOfKey(prover),
      secondKey: addressOfKey(other),
      resultDigest: toHex(digest),
      proofDigest: toHex(delivered),
      bundle: toHex(bundle),
      report: toHex(evidence.bytes),
      svns: String(facts.svns),
      notAfter: String(facts.notAfter),
      rootId: facts.rootId,
      platformId: facts.platformId,
      measurementId: facts.measurementId,
      dataHigh: facts.dataHigh,
      dataLow: facts.dataLow,
    },
    null,
    1,
  )}\n`,
);
