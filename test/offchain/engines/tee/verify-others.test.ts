// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { VerifyCache } from "../../../../offchain/engines/tee/cache.ts";
import type { AmdOptions } from "../../../../offchain/engines/tee/sim/amd.ts";
import { cborBytes, cborText, type AwsOptions } from "../../../../offchain/engines/tee/sim/aws.ts";
import { simulatedKey } from "../../../../offchain/engines/tee/sim/keys.ts";
import type { NvidiaOptions } from "../../../../offchain/engines/tee/sim/nvidia.ts";
import type { Endorsements, EvidenceFormat } from "../../../../offchain/engines/tee/verdict.ts";
import { expectError } from "../../../support/expect-error.ts";
import { flip, NOW, PERIOD, REPORT, START, verifySimulated, type Change } from "../../../support/tee/simulated.ts";

const amd = (options: AmdOptions): Change => ({ options: { amd: options } });
const aws = (options: AwsOptions): Change => ({ options: { aws: options } });
const nvidia = (options: NvidiaOptions): Change => ({ options: { nvidia: options } });
const stranger = simulatedKey(new Uint8Array(32).fill(9), "stranger", "P-384");
const editAmd = (edit: (all: Extract<Endorsements, { kind: "amd" }>) => Endorsements): Change => ({
  editEndorsements: (all) => (all.kind === "amd" ? edit(all) : all),
});
const snpField = (at: number, value: number): Change => amd({ editSigned: (report) => void (report[at] = value) });
const editGpu = (edit: (report: Uint8Array) => void): Change => nvidia({ editSigned: edit });
const production: Change["roots"] = (all) => ({ ...all, roots: all.roots.filter(({ kind }) => kind === "production") });
const pinned: Change["roots"] = (all) => ({ ...all, simulatedAllowed: false });
const long = (bytes: Uint8Array): Uint8Array => Uint8Array.from([...bytes, ...new Uint8Array(16_384)]);
const header = (value: number) => aws({ header: Uint8Array.of(0xa1, 1, 0x38, value) });
/** Offset of the first measurement: request 37, response head 8. */
const BLOCK = 45;

