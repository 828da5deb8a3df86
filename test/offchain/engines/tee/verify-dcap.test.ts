// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { VerifyCache } from "../../../../offchain/engines/tee/cache.ts";
import { integer, octets, oid, sequence } from "../../../../offchain/engines/tee/sim/der-writer.ts";
import { utf8 } from "../../../../offchain/core/bytes.ts";
import { expectError } from "../../../support/expect-error.ts";
import { AUTH, body, collateral, first, intel, REFUSED, set } from "../../../support/tee/intel-refusals.ts";
import { flip, NOW, PERIOD, simulated, START, verifySimulated, type Change } from "../../../support/tee/simulated.ts";

const DAY = 86_400n;

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

  for (const [code, , what, change, format = "dcap-tdx-v4"] of REFUSED)
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
