// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { expectCode } from "../../support/expect-code.ts";
import { auditMarkdown } from "../../../offchain/audit/audit-markdown.ts";
import {
  verifyJoinedFiles,
  verifyReceiptFile,
  verifyReceiptFiles,
} from "../../../offchain/audit/verify-receipt-file.ts";
import { encodeReceipt, MAX_RECEIPT_BYTES } from "../../../offchain/core/receipt.ts";
import { branchReceipts, joinedReceipt, parentOf } from "../../support/joined-receipt.ts";
import { escalatedReceipt, fastReceipt } from "../../support/sample-receipt.ts";
import { judgedReceipt, provenReceipt } from "../../support/proven-receipt.ts";
import { sampleManifest } from "../../support/sample-manifest.ts";

const failedOf = (report: Awaited<ReturnType<typeof verifyReceiptFile>>) =>
  report.checks.filter(({ ok }) => !ok).map(({ name }) => name);

describe("verifyReceiptFile", () => {
  const bytes = encodeReceipt(fastReceipt(1, 5));

  it("R69: default: valid receipts, from their bytes alone", async () => {
    for (const receipt of [fastReceipt(1, 5), fastReceipt(3, 3), escalatedReceipt()]) {
      const report = await verifyReceiptFile(encodeReceipt(receipt));
      expect(failedOf(report)).to.deep.equal([]);
      expect(report).to.deep.include({ ok: true, jobId: receipt.jobId, end: "FINAL" });
      expect(report.skipped).to.have.length(2);
    }
  });

  it("R35 R69: receipts of proofs and courts, with their keys' class in plain words", async () => {
    for (const receipt of [provenReceipt(2), judgedReceipt()]) {
      const report = await verifyReceiptFile(encodeReceipt(receipt));
      expect(failedOf(report)).to.deep.equal([]);
      expect(auditMarkdown(report)).to.contain("DEVELOPMENT KEYS").and.contain("PROOF (DEVELOPMENT KEY)");
      const strict = await verifyReceiptFile(encodeReceipt(receipt), { refuseDevelopmentKeys: true });
      expect(failedOf(strict)).to.deep.equal(["keys"]);
    }
    expect((await verifyReceiptFile(encodeReceipt(provenReceipt(1)))).guarantee).to.include({ seats: 0 });
  });

  it("R69: tampering with any part is found and named", async () => {
    // A byte in every 97: every field of every struct is met, without 20,000 signature checks.
    for (let at = 0; at < bytes.length; at += 97) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x01;
      const report = await verifyReceiptFile(bad);
      expect(report.ok, `byte ${at}`).to.equal(false);
      expect(failedOf(report).length, `byte ${at}`).to.be.greaterThan(0);
    }
  });

  it("behavior: the report names each check, for people and as data", async () => {
    const report = await verifyReceiptFile(bytes);
    const text = auditMarkdown(report);
    for (const { name } of report.checks) expect(text).to.contain(`| ${name} | ok |`);
    expect(text).to.contain("**VALID**").and.contain("Not checked:");
    const bad = bytes.slice();
    bad[bad.length - 1] = 1;
    expect(auditMarkdown(await verifyReceiptFile(bad))).to.contain("**NOT VALID");
  });

  const broken: readonly (readonly [string, Uint8Array])[] = [
    ["empty", new Uint8Array()],
    ["truncated", bytes.slice(0, -1)],
    ["longer than a receipt", new Uint8Array([...bytes, 0])],
    ["of another format", new TextEncoder().encode("hello")],
    ["of another version", Uint8Array.from(bytes, (byte, i) => (i === 4 ? 1 : byte))],
    ["too large", new Uint8Array(MAX_RECEIPT_BYTES + 1)],
  ];
  for (const [what, input] of broken)
    it(`behavior: bytes that are ${what} are a failed check, not an exception`, async () => {
      const report = await verifyReceiptFile(input);
      expect(failedOf(report)).to.deep.equal(["bytes"]);
      expect(report.jobId).to.equal(null);
    });

  it("behavior: another model, hub or chain than the auditor believes in is found", async () => {
    const foreign = await verifyReceiptFile(bytes, { manifest: sampleManifest("another") });
    expect(failedOf(foreign)).to.deep.equal(["expected"]);
    expect((await verifyReceiptFile(bytes, { hub: `0x${"12".repeat(20)}` })).ok).to.equal(false);
    expect((await verifyReceiptFile(bytes, { chainId: 1n })).ok).to.equal(false);
  });

  it("error: RPC_UNAVAILABLE, since an unreachable chain says nothing about the receipt", async () => {
    const { hub } = fastReceipt(1, 5);
    await expectCode("RPC_UNAVAILABLE", async () => verifyReceiptFile(bytes, { rpcUrl: "http://127.0.0.1:9", hub }));
  });

  it("behavior: the hub that a receipt names for itself is not asked", async () => {
    const report = await verifyReceiptFile(bytes, { rpcUrl: "http://127.0.0.1:9" });
    expect(failedOf(report)).to.deep.equal(["chain hub"]);
  });

  it("R31 R69: many receipts together get the reports that they get alone, whatever the others are", async () => {
    const proven = encodeReceipt(provenReceipt(2));
    const files = [
      bytes,
      proven,
      new TextEncoder().encode("hello"),
      // Bytes of proofs, keys and statements, and of everything around them.
      ...Array.from({ length: 24 }, (_, i) => {
        const at = Math.floor(((i + 0.5) * proven.length) / 24);
        return proven.with(at, (proven[at] ?? 0) ^ 1);
      }),
      encodeReceipt(judgedReceipt()),
      encodeReceipt(escalatedReceipt()),
      new Uint8Array(),
      encodeReceipt(provenReceipt(3)),
    ];
    const alone = [];
    for (const file of files) alone.push(await verifyReceiptFile(file));
    const together = await verifyReceiptFiles(files);
    expect(together).to.deep.equal(alone);
    expect(together.filter(({ ok }) => ok)).to.have.length(5);
    expect(await verifyReceiptFiles([])).to.deep.equal([]);
  });
});

