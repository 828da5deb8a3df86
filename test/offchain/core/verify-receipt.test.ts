// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  decodeReceipt,
  encodeReceipt,
  receiptHash,
  type ClientClaim,
  type Receipt,
} from "../../../offchain/core/receipt.ts";
import { guaranteeOf, receiptJson } from "../../../offchain/core/receipt-json.ts";
import { receiptOfJob, slowCommittee } from "../../../offchain/core/build-receipt.ts";
import { claimDigest, commitDigest } from "../../../offchain/core/claim.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { recordHash } from "../../../offchain/core/job.ts";
import { modelId } from "../../../offchain/core/model.ts";
import { signDigest } from "../../../offchain/core/signature.ts";
import {
  PLACE_CLIENT,
  PLACE_NETWORK,
  REASON_CANCELLED,
  REASON_EXPIRED,
  REASON_INPUT_UNAVAILABLE,
  SAID_ABSENT,
  SAID_UNREVEALED,
  ZERO_BYTES32,
} from "../../../offchain/core/types.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { expectCode } from "../../support/expect-code.ts";
import {
  DOMAIN,
  escalatedReceipt,
  fastReceipt,
  hashOf,
  keyOf,
  OUT_DIGEST,
  settled,
  signerOf,
} from "../../support/sample-receipt.ts";
import { signedClaim, splitReceipt } from "../../support/split-receipt.ts";

const failing = (receipt: Receipt): string[] =>
  verifyReceipt(receipt)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);

/** "" if every check of decoded bytes passes, else the error code or the names of failing checks. */
function findings(bytes: Uint8Array): string {
  try {
    return failing(decodeReceipt(bytes)).join();
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error.code;
  }
}

