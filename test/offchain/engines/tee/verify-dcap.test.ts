// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { VerifyCache } from "../../../../offchain/engines/tee/cache.ts";
import { bits, integer, octets, oid, sequence } from "../../../../offchain/engines/tee/sim/der-writer.ts";
import type { IntelOptions } from "../../../../offchain/engines/tee/sim/intel.ts";
import { simulatedKey } from "../../../../offchain/engines/tee/sim/keys.ts";
import type { EvidenceFormat, IntelCollateral } from "../../../../offchain/engines/tee/verdict.ts";
import { utf8 } from "../../../../offchain/core/bytes.ts";
import { expectError } from "../../../support/expect-error.ts";
import { flip, NOW, PERIOD, simulated, START, verifySimulated, type Change } from "../../../support/tee/simulated.ts";

type Json = Record<string, unknown>;
const intel = (options: IntelOptions, more: Change = {}): Change => ({ options: { intel: options }, ...more });
const collateral = (edit: Partial<IntelCollateral>): Change => ({
  editEndorsements: (all) => (all.kind === "intel" ? { ...all, ...edit } : all),
});
const body = (edit: (body: Uint8Array) => void): Change =>
  intel({ editSigned: (signed, at) => edit(signed.subarray(at)) });
const set = (at: number, value: number): Change => body((bytes) => void (bytes[at] = value));
const first = (json: Json, key: string): Json => (json[key] as Json[])[0] ?? {};
const stranger = simulatedKey(new Uint8Array(32).fill(9), "stranger", "P-256");
const DAY = 86_400n;
/** Offsets in a quote of version 4: header 48, TD report 584, length 4. */
const AUTH = 48 + 584 + 4;
const QE_REPORT = AUTH + 64 + 64 + 6;
const RSA_PSS = sequence(oid("2a864886f70d01010b"), Uint8Array.of(5, 0));

