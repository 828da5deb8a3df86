// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import {
  decodeEnclaveBundle,
  encodeEnclaveBundle,
  enclaveProofDigest,
  pairKeys,
  type EnclavePair,
} from "../../../offchain/core/enclave-bundle.ts";
import { recordHash } from "../../../offchain/core/job.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../../offchain/core/receipt.ts";
import { addressOfKey } from "../../../offchain/core/signature.ts";
import { PROOF, ZERO_ADDRESS, type Tally } from "../../../offchain/core/types.ts";
import { examineReceipt, verifyReceipt, type ReceiptExpectation } from "../../../offchain/core/verify-receipt.ts";
import { enclaveOf, knownEnclaves, pairedReceipt, signedPair } from "../../support/paired-receipt.ts";
import { honestDigest, provenReceipt } from "../../support/proven-receipt.ts";
import { signerOf } from "../../support/sample-receipt.ts";

const failing = (receipt: Receipt, expected: ReceiptExpectation = {}): string[] =>
  // Whether the proofs hold is judged in other tests: here they do.
  examineReceipt(receipt, expected)
    .report([])
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);
const withPair = (receipt: Receipt, change: Partial<EnclavePair>): Receipt => ({
  ...receipt,
  proofs: receipt.proofs.map((proof, i) =>
    i === 0 ? { ...proof, enclaves: proof.enclaves.map((pair) => ({ ...pair, ...change })) } : proof,
  ),
});
const withTally = (receipt: Receipt, change: Partial<Tally>): Receipt => {
  const tallies = receipt.record.tallies.map((tally, i) => (i === 0 ? { ...tally, ...change } : tally));
  const record = { ...receipt.record, tallies };
  return { ...receipt, record, recordHash: recordHash(record) };
};
const flip = (hex: Hex, at: number): Hex => {
  const bytes = fromHex(hex);
  return toHex(bytes.with(at, (bytes[at] ?? 0) ^ 1));
};

