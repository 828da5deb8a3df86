// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { cpSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromUtf8, toHex, utf8 } from "../../../../offchain/core/bytes.ts";
import { keccak256 } from "../../../../offchain/core/keccak.ts";
import { canonicalJson, encodeManifestFile } from "../../../../offchain/core/manifest.ts";
import { assertLeakage, DEFAULT_LEAKAGE_LIMITS } from "../../../../offchain/core/planning/leakage-limits.ts";
import {
  decodeLeakageReport,
  encodeLeakageReport,
  leakageAfter,
  type LeakageReport,
} from "../../../../offchain/core/planning/leakage-report.ts";
import { inspectModel } from "../../../../offchain/engines/program/inspect.ts";
import { boundaryLeakage } from "../../../../offchain/engines/program/join-stages.ts";
import { loadModel, type ModelFiles } from "../../../../offchain/engines/program/load-program.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const folderOf = (name: string) => new URL(`../../../../models/${name}`, import.meta.url).pathname;
const read = async (name: string, file: string) => new Uint8Array(await readFile(join(folderOf(name), file)));

interface Files extends ModelFiles {
  readonly "report.json": Uint8Array;
  readonly "leakage.json": Uint8Array;
}
const filesOf = async (name: string): Promise<Files> => ({
  "manifest.json": await read(name, "manifest.json"),
  program: await read(name, "program"),
  "model.json": await read(name, "model.json"),
  "report.json": await read(name, "report.json"),
  "leakage.json": await read(name, "leakage.json"),
});

/** What an author makes that has registered the model with another report: all hashes fit. */
async function registeredWith(files: Files, leakage: Uint8Array): Promise<Files> {
  const { manifest } = await loadModel(files);
  const report = JSON.parse(fromUtf8(files["report.json"], "report")) as object;
  const text = utf8(canonicalJson({ ...report, leakage: { hash: toHex(keccak256(leakage)) } }));
  const model = { ...manifest.model, reportHash: toHex(keccak256(text)) };
  return {
    ...files,
    "manifest.json": utf8(encodeManifestFile(model, manifest.tools)),
    "report.json": text,
    "leakage.json": leakage,
  };
}

describe("R51: attacks on a registered leakage report", () => {
  let files: Files;
  let report: LeakageReport;
  before(async () => {
    files = await filesOf("digits-cnn");
    report = decodeLeakageReport(files["leakage.json"]);
  });
  const refused = (leakage: Uint8Array, code = "MODEL_HASH_MISMATCH") =>
    expectCode(code, () => loadModel({ ...files, "leakage.json": leakage }));

  it("default: the model id pins it: hash in the accuracy report, that one's hash in the manifest", async () => {
    const model = await loadModel(folderOf("digits-cnn"));
    expect(model.leakage).to.deep.equal(report);
    const { leakage } = inspectModel(model);
    expect(leakage?.hash).to.equal(toHex(keccak256(files["leakage.json"])));
    const named = JSON.parse(fromUtf8(files["report.json"], "report")) as { leakage: { hash: string } };
    expect(named.leakage.hash).to.equal(leakage?.hash);
    expect(model.manifest.model.reportHash).to.equal(toHex(keccak256(files["report.json"])));
    expect(leakage?.cuts.map(({ isWithinLimits }) => isWithinLimits)).to.deep.equal([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it("error: MODEL_HASH_MISMATCH for a report that is swapped, cut off, changed, extended or empty", async () => {
    await refused(await read("digits-mlp", "leakage.json"));
    const bytes = files["leakage.json"];
    for (const length of [0, 1, bytes.length >> 1, bytes.length - 1]) await refused(bytes.slice(0, length));
    for (const at of [0, bytes.length >> 1, bytes.length - 2]) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      await refused(changed);
    }
    await refused(Uint8Array.of(...bytes, 0x0a));
    const milder = report.cuts.map((cut) => ({ ...cut, recoveryPpm: 0, ridgePpm: 0, mlpPpm: 0, dcorPpm: 0 }));
    await refused(utf8(encodeLeakageReport({ ...report, cuts: milder })));
  });

  it("error: MODEL_FILE_MISSING for a folder without the report that its accuracy report names", async () => {
    const copy = temporaryFolder();
    cpSync(folderOf("digits-cnn"), copy, { recursive: true });
    rmSync(join(copy, "leakage.json"));
    await expectCode("MODEL_FILE_MISSING", () => loadModel(copy));
  });

  it("error: MODEL_HASH_MISMATCH when its author registered it with the report of another program", async () => {
    const milder = { ...report, cuts: report.cuts.map((cut) => ({ ...cut, dcorPpm: 1 })) };
    const other = decodeLeakageReport(await read("digits-mlp", "leakage.json"));
    const lent = utf8(encodeLeakageReport({ ...milder, program: other.program }));
    const forged = await registeredWith(files, lent);
    await expectCode("MODEL_HASH_MISMATCH", () => loadModel(forged));
    const whole = await registeredWith(files, await read("digits-mlp", "leakage.json"));
    await expectCode("MODEL_HASH_MISMATCH", () => loadModel(whole));
  });

  it("error: NOT_CANONICAL when it was registered with a report of attacks on too few rows, or one that understates", async () => {
    const bad = [
      { ...report, auxiliaryRows: 999 },
      { ...report, testRows: 499 },
      { ...report, passes: 0 },
      { ...report, cuts: report.cuts.map((cut) => ({ ...cut, recoveryPpm: 1 })) },
    ];
    for (const one of bad) {
      const forged = await registeredWith(files, utf8(encodeLeakageReport(one)));
      await expectCode("NOT_CANONICAL", () => loadModel(forged));
    }
  });

  it("error: LEAKAGE_UNKNOWN for plain boundaries when it was measured with noise", async () => {
    const noise = { clip: 200, varianceNumerator: 6400, varianceDenominator: 1 };
    const cuts = report.cuts.map((cut) => ({ ...cut, recoveryPpm: 0, ridgePpm: 0, mlpPpm: 0, dcorPpm: 0 }));
    const noisy = await loadModel(await registeredWith(files, utf8(encodeLeakageReport({ ...report, noise, cuts }))));
    if (noisy.leakage === null) expect.fail("no report");
    for (const { afterOp } of noisy.leakage.cuts) {
      await expectCode("LEAKAGE_UNKNOWN", () =>
        assertLeakage("b", leakageAfter(noisy.leakage as LeakageReport, afterOp), DEFAULT_LEAKAGE_LIMITS),
      );
      // Sent with that noise, it is what was measured.
      assertLeakage("b", leakageAfter(noisy.leakage, afterOp, noise), DEFAULT_LEAKAGE_LIMITS);
      expect(leakageAfter(noisy.leakage, afterOp, { ...noise, varianceNumerator: 6399 })).to.equal(null);
    }
    expect(inspectModel(noisy).leakage?.cuts.some(({ isWithinLimits }) => isWithinLimits)).to.equal(false);
  });

  it("error: LEAKAGE_ABOVE_LIMIT for every cut of digits-cnn, LEAKAGE_UNKNOWN where there is none", async () => {
    for (const { afterOp } of report.cuts)
      await expectCode("LEAKAGE_ABOVE_LIMIT", () =>
        assertLeakage("b", leakageAfter(report, afterOp), DEFAULT_LEAKAGE_LIMITS),
      );
    const model = await loadModel(files);
    await expectCode("LEAKAGE_UNKNOWN", () => assertLeakage("b", boundaryLeakage(model, 0), DEFAULT_LEAKAGE_LIMITS));
  });
});