describe("verifyJoinedFiles", () => {
  const branches = branchReceipts();
  const parents = branches.map(parentOf);
  const joined = encodeReceipt(joinedReceipt(parents));
  const files = branches.map((receipt) => encodeReceipt(receipt));

  it("R53 R69: default: a joined job with its branches, in any order, as a whole and in words", async () => {
    for (const given of [files, files.toReversed()]) {
      const report = await verifyJoinedFiles(joined, given);
      expect(failedOf(report)).to.deep.equal([]);
      expect(report.checks.map(({ name }) => name)).to.include.members(["parents", "parent 0", "parent 1"]);
      expect(report.guarantee).to.include({ endToEnd: true, seats: 3 });
    }
    const alone = await verifyReceiptFile(joined);
    expect(alone.ok).to.equal(true);
    expect(alone.guarantee?.endToEnd).to.equal(false);
    expect(alone.skipped.join()).to.contain("--joined");
    expect(auditMarkdown(alone)).to.contain("the input joins the results of 2 jobs");
  });

  it("R53 R69: attack: a branch that is missing, forged, another's, or no receipt", async () => {
    const [first, second] = files as [Uint8Array, Uint8Array];
    const half = await verifyJoinedFiles(joined, [first]);
    expect(half.skipped.join()).to.contain(branches[1].jobId);
    expect(half.guarantee?.endToEnd).to.equal(false);
    const forged = first.with(first.length - 1, (first.at(-1) ?? 0) ^ 1);
    expect((await verifyJoinedFiles(joined, [forged, second])).ok).to.equal(false);
    const other = encodeReceipt(escalatedReceipt());
    // The same job, that is said to have ended otherwise.
    expect(failedOf(await verifyJoinedFiles(joined, [other, second]))).to.include("parent 0");
    expect(failedOf(await verifyJoinedFiles(joined, [Uint8Array.of(1), first, second]))).to.deep.equal([
      "parent file 0",
    ]);
    expect(failedOf(await verifyJoinedFiles(Uint8Array.of(1), files))).to.deep.equal(["bytes"]);
    const hub = "0x00000000000000000000000000000000000000aa";
    expect(failedOf(await verifyJoinedFiles(joined, files, { hub }))).to.deep.equal([
      "expected",
      "parent 0",
      "parent 1",
    ]);
  });
});