const refused: readonly [code: string, what: string, change: Change, format?: EvidenceFormat][] = [
  ["QUOTE", "evidence over 16 KiB", { editBytes: (bytes) => Uint8Array.from([...bytes, ...new Uint8Array(16_384)]) }],
  ["QUOTE", "a truncated quote", { editBytes: (bytes) => bytes.subarray(0, -1) }],
  ["QUOTE", "an empty quote", { editBytes: () => new Uint8Array() }],
  ["QUOTE", "a quote of another version", { editBytes: flip(0) }],
  ["QUOTE", "another attestation key type", { editBytes: flip(2) }],
  ["QUOTE", "an unknown TEE type", { editBytes: flip(7) }],
  ["QE", "another QE vendor", { editBytes: flip(12) }],
  ["QUOTE", "a body type that does not fit its size", { editBytes: flip(48) }, "dcap-tdx-v5"],
  ["QUOTE", "certification data of another type", { editBytes: flip(AUTH + 128) }],
  ["QUOTE", "a certification length that does not add up", { editBytes: flip(AUTH + 130) }],
  ["QUOTE", "a signature length that does not add up", { editBytes: flip(AUTH - 4) }],
  // Roots and chain
  ["ROOT", "a root that is not pinned", { roots: (all) => ({ ...all, roots: all.roots.filter(({ kind }) => kind === "production") }) }],
  ["ROOT", "another vendor's root", { roots: (all) => ({ ...all, roots: all.roots.map((root) => (root.vendor === "intel" ? { ...root, vendor: "amd" } : root)) }) }],
  ["CHAIN", "a simulated root that production pins", { roots: (all) => ({ ...all, simulatedAllowed: false }) }],
  ["CHAIN", "a simulated chain under a root taken for a vendor's", { roots: (all) => ({ ...all, roots: all.roots.map((root) => ({ ...root, kind: "production" })) }) }],
  ["CHAIN", "an unlabelled CA under a simulated root", intel({ certificates: { ca: { isLabelled: false } } })],
  ["CHAIN", "a chain of two", intel({ chain: ["pck", "root"] })],
  ["CHAIN", "a chain of four", intel({ chain: ["pck", "pck", "ca", "root"] })],
  ["CHAIN", "an unknown critical extension", intel({ certificates: { signer: { extensions: [{ oid: "2a0304", isCritical: true, contents: Uint8Array.of(5, 0) }] } } })],
  ["CHAIN", "an extension that occurs twice", intel({ certificates: { signer: { extensions: [{ oid: "551d0f", isCritical: false, contents: bits(Uint8Array.of(6), 1) }] } } })],
  ["CHAIN", "another issuer name", intel({ certificates: { pck: { issuer: "Intel SGX PCK Processor CA" } } })],
  ["CHAIN", "an issuer without CA rights", intel({ certificates: { ca: { ca: undefined as never } } })],
  ["CHAIN", "an issuer that may not sign certificates", intel({ certificates: { ca: { usage: 0x02 } } })],
  ["CHAIN", "a path longer than its root allows", intel({ certificates: { root: { ca: { pathLength: 0 } } } })],
  ["CHAIN", "an intermediate signed by a stranger", intel({ certificates: { ca: { signer: stranger } } })],
  ["CHAIN", "a PCK certificate signed by a stranger", intel({ certificates: { pck: { signer: stranger } } })],
  ["CHAIN", "a root that did not sign itself", intel({ certificates: { root: { signer: stranger } } })],
  ["CHAIN", "an expired PCK certificate", intel({ certificates: { pck: { notAfter: NOW - 1n } } })],
  ["CHAIN", "a CA that is not valid yet", intel({ certificates: { ca: { notBefore: NOW + 1n } } })],
  ["CHAIN", "a CA of another name", intel({ certificates: { ca: { commonName: "Some CA" }, pck: { issuer: "Some CA" } } })],
  ["CHAIN", "a PCK certificate that is a CA", intel({ certificates: { pck: { ca: {}, isLabelled: true } } })],
  ["CHAIN", "a PCK certificate without Intel's extension", intel({ certificates: { pck: { extensions: [] } } })],
  ["CHAIN", "two signature algorithms", intel({ certificates: { pck: { signer: { ...stranger, algorithm: RSA_PSS } } } })],
  // The attacks that the npm library accepts (spikes/tee): a leaf as CA, by itself or as the signer of collateral.
  ["CHAIN", "a PCK leaf used as the CA", intel({ chain: ["pck", "pck", "root"] })],
  ["COLLATERAL", "TCB info signed by a PCK leaf", intel({ collateralSigner: { key: simulated().intel.keys.pck, chain: ["pck", "ca", "root"] } })],
  ["CHAIN", "TCB info signed by a PCK leaf that skips its CA", intel({ collateralSigner: { key: simulated().intel.keys.pck, chain: ["pck", "root"] } })],
  ["COLLATERAL", "TCB info signed by a CA", intel({ collateralSigner: { key: simulated().intel.keys.ca, chain: ["ca", "root"] } })],
  ["COLLATERAL", "TCB info signed by another name", intel({ certificates: { signer: { commonName: "Intel SGX Signing" } } })],
  ["ROOT", "collateral that ends at another root", intel({ collateralSigner: { key: simulated().intel.keys.signer, chain: ["signer", "ca"] } })],
  // Revocation
  ["CRL", "a withheld root list", collateral({ rootCrl: new Uint8Array() })],
  ["CRL", "a withheld CA list", collateral({ pckCrl: new Uint8Array() })],
  ["DER", "garbage for a list", collateral({ pckCrl: Uint8Array.of(0xde, 0xad, 0xbe, 0xef) })],
  ["CRL", "a list signed by a stranger", intel({ caCrl: { signer: stranger } })],
  ["CRL", "the list of another issuer", intel({ caCrl: { issuer: "Intel SGX PCK Processor CA" } })],
  ["CRL", "a list of an issuer that may not sign lists", intel({ certificates: { ca: { usage: 0x04 } } })],
  ["CRL", "an ended list", intel({ caCrl: { nextUpdate: NOW - 1n } })],
  ["CRL", "a list of the future", intel({ rootCrl: { thisUpdate: NOW + 1n } })],
  ["REVOKED", "a revoked PCK certificate", intel({ caCrl: { serials: [77, 3] } })],
  ["REVOKED", "a revoked CA", intel({ rootCrl: { serials: [2] } })],
  ["REVOKED", "a revoked signer of collateral", intel({ rootCrl: { serials: [4] } })],
  // Collateral
  ["COLLATERAL", "no collateral", { editEndorsements: () => ({ kind: "none" }) }],
  ["COLLATERAL", "TCB info withheld", collateral({ tcbInfo: "" })],
  ["COLLATERAL", "one space more in TCB info", { editEndorsements: (all) => (all.kind === "intel" ? { ...all, tcbInfo: `${all.tcbInfo} ` } : all) }],
  ["COLLATERAL", "QE identity with another's signature", { editEndorsements: (all) => (all.kind === "intel" ? { ...all, qeIdentitySignature: all.tcbInfoSignature } : all) }],
  ["COLLATERAL", "TCB info of the other TEE", intel({ editTcbInfo: (json) => void (json["id"] = "SGX") })],
  ["COLLATERAL", "TCB info of version 2", intel({ editTcbInfo: (json) => void (json["version"] = 2) })],
  ["COLLATERAL", "QE identity of version 3", intel({ editQeIdentity: (json) => void (json["version"] = 3) })],
  ["COLLATERAL", "the identity of the other quoting enclave", intel({ editQeIdentity: (json) => void (json["id"] = "QE") })],
  ["COLLATERAL", "another FMSPC", intel({ editTcbInfo: (json) => void (json["fmspc"] = "00906ED50000") })],
  ["COLLATERAL", "another PCEID", intel({ editTcbInfo: (json) => void (json["pceId"] = "0001") })],
  ["COLLATERAL", "TCB info of the future", intel({ editTcbInfo: (json) => void (json["issueDate"] = "2099-01-01T00:00:00Z") })],
  ["COLLATERAL", "ended TCB info", intel({ editTcbInfo: (json) => void (json["nextUpdate"] = "2020-01-01T00:00:00Z") })],
  ["COLLATERAL", "ended QE identity", intel({ editQeIdentity: (json) => void (json["nextUpdate"] = "2020-01-01T00:00:00Z") })],
  ["COLLATERAL", "an unknown status", intel({ editTcbInfo: (json) => void (first(json, "tcbLevels")["tcbStatus"] = "Fine") })],
  ["COLLATERAL", "fifteen components", intel({ editTcbInfo: (json) => void ((first(json, "tcbLevels")["tcb"] as Json)["sgxtcbcomponents"] as unknown[]).pop() })],
  ["COLLATERAL", "an older evaluation than seen", { seen: [{ id: "TDX", fmspc: "b0c06f000000", evaluation: 18, issued: 0n }] }],
  ["COLLATERAL", "the same evaluation of an earlier date", { seen: [{ id: "TDX", fmspc: "b0c06f000000", evaluation: 17, issued: START + 1n }] }],
  // Quoting enclave
  ["QE", "another mrSigner", intel({ editQeReport: (report) => void flip(128)(report) })],
  ["QE", "another isvProdId", intel({ editQeReport: (report) => void flip(256)(report) })],
  ["QE", "attributes outside the mask: a debug quoting enclave", intel({ editQeReport: (report) => void (report[48] = 0x13) })],
  ["QE", "another miscSelect", intel({ editQeReport: (report) => void flip(16)(report) })],
  ["QE", "a report that binds another attestation key", intel({ editQeReport: (report) => void flip(320)(report) })],
  ["QE", "a report with something behind the hash", intel({ editQeReport: (report) => void flip(383)(report) })],
  ["QE", "a tampered report", { editBytes: flip(QE_REPORT + 100) }],
  ["QE", "a tampered PCK signature", { editBytes: flip(QE_REPORT + 384) }],
  ["QE", "another attestation key", { editBytes: flip(AUTH + 64) }],
  ["TCB", "a quoting enclave below its lowest level", intel({ editQeReport: (report) => void (report[258] = 3) })],
  // Quote, module and TD
  ["QUOTE", "tampered report data", { editBytes: flip(48 + 530) }],
  ["QUOTE", "a tampered measurement", { editBytes: flip(48 + 140) }],
  ["QUOTE", "a tampered header", { editBytes: flip(30) }],
  ["QUOTE", "a tampered signature", { editBytes: flip(AUTH) }],
  ["TCB", "a platform below the lowest level", intel({ components: [3, 3, 2, 2, 4, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0] })],
  ["TCB", "a PCE below the lowest level", intel({ pceSvn: 9 })],
  ["TCB", "a TDX component below the lowest level", set(2, 2)],
  ["TCB", "a module below its lowest level", set(0, 1)],
  ["SEAM", "a module version without identity", set(1, 2)],
  ["SEAM", "another module signer", set(64, 1)],
  ["SEAM", "module attributes", set(112, 1)],
  ["DEBUG", "a debug TD", set(120, 1)],
  ["DEBUG", "a debug SGX enclave", body((bytes) => void (bytes[48] = 7)), "dcap-sgx-v3"],
  ["TD", "SEPT_VE_DISABLE off", set(123, 0)],
  ["TD", "a service TD", set(600, 1), "dcap-tdx-v5"],
]; // prettier-ignore