describe("verifyReceipt", () => {
  const fast = fastReceipt(1, 5);
  const split = fastReceipt(3, 3);
  const escalated = escalatedReceipt();

  it("default: R68 accepts true receipts of both voting paths, by bytes alone", () => {
    for (const receipt of [fast, split, escalated]) {
      const report = verifyReceipt(decodeReceipt(encodeReceipt(receipt)));
      expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
      expect(report.ok).to.equal(true);
      expect(report.coverage.every(({ kind }) => kind === "EVIDENCED")).to.equal(true);
      expect(guaranteeOf(receipt, report).endToEnd).to.equal(true);
    }
  });

  it("behavior: R68 any flipped byte is named", function () {
    this.timeout(120_000);
    for (const receipt of [fast, escalated]) {
      const bytes = encodeReceipt(receipt);
      const missed: number[] = [];
      for (let at = 0; at < bytes.length; at++) {
        // Some 300 places of each receipt; all of them (two minutes) under ASSAY_DEEP.
        if (process.env["ASSAY_DEEP"] === undefined && (at * 2654435761) % bytes.length > 300) continue;
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
        if (findings(changed) === "") missed.push(at);
      }
      expect(missed).to.deep.equal([]);
    }
  });

  it("behavior: R22 R23 names what was changed", () => {
    const [committee] = fast.committees;
    if (committee === undefined) throw new TypeError("fixture");
    const change = (seat: number, by: object): Receipt => ({
      ...fast,
      committees: [{ ...committee, seats: committee.seats.map((one, i) => (i === seat ? { ...one, ...by } : one)) }],
    });
    expect(failing({ ...fast, jobId: hashOf("other") }))
      .to.include("job")
      .and.include("signatures");
    expect(failing({ ...fast, chainId: 1n }))
      .to.include("job")
      .and.include("signatures");
    expect(failing(change(2, { outDigest: hashOf("lie") }))).to.deep.equal(["signatures", "tallies"]);
    expect(failing(change(2, { salt: hashOf("salt") }))).to.deep.equal(["signatures"]);
    expect(failing(change(2, { signer: signerOf(1) }))).to.deep.equal(["seats", "signatures"]);
    expect(failing({ ...fast, outDigest: hashOf("lie") }))
      .to.include("result")
      .and.include("output");
    expect(failing({ ...fast, manifest: { ...fast.manifest, name: "x" } })).to.deep.equal(["model"]);
    expect(failing({ ...fast, outputSalt: hashOf("salt") })).to.deep.equal(["output"]);
    const seats = [1, 1, 3, 4, 5];
    expect(failing({ ...fast, record: { ...fast.record, seats } }))
      .to.include("seats")
      .and.include("record");
  });

  it("behavior: R49 swapped, omitted and repeated stages break the chain", () => {
    const [a, b, c] = split.committees;
    if (a === undefined || b === undefined || c === undefined) throw new TypeError("fixture");
    expect(failing({ ...split, committees: [b, a, c] })).to.deep.equal(["chain"]);
    expect(failing({ ...split, committees: [a, a, c] })).to.deep.equal(["seats", "chain"]);
    const record = { ...split.record, tallies: split.record.tallies.slice(0, 2) };
    expect(failing({ ...split, committees: [a, b], record, recordHash: recordHash(record) })).to.include("result");
  });

  it("behavior: R24 a losing committee cannot be left out, nor its seats be paid", () => {
    const [first] = escalated.record.tallies;
    const [committee] = escalated.committees;
    if (first === undefined || committee === undefined) throw new TypeError("fixture");
    const record = { ...escalated.record, tallies: [first] };
    const shorter = settled({ ...escalated, record, recordHash: recordHash(record), committees: [committee] });
    expect(failing(shorter)).to.deep.equal(["result"]);
    const [settlement] = escalated.settlement;
    if (settlement === undefined) throw new TypeError("fixture");
    const swapped = { ...settlement, requester: settlement.requester + 1n };
    expect(failing({ ...escalated, settlement: [swapped] })).to.deep.equal(["settlement"]);
  });

  it("behavior: R22 unsigned commitments need the chain's word, or a receipt could be written by anyone", () => {
    const committees = escalated.committees.map((committee) =>
      committee.fast
        ? committee
        : {
            ...committee,
            seats: committee.seats.map((one) => ({ ...one, commitR: ZERO_BYTES32, commitVs: ZERO_BYTES32 })),
          },
    );
    const posted = { ...escalated, committees };
    expect(failing(posted)).to.deep.equal(["posted"]);
    expect(verifyReceipt(posted, { recordHash: escalated.recordHash }).ok).to.equal(true);
    expect(verifyReceipt(posted, { recordHash: hashOf("other") }).ok).to.equal(false);
  });

  it("behavior: R8 closed jobs have receipts too, and none of them has a result", () => {
    const { job, manifest } = fast;
    const deployment = { chainId: fast.chainId, hub: fast.hub };
    const nothing = { seats: [], boundaries: [], tallies: [], decided: 0 };
    const cancelled = receiptOfJob({
      deployment,
      job,
      manifest,
      reason: REASON_CANCELLED,
      record: nothing,
      committees: [],
    });
    expect(verifyReceipt(cancelled).ok).to.equal(true);
    expect(failing({ ...cancelled, outDigest: OUT_DIGEST })).to.deep.equal(["result"]);
    expect(failing({ ...cancelled, reason: 9 })).to.deep.equal(["result"]);
    expect(failing({ ...cancelled, reason: 0 })).to.deep.equal(["chain", "result"]);
    const said = [SAID_ABSENT, SAID_ABSENT, SAID_ABSENT, SAID_UNREVEALED, SAID_UNREVEALED];
    const [tally] = fast.record.tallies;
    if (tally === undefined) throw new TypeError("fixture");
    const record = { ...nothing, seats: fast.record.seats, tallies: [{ ...tally, said }] };
    const commits = [3, 4].map((seat) => {
      const commitment = hashOf(`commitment ${seat}`);
      const digest = commitDigest(DOMAIN, { jobId: fast.jobId, stage: 0, round: 0, commitment });
      return { seat, commitment, ...signDigest(digest, keyOf(seat + 1)) };
    });
    const signers = tally.seats.map(signerOf);
    const committees = [slowCommittee({ signers, commits, openings: [] })];
    const expired = receiptOfJob({ deployment, job, manifest, reason: REASON_EXPIRED, record, committees });
    expect(failing(expired)).to.deep.equal([]);
    expect(failing({ ...expired, reason: REASON_INPUT_UNAVAILABLE })).to.deep.equal(["result"]);
    expect(verifyReceipt(expired).coverage[0]?.kind).to.equal("UNDECIDED");
  });

  it("behavior: R46 client stages are signed claims and stay unproven", () => {
    const receipt = splitReceipt();
    const report = verifyReceipt(receipt);
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    const kinds = ["CLIENT_UNPROVEN", "CLIENT_UNPROVEN", "EVIDENCED", "EVIDENCED", "CLIENT_UNPROVEN"];
    expect(report.coverage.map(({ kind }) => kind)).to.deep.equal(kinds);
    expect(report.coverage.map(({ stage }) => stage)).to.deep.equal([0, 1, 2, 3, 4]);
    expect(guaranteeOf(receipt, report)).to.deep.include({ endToEnd: false, unproven: [0, 1, 4] });
    // Without the claims nothing more is proven, and nothing less.
    const bare = { ...receipt, clientClaims: [] };
    expect(failing(bare)).to.deep.equal([]);
    expect(verifyReceipt(bare).coverage).to.deep.equal(report.coverage);
  });

  it("error: a client's claim by another key, about another job, or as if it were a seat's", () => {
    const receipt = splitReceipt();
    const [first, ...others] = receipt.clientClaims;
    if (first === undefined) throw new TypeError("fixture");
    const failures = (claim: ClientClaim) => failing({ ...receipt, clientClaims: [claim, ...others] });
    expect(failures(signedClaim(receipt.jobId, first, keyOf(98)))).to.deep.equal(["client claims"]);
    expect(failures(signedClaim(fast.jobId, first))).to.deep.equal(["client claims"]);
    const worker = receipt.job.spec.client;
    const asSeat = signDigest(claimDigest(DOMAIN, { jobId: receipt.jobId, ...first, worker }), keyOf(99));
    expect(failures({ ...first, ...asSeat })).to.deep.equal(["client claims"]);
  });

  it("error: a model whose client stages stand between those of the network", () => {
    const { manifest, job } = splitReceipt();
    const stages = manifest.stages.map((stage, at) => ({ ...stage, place: at === 3 ? PLACE_CLIENT : PLACE_NETWORK }));
    const moved = { ...manifest, stages };
    const spec = { ...job.spec, modelId: modelId(moved), stages: 5 };
    const deployment = { chainId: fast.chainId, hub: fast.hub };
    const cancelled = receiptOfJob({
      deployment,
      job: { ...job, spec },
      manifest: moved,
      reason: REASON_CANCELLED,
      record: { seats: [], boundaries: [], tallies: [], decided: 0 },
      committees: [],
    });
    expect(failing(cancelled)).to.deep.equal(["model"]);
  });

  it("behavior: what the verifier knows from the chain must agree", () => {
    const knows = (expected: Parameters<typeof verifyReceipt>[1]) => verifyReceipt(fast, expected).ok;
    expect(knows({ chainId: 31337n, hub: fast.hub, outDigest: OUT_DIGEST, recordHash: fast.recordHash })).to.equal(
      true,
    );
    expect(knows({ chainId: 1n })).to.equal(false);
    expect(knows({ outDigest: hashOf("x") })).to.equal(false);
    expect(knows({ signers: new Map([[3, signerOf(3)]]) })).to.equal(true);
    expect(knows({ signers: new Map([[3, signerOf(4)]]) })).to.equal(false);
  });

  it("behavior: a receipt without settlement and output is still a receipt; JSON shows it without bigints", () => {
    const bare: Receipt = { ...fast, settlement: [], output: "0x", outputSalt: "0x" };
    expect(verifyReceipt(bare).ok).to.equal(true);
    expect(receiptJson(bare)).to.include({ end: "FINAL", receiptHash: receiptHash(bare) });
  });

  it("error: RECEIPT_INVALID for two ways to say one thing", async () => {
    const [committee] = fast.committees;
    const [seat] = committee?.seats ?? [];
    if (committee === undefined || seat === undefined) throw new TypeError("fixture");
    const wrongs: Receipt[] = [
      { ...fast, committees: [] },
      { ...fast, settlement: [...fast.settlement, ...fast.settlement] },
      { ...fast, output: "0x" },
      { ...fast, committees: [{ fast: true, seats: [{ ...seat, opened: false }] }] },
      { ...fast, committees: [{ fast: true, seats: [{ ...seat, commitment: hashOf("c") }] }] },
      { ...fast, committees: [{ fast: false, seats: [seat] }] },
    ];
    for (const wrong of wrongs) {
      await expectCode("RECEIPT_INVALID", () => encodeReceipt(wrong));
      expect(failing(wrong)).to.deep.equal(["form"]);
    }
    await expectCode("TOO_LARGE", () => decodeReceipt(encodeReceipt(fast), 100));
    await expectCode("VERSION_UNKNOWN", () => decodeReceipt(encodeReceipt(fast).with(4, 1)));
  });
});