const refused: readonly [format: EvidenceFormat, code: string, what: string, change: Change][] = [
  ["snp-report", "QUOTE", "evidence over 16 KiB", { editBytes: long }],
  ["snp-report", "QUOTE", "a truncated report", { editBytes: (bytes) => bytes.subarray(1) }],
  ["snp-report", "QUOTE", "an unknown version", { editBytes: flip(1) }],
  ["snp-report", "QUOTE", "another signature algorithm", { editBytes: flip(0x34) }],
  ["snp-report", "QUOTE", "a scalar over 48 bytes", { editBytes: flip(0x2a0 + 50) }],
  ["snp-report", "QUOTE", "bytes behind the signature", { editBytes: flip(-1) }],
  ["snp-report", "QUOTE", "tampered report data", { editBytes: flip(0x50) }],
  ["snp-report", "QUOTE", "a tampered measurement", { editBytes: flip(0x90) }],
  ["snp-report", "QUOTE", "a tampered signature", { editBytes: flip(0x2a0) }],
  ["snp-report", "CHAIN", "no certificates", { editEndorsements: () => ({ kind: "none" }) }],
  ["snp-report", "ROOT", "a root that is not pinned", { roots: production }],
  ["snp-report", "CHAIN", "a simulated root that production pins", { roots: pinned }],
  ["snp-report", "ROOT", "the signing key's certificate as the root", editAmd((all) => ({ ...all, ark: all.ask }))],
  ["snp-report", "CHAIN", "the VCEK as its own issuer", editAmd((all) => ({ ...all, ask: all.vcek }))],
  ["snp-report", "CHAIN", "an expired VCEK", amd({ certificates: { vcek: { notAfter: NOW - 1n } } })],
  ["snp-report", "CHAIN", "a VCEK signed by a stranger", amd({ certificates: { vcek: { signer: stranger } } })],
  ["snp-report", "CHAIN", "a signing key that is no CA", amd({ certificates: { ask: { ca: undefined as never } } })],
  ["snp-report", "CHAIN", "a VLEK", amd({ certificates: { vcek: { commonName: "SEV-VLEK" } } })],
  ["snp-report", "CHAIN", "a VCEK of another chip", snpField(0x1a0, 0)],
  ["snp-report", "QUOTE", "a hidden chip id", amd({ editSigned: (report) => void report.fill(0, 0x1a0, 0x1e0) })],
  ["snp-report", "CHAIN", "a VCEK of another boot loader", amd({ certifiedTcb: [3, 0, 23, 213] })],
  ["snp-report", "CHAIN", "a VCEK of another TEE", amd({ certifiedTcb: [4, 1, 23, 213] })],
  ["snp-report", "CHAIN", "a VCEK of another firmware", amd({ certifiedTcb: [4, 0, 24, 213] })],
  ["snp-report", "CHAIN", "a VCEK of another microcode", amd({ certifiedTcb: [4, 0, 23, 214] })],
  ["snp-report", "CHAIN", "a VCEK of another product", amd({ product: "Genoa-B0" })],
  ["snp-report", "CHAIN", "a processor of another product", snpField(0x189, 0x11)],
  ["snp-report", "DEBUG", "a debug guest", snpField(10, 0x0b)],
  ["snp-report", "TD", "a guest that an agent may migrate", snpField(10, 0x07)],
  ["snp-report", "TD", "a lower privilege level", snpField(0x30, 1)],
  ["snp-report", "QUOTE", "a report that says it is signed by a VLEK", snpField(0x48, 4)],
  ["snp-report", "QUOTE", "a masked chip key", snpField(0x48, 2)],
  ["nitro-cose", "QUOTE", "evidence over 16 KiB", { editBytes: long }],
  ["nitro-cose", "CBOR", "a truncated document", { editBytes: (bytes) => bytes.subarray(0, -1) }],
  ["nitro-cose", "CBOR", "an empty document", { editBytes: () => new Uint8Array() }],
  ["nitro-cose", "QUOTE", "another algorithm", header(0x23)],
  ["nitro-cose", "QUOTE", "unsigned header fields", { editBytes: (bytes) => Uint8Array.from([...bytes.subarray(0, 6), 0xa1, 1, 1, ...bytes.subarray(7)]) }],
  ["nitro-cose", "QUOTE", "a fifth member", { editBytes: (bytes) => Uint8Array.from([0x85, ...bytes.subarray(1), 0xf6]) }],
  ["nitro-cose", "QUOTE", "an unknown field", aws({ extraField: "debug" })],
  ["nitro-cose", "CBOR", "a field that occurs twice", aws({ extraField: "pcrs" })],
  ["nitro-cose", "QUOTE", "another digest", aws({ digest: "SHA256" })],
  ["nitro-cose", "QUOTE", "a tampered signature", { editBytes: flip(-1) }],
  ["nitro-cose", "QUOTE", "a timestamp over a minute ahead", aws({ timestampMs: (NOW + 61n) * 1000n })],
  ["nitro-cose", "ROOT", "a root that is not pinned", { roots: production }],
  ["nitro-cose", "CHAIN", "a simulated root that production pins", { roots: pinned }],
  ["nitro-cose", "CHAIN", "an expired leaf", { now: PERIOD.to + 1n }],
  ["nitro-cose", "CHAIN", "a leaf that is a CA", aws({ certificates: { leaf: { ca: {}, isLabelled: true } } })],
  ["nitro-cose", "CHAIN", "a regional CA signed by a stranger", aws({ certificates: { regional: { signer: stranger } } })],
  ["nitro-cose", "CHAIN", "a regional CA that may not issue", aws({ certificates: { regional: { usage: 0x80 } } })],
  ["nitro-cose", "DEBUG", "zero PCRs", aws({ pcrs: [0, 1, 2].map(() => new Uint8Array(48)) })],
  ["nitro-cose", "DEBUG", "one zero PCR", aws({ pcrs: [REPORT.measurement, REPORT.measurement, new Uint8Array(48)] })],
  ["nitro-cose", "DEBUG", "a missing PCR", aws({ pcrs: [REPORT.measurement, undefined, REPORT.measurement] })],
  ["nitro-cose", "QUOTE", "a PCR of another length", aws({ pcrs: [REPORT.measurement.subarray(1)] })],
  ["nitro-cose", "QUOTE", "over 1 KiB of user data", aws({ userData: new Uint8Array(1025) })],
  ["nvidia-spdm11", "QUOTE", "evidence over 16 KiB", { editBytes: long }],
  ["nvidia-spdm11", "QUOTE", "a truncated report", { editBytes: (bytes) => bytes.subarray(0, -1) }],
  ["nvidia-spdm11", "QUOTE", "an empty report", { editBytes: () => new Uint8Array() }],
  ["nvidia-spdm11", "QUOTE", "another SPDM version", { editBytes: flip(0) }],
  ["nvidia-spdm11", "QUOTE", "another response code", { editBytes: flip(38) }],
  ["nvidia-spdm11", "QUOTE", "another number of measurements", editGpu((report) => void (report[41] = 63))],
  ["nvidia-spdm11", "QUOTE", "measurements out of order", editGpu((report) => void (report[BLOCK] = 2))],
  ["nvidia-spdm11", "QUOTE", "a measurement of another length", editGpu((report) => void (report[BLOCK + 5] = 32))],
  ["nvidia-spdm11", "QUOTE", "an unknown feature", nvidia({ feature: 9 })],
  ["nvidia-spdm11", "QUOTE", "a tampered nonce", { editBytes: flip(4) }],
  ["nvidia-spdm11", "QUOTE", "a tampered measurement", { editBytes: flip(BLOCK + 7) }],
  ["nvidia-spdm11", "QUOTE", "a tampered signature", { editBytes: flip(-1) }],
  ["nvidia-spdm11", "CHAIN", "no certificates", { editEndorsements: () => ({ kind: "none" }) }],
  ["nvidia-spdm11", "PEM", "text that is no PEM", { editEndorsements: () => ({ kind: "nvidia", chain: "certificate" }) }],
  ["nvidia-spdm11", "ROOT", "a root that is not pinned", { roots: production }],
  ["nvidia-spdm11", "CHAIN", "a simulated root that production pins", { roots: pinned }],
  ["nvidia-spdm11", "CHAIN", "a GPU that is not valid yet", { now: START - 1n }],
  ["nvidia-spdm11", "CHAIN", "a device that is no CA", nvidia({ certificates: { device: { ca: undefined as never } } })],
  ["nvidia-spdm11", "CHAIN", "a leaf that is a CA", nvidia({ certificates: { leaf: { ca: {} } } })],
]; // prettier-ignore