describe("R56: Intel quotes", () => {
  const formats = ["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5"] as const;

  it("default: genuine in form, each version verifies to the day its collateral ends", () => {
    for (const format of formats) {
      const verdict = verifySimulated(format);
      expect(verdict.root).to.equal("simulated");
      expect(verdict.tcb).to.deep.equal({ status: "UpToDate", advisories: [], evaluation: 17, short: [] });
      expect(verdict.notAfter).to.equal(PERIOD.to);
      expect(verdict.reportData).to.equal(`0x${"a5".repeat(64)}`);
      expect(verifySimulated(format, { now: PERIOD.to }).verifiedAt).to.equal(PERIOD.to);
      expectError(() => verifySimulated(format, { now: PERIOD.to + 1n }), "CRL");
      expectError(() => verifySimulated(format, { now: START - 1n }), "CHAIN");
    }
  });

  for (const [code, what, change, format = "dcap-tdx-v4"] of refused)
    it(`error: ${code} for ${what}`, () => {
      expectError(() => verifySimulated(format, change), code);
    });

  it("error: TCB names every component that is short", () => {
    const short = { components: [0, 3, 2, 2, 4, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0], pceSvn: 9 };
    const error = expectError(() => verifySimulated("dcap-tdx-v4", intel(short)), "TCB");
    expect(error.meta["detail"]).to.equal(
      "sgx[0] 0 < 2 (BIOS: Early Microcode Update), sgx[7] 3 < 4, pce 9 < 10 (PCE)",
    );
  });

  it("error: COLLATERAL for signed text that is no JSON of Intel's form", () => {
    const { keys } = simulated().intel;
    for (const tcbInfo of ["x", "[]", "null", "{}", '{"version":3}', '{"version":3,"issueDate":1}'])
      expectError(
        () =>
          verifySimulated("dcap-tdx-v4", collateral({ tcbInfo, tcbInfoSignature: keys.signer.signRaw(utf8(tcbInfo)) })),
        "COLLATERAL",
      );
  });

  it("behavior: the worst of platform, quoting enclave and module is the status, with what is short of the newest", () => {
    const old = verifySimulated("dcap-tdx-v4", intel({ components: [3, 3, 2, 2, 4, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0] }));
    expect(old.tcb).to.deep.include({ status: "OutOfDate", advisories: ["INTEL-SA-00002"], short: ["sgx[7] 4 < 5"] });
    expect(verifySimulated("dcap-tdx-v4", set(0, 2)).tcb).to.deep.include({
      status: "OutOfDate",
      advisories: ["INTEL-SA-00001"],
    });
    const qe = intel({ editQeReport: (report) => void (report[258] = 5) });
    expect(verifySimulated("dcap-sgx-v3", qe).tcb.status).to.equal("OutOfDate");
    const revoked = intel({ editTcbInfo: (json) => void (first(json, "tcbLevels")["tcbStatus"] = "Revoked") });
    expect(verifySimulated("dcap-sgx-v3", revoked).tcb.status).to.equal("Revoked");
  });

  it("behavior: without a module version all TDX components count, and the module of the TCB info", () => {
    const plain = body((bytes) => bytes.set([5, 0, 3]));
    expect(verifySimulated("dcap-tdx-v4", plain).tcb.status).to.equal("UpToDate");
    expectError(
      () =>
        verifySimulated(
          "dcap-tdx-v4",
          body((bytes) => bytes.set([4, 0, 3])),
        ),
      "TCB",
    );
  });

  it("behavior: high-s signatures are the same evidence to a verifier, and never an identity", () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const mirror = (bytes: Uint8Array): Uint8Array => {
      const s = BigInt(`0x${Buffer.from(bytes.subarray(AUTH + 32, AUTH + 64)).toString("hex")}`);
      bytes.set(Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"), AUTH + 32);
      return bytes;
    };
    const [low, high] = [verifySimulated("dcap-tdx-v4"), verifySimulated("dcap-tdx-v4", { editBytes: mirror })];
    expect({ ...high, evidenceHash: low.evidenceHash }).to.deep.equal(low);
  });

  it("behavior: the mark of accepted collateral refuses nothing newer", () => {
    const { mark } = verifySimulated("dcap-tdx-v4");
    if (mark === null) expect.fail("no mark");
    expect(verifySimulated("dcap-tdx-v4", { seen: [mark, { ...mark, id: "SGX", evaluation: 99 }] }).mark).to.deep.equal(
      mark,
    );
  });

  it("behavior: a cache changes no verdict and remembers no refusal, date or root", () => {
    const cache = new VerifyCache(64);
    const plain = verifySimulated("dcap-tdx-v4");
    for (let i = 0; i < 3; i++) expect(verifySimulated("dcap-tdx-v4", { cache })).to.deep.equal(plain);
    expectError(() => verifySimulated("dcap-tdx-v4", { cache, now: NOW + 40n * DAY }), "CRL");
    expectError(() => verifySimulated("dcap-tdx-v4", { cache, roots: (all) => ({ ...all, roots: [] }) }), "ROOT");
    expectError(() => verifySimulated("dcap-tdx-v4", { cache, editBytes: flip(AUTH) }), "QUOTE");
    const small = new VerifyCache(2);
    for (let i = 0; i < 3; i++) expect(verifySimulated("dcap-tdx-v4", { cache: small })).to.deep.equal(plain);
  });

  it("behavior: any flipped bit of the used bytes is refused", () => {
    const cache = new VerifyCache(64);
    const { usedBytes } = verifySimulated("dcap-tdx-v5");
    for (let at = 0; at < usedBytes; at += 61)
      expectError(() => verifySimulated("dcap-tdx-v5", { cache, editBytes: flip(at) }), /^[A-Z]+$/);
  });

  it("error: DER and CHAIN for extension contents of another form", () => {
    const extension = (contents: Uint8Array): Change =>
      intel({ certificates: { pck: { extensions: [{ oid: "2a864886f84d010d01", isCritical: false, contents }] } } });
    for (const contents of [
      new Uint8Array(),
      octets(Uint8Array.of(1)),
      sequence(),
      sequence(integer(1)),
      sequence(sequence(oid("2a864886f84d010d0101"), octets(new Uint8Array(15)))),
    ])
      // prettier-ignore
      expectError(() => verifySimulated("dcap-tdx-v4", extension(contents)), /^(DER|CHAIN)$/);
  });
});