describe("receipts of critical jobs", function suite() {
  this.timeout(60_000);
  const two = pairedReceipt(2, 2);
  const one = pairedReceipt(1, 1);
  const pair = two.proofs[0]?.enclaves[0] as EnclavePair;

  it("default: R62 R68 two enclaves and a proof a stage are true by their bytes, and by the registry's word", () => {
    for (const receipt of [one, two]) {
      const again = decodeReceipt(encodeReceipt(receipt));
      expect(failing(again)).to.deep.equal([]);
      const { coverage, checks } = verifyReceipt(again, { enclaves: knownEnclaves() });
      expect(checks.filter(({ ok }) => !ok)).to.deep.equal([]);
      expect(coverage.map(({ evidence }) => evidence)).to.deep.equal(
        again.proofs.map(() => ["PROOF (DEVELOPMENT KEY)", "ENCLAVE"]),
      );
      // Evidence of a development platform is named for what it is; a local chain's is taken for it until its registry is asked.
      const simulated = new Map([...knownEnclaves()].map(([key, known]) => [key, { ...known, simulated: true }]));
      for (const expected of [{ enclaves: simulated }, {}])
        expect(verifyReceipt(again, expected).coverage[0]?.evidence[1]).to.equal("ENCLAVE (SIMULATED)");
      // Without the registry the keys are named, for whoever asks it.
      const { detail } = verifyReceipt(again).checks.find(({ name }) => name === "enclaves") ?? { detail: "" };
      expect(detail).to.contain(addressOfKey(enclaveOf(3)));
    }
  });

  it("error: R62 any signature of another claim, proof, enclave or worker, or none", () => {
    const cases: readonly Partial<EnclavePair>[] = [
      { result: flip(pair.result, 97) },
      { result: flip(pair.result, 33) },
      { secondResult: flip(pair.secondResult, 0) },
      { secondResult: pair.result },
      { secondResult: "0x" },
      { second: signerOf(7) },
      { second: two.proofs[0]?.worker ?? "0x" },
      { second: ZERO_ADDRESS },
      { r: flip(pair.r, 3) },
      { vs: flip(pair.vs, 31) },
    ];
    // A changed signature may recover to a stranger's key: then the registry tells.
    const known = { enclaves: knownEnclaves() };
    for (const [i, change] of cases.entries())
      expect(failing(withPair(two, change), known), `case ${i}`).to.include("enclaves");
    const bare = { ...two, proofs: two.proofs.map((proof) => ({ ...proof, enclaves: [] })) };
    expect(failing(bare)).to.include("enclaves");
    // The proof that was signed is not the proof shown.
    const swapped = { ...two, proofs: two.proofs.map((proof) => ({ ...proof, enclaves: [pair] })) };
    expect(failing(swapped)).to.include("enclaves");
  });

  it("error: R62 one family, strangers' keys, another's enclave, none verified on chain: the registry's facts", () => {
    const [prover, second] = [addressOfKey(enclaveOf(3)), addressOfKey(enclaveOf(4))];
    const fails = (key: Hex, change: object | null, receipt = two): string[] => {
      const enclaves = knownEnclaves();
      const old = enclaves.get(key);
      if (change === null || old === undefined) enclaves.delete(key);
      else enclaves.set(key, { ...old, ...change });
      return failing(receipt, { enclaves });
    };
    expect(fails(second, { family: "intel" })).to.deep.equal(["enclaves"]);
    expect(fails(prover, { family: "aws" })).to.deep.equal(["enclaves"]);
    expect(fails(prover, { family: "amd" })).to.deep.equal(["enclaves"]);
    expect(fails(prover, { worker: signerOf(9) })).to.deep.equal(["enclaves"]);
    expect(fails(second, { worker: signerOf(9) })).to.deep.equal(["enclaves"]);
    expect(fails(prover, null)).to.deep.equal(["enclaves"]);
    expect(fails(second, null)).to.deep.equal(["enclaves"]);
    expect(fails(prover, { family: "aws" }, one)).to.deep.equal(["enclaves"]);
    expect(fails(second, { family: "amd" })).to.deep.equal([]);
  });

  it("error: R62 seats that the hub would not have taken, and pairs where none are asked for", () => {
    const [tally] = two.record.tallies;
    const [word = "0x"] = tally?.said ?? [];
    expect(failing(withTally(two, { seats: [3], said: [word] }))).to.include("tallies");
    expect(failing(withTally(two, { seats: [3, 3] }))).to.include("tallies");
    expect(failing(withTally(two, { seats: [3, 77] }))).to.include("tallies");
    expect(failing(withTally(two, { said: [word, flip(word, 5)] }))).to.include("tallies");
    const plain = provenReceipt(1);
    const extra = { ...plain, proofs: plain.proofs.map((proof) => ({ ...proof, enclaves: [pair] })) };
    expect(failing(extra)).to.include("tallies");
    expect(() =>
      encodeReceipt({ ...two, proofs: two.proofs.map((p) => ({ ...p, enclaves: [pair, pair] })) }),
    ).to.throw();
    // One enclave alone, where two are asked for: signed again for that.
    const [proven] = two.proofs;
    if (proven === undefined) throw new TypeError("no proof");
    const lone = signedPair({ job: two.job, stage: 0, inDigest: honestDigest(0, 2), proven, workers: [3, 0] });
    expect(failing(withPair(two, lone))).to.include("enclaves");
    expect(two.job.spec.policy.mask & PROOF).to.equal(PROOF);
  });

  it("behavior: the golden bundle is what the contracts take", () => {
    const golden = JSON.parse(readFileSync("test/fixtures/vectors/enclave-pair.json", "utf8")) as Record<string, Hex>;
    const word = (name: string): Hex => golden[name] ?? "0x";
    const { proof, ...said } = decodeEnclaveBundle(fromHex(word("bundle")));
    expect(toHex(encodeEnclaveBundle({ ...said, proof }))).to.equal(word("bundle"));
    const claim = {
      jobId: word("jobId"),
      stage: Number(golden["stage"]),
      inDigest: word("inDigest"),
      outDigest: word("outDigest"),
      worker: word("worker"),
    };
    const domain = word("domain");
    expect(pairKeys(domain, claim, said, fromHex(proof))).to.deep.equal({
      prover: word("proverKey"),
      second: word("secondKey"),
    });
    expect(toHex(enclaveProofDigest(domain, claim, fromHex(proof), Number(golden["epoch"])))).to.equal(
      word("proofDigest"),
    );
  });
});