describe("R56: AMD, AWS and NVIDIA evidence", () => {
  const formats = ["snp-report", "nitro-cose", "nvidia-spdm11"] as const;

  it("default: genuine in form, each verifies", () => {
    for (const format of formats) {
      const verdict = verifySimulated(format);
      expect(verdict.root).to.equal("simulated");
      expect(verdict.tcb.status).to.equal(format === "snp-report" ? "UpToDate" : "VendorManaged");
      const data = format === "nvidia-spdm11" ? "a5".repeat(32) + "00".repeat(32) : "a5".repeat(64);
      expect(verdict.reportData).to.equal(`0x${data}`);
    }
  });

  for (const [format, code, what, change] of refused)
    it(`error: ${code} for ${format} with ${what}`, () => {
      expectError(() => verifySimulated(format, change), code);
    });

  it("behavior: any flipped bit of the used bytes is refused", () => {
    const cache = new VerifyCache(64);
    for (const format of formats) {
      const { usedBytes } = verifySimulated(format);
      for (let at = 0; at < usedBytes; at += 83)
        expectError(() => verifySimulated(format, { cache, editBytes: flip(at) }), /^[A-Z]+$/);
    }
  });

  it("behavior: high-s signatures are the same evidence to a verifier, and never an identity", () => {
    const order = BigInt(
      "0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    );
    // Where s is: AMD's numbers are little-endian.
    const scalar = { "snp-report": 0x2e8, "nitro-cose": -48, "nvidia-spdm11": -48 } as const;
    for (const format of formats) {
      const mirror = (bytes: Uint8Array): Uint8Array => {
        const at = scalar[format] < 0 ? bytes.length + scalar[format] : scalar[format];
        const inOrder = (part: Buffer): Buffer => (format === "snp-report" ? Buffer.from(part.toReversed()) : part);
        const s = BigInt(`0x${inOrder(Buffer.from(bytes.subarray(at, at + 48))).toString("hex")}`);
        bytes.set(inOrder(Buffer.from((order - s).toString(16).padStart(96, "0"), "hex")), at);
        return bytes;
      };
      const [low, high] = [verifySimulated(format), verifySimulated(format, { editBytes: mirror })];
      expect(high.evidenceHash).to.not.equal(low.evidenceHash);
      expect({ ...high, evidenceHash: low.evidenceHash }).to.deep.equal(low);
    }
  });

  it("behavior: AMD firmware below the product's floor, or without a floor, is out of date and says why", () => {
    const floor = { bootloader: 4, tee: 1, snp: 24, microcode: 213 };
    const low = verifySimulated("snp-report", { amdFloors: { Milan: floor } });
    expect(low.tcb).to.deep.include({ status: "OutOfDate", short: ["tee 0 < 1", "snp 23 < 24"] });
    const none = verifySimulated("snp-report", { amdFloors: { Genoa: floor } });
    expect(none.tcb).to.deep.include({ status: "OutOfDate", short: ["no floor is set for Milan"] });
  });

  it("behavior: a Nitro document whose user data is not 64 bytes binds nothing", () => {
    for (const userData of [null, new Uint8Array(), new Uint8Array(63)])
      expect(verifySimulated("nitro-cose", aws({ userData })).reportData).to.equal("0x");
  });

  it("behavior: bytes behind a Nitro document or an SNP report change nothing", () => {
    for (const format of ["snp-report", "nitro-cose"] as const) {
      const more = verifySimulated(format, { editBytes: (bytes) => Uint8Array.from([...bytes, 1, 2, 3]) });
      expect(more).to.deep.equal(verifySimulated(format));
    }
  });

  it("behavior: every measured field is part of the measurement", () => {
    const ids = [
      verifySimulated("snp-report"),
      verifySimulated("snp-report", snpField(0xc0, 1)),
      verifySimulated("snp-report", snpField(0xe0, 1)),
      verifySimulated("snp-report", snpField(8, 1)),
      verifySimulated("nitro-cose"),
      verifySimulated(
        "nitro-cose",
        aws({ pcrs: [REPORT.measurement, REPORT.reportData.subarray(0, 48), REPORT.measurement] }),
      ),
      verifySimulated("nvidia-spdm11"),
      verifySimulated("nvidia-spdm11", nvidia({ feature: 2 })),
    ].map(({ measurementId }) => measurementId);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(cborBytes(new Uint8Array(24)).length - cborText("x".repeat(23)).length).to.equal(2);
  });
});
