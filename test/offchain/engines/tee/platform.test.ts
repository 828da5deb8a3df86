// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { globSync, readFileSync } from "node:fs";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import {
  admit,
  CRITICAL_STATUSES,
  GENERAL_STATUSES,
  type EnclavePolicy,
} from "../../../../offchain/engines/tee/admit.ts";
import { bindReportData, type EnclaveBinding } from "../../../../offchain/core/enclave-binding.ts";
import {
  gpuNonce,
  requireBinding,
  requireReportData,
  sessionReportData,
} from "../../../../offchain/engines/tee/bind.ts";
import { PRODUCTION_ROOTS } from "../../../../offchain/engines/tee/roots.ts";
import { SIMULATED_OID as LABEL } from "../../../../offchain/engines/tee/sim/label.ts";
import { SIMULATED_OID } from "../../../../offchain/engines/tee/bytes/certificate.ts";
import { SimulatedPlatform } from "../../../../offchain/engines/tee/sim/platform.ts";
import type { EvidenceFormat, Verdict } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { expectError } from "../../../support/expect-error.ts";
import { NOW, PERIOD, REPORT, simulated, verifySimulated } from "../../../support/tee/simulated.ts";

const FORMATS: readonly EvidenceFormat[] = ["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5", "snp-report", "nitro-cose", "nvidia-spdm11"]; // prettier-ignore
const policyFor = (verdict: Verdict, change: Partial<EnclavePolicy> = {}): EnclavePolicy => ({
  statuses: GENERAL_STATUSES,
  maxAge: 86_400n,
  measurements: new Set([verdict.measurementId]),
  deniedPlatforms: new Set(),
  simulatedAllowed: true,
  ...change,
});

describe("R57: simulated platform", () => {
  it("behavior: one seed gives the same bytes each time, another seed other keys", () => {
    const make = (seed: number) => new SimulatedPlatform(new Uint8Array(32).fill(seed), PERIOD);
    for (const format of FORMATS.filter((name) => name !== "snp-report"))
      expect(make(0x11).attest(format, REPORT)).to.deep.equal(simulated().attest(format, REPORT));
    expect(simulated().attest("snp-report", REPORT)).to.deep.equal(simulated().attest("snp-report", REPORT));
    expect(make(0x12).roots(["intel"])).to.not.deep.equal(make(0x11).roots(["intel"]));
  });

  it("error: ROOT of every format under production roots: refusal 1", () => {
    for (const format of FORMATS) {
      const { evidence, endorsements } = simulated().attest(format, REPORT);
      expectError(() => verifyEvidence(evidence, endorsements, PRODUCTION_ROOTS, NOW), "ROOT");
    }
    expect(PRODUCTION_ROOTS.simulatedAllowed).to.equal(false);
    expect(PRODUCTION_ROOTS.roots.every(({ kind }) => kind === "production")).to.equal(true);
  });

  it("error: CHAIN by the label in every CA, though production pinned the root: refusal 2", () => {
    for (const format of FORMATS) {
      const pinned = (kind: "production" | "simulated") => () =>
        verifySimulated(format, {
          roots: (all) => ({ simulatedAllowed: false, roots: all.roots.map((root) => ({ ...root, kind })) }),
        });
      for (const kind of ["production", "simulated"] as const)
        expect(expectError(pinned(kind), "CHAIN").meta["detail"]).to.match(/^unknown critical extension/);
    }
    expect(LABEL).to.equal(SIMULATED_OID);
  });

  it("error: NOT_ADMITTED by a policy that does not allow simulation: refusal 3", () => {
    for (const format of FORMATS) {
      const verdict = verifySimulated(format);
      admit(verdict, policyFor(verdict), NOW);
      const error = expectError(
        () => admit(verdict, policyFor(verdict, { simulatedAllowed: false }), NOW),
        "NOT_ADMITTED",
      );
      expect(error.message).to.include("SIMULATED");
    }
  });

  it("error: ROOT where NODE_ENV is production, and for a seed of another length: refusal 4", () => {
    const before = process.env["NODE_ENV"];
    try {
      process.env["NODE_ENV"] = "production";
      expectError(() => simulated(), "ROOT");
    } finally {
      if (before === undefined) delete process.env["NODE_ENV"];
      else process.env["NODE_ENV"] = before;
    }
    expectError(() => new SimulatedPlatform(new Uint8Array(31), PERIOD), "ROOT");
  });

  it("behavior: nothing outside the folder imports the simulation, and it imports no strict reader", () => {
    const importers = globSync("offchain/**/*.ts").filter((file) => !file.includes("tee/sim/"));
    expect(importers.length).to.be.greaterThan(100);
    for (const file of importers) expect(readFileSync(file, "utf8"), file).to.not.match(/from "[^"]*\/sim\//);
    const own = globSync("offchain/engines/tee/sim/*.ts");
    expect(own.length).to.be.greaterThan(5);
    for (const file of own)
      expect(readFileSync(file, "utf8"), file).to.not.match(/from "\.\.\/(bytes|dcap|snp|nitro|nvidia)\//);
  });
});

describe("R56: purity", () => {
  it("behavior: no verifier reads a clock, a file, the network or a generator: replay gives the same verdict in any year", () => {
    const impure = /Date\.now|new Date\(\)|Math\.random|randomBytes|\bfetch\(|process\.env|from "node:(?!crypto)/;
    const own = globSync("offchain/engines/tee/{*,{bytes,dcap,snp,nitro,nvidia,schedule}/*}.ts");
    expect(own.length).to.be.greaterThan(25);
    for (const file of own) expect(readFileSync(file, "utf8"), file).to.not.match(impure);
    const clock = Date.now;
    try {
      Date.now = () => Date.UTC(2040, 0, 1);
      for (const format of FORMATS) expect(verifySimulated(format).verifiedAt).to.equal(NOW);
    } finally {
      Date.now = clock;
    }
  });
});

describe("R58: what evidence was made for", () => {
  const binding: EnclaveBinding = {
    chainId: 31_337n,
    registry: `0x${"11".repeat(20)}`,
    key: `0x${"22".repeat(20)}`,
    channelKey: toWord(3),
    sealKey: toWord(4),
    worker: toWord(5),
    epoch: 6,
    challenge: toWord(7),
  };
  const runtime = Uint8Array.of(1, 2, 3);
  const attest = () =>
    simulated().attest("dcap-tdx-v4", { ...REPORT, reportData: bindReportData(binding, runtime) }, runtime);

  it("error: BINDING for any other chain, registry, key, worker, epoch, challenge or runtime", () => {
    const { evidence, endorsements } = attest();
    const verdict = verifyEvidence(evidence, endorsements, simulated().roots(["intel"]), NOW);
    requireBinding(verdict, evidence, binding);
    const others: Partial<EnclaveBinding>[] = [
      { chainId: 1n },
      { registry: `0x${"12".repeat(20)}` },
      { key: `0x${"23".repeat(20)}` },
      { channelKey: toWord(9) },
      { sealKey: toWord(9) },
      { worker: toWord(9) },
      { epoch: 7 },
      { challenge: toWord(9) },
    ];
    for (const other of others)
      expectError(() => requireBinding(verdict, evidence, { ...binding, ...other }), "BINDING");
    expectError(() => requireBinding(verdict, { ...evidence, runtime: Uint8Array.of(1, 2) }, binding), "BINDING");
    expectError(() => bindReportData({ ...binding, epoch: 65_536 }, runtime), "NUMBER_OUT_OF_RANGE");
  });

  it("error: BINDING for a GPU's other nonce and a session's other role or handshake", () => {
    const nonce = gpuNonce(binding.channelKey, binding.challenge);
    const data = Uint8Array.from([...nonce, ...new Uint8Array(32)]);
    const { evidence, endorsements } = simulated().attest("nvidia-spdm11", { ...REPORT, reportData: data });
    const verdict = verifyEvidence(evidence, endorsements, simulated().roots(["nvidia"]), NOW);
    requireReportData(verdict, data);
    expectError(() => requireReportData(verdict, Uint8Array.from([...gpuNonce(toWord(9), binding.challenge), ...new Uint8Array(32)])), "BINDING"); // prettier-ignore
    const session = sessionReportData(new Uint8Array(32), "initiator", binding.key);
    for (const other of [
      sessionReportData(new Uint8Array(32), "responder", binding.key),
      sessionReportData(new Uint8Array(32).fill(1), "initiator", binding.key),
    ])
      // prettier-ignore
      expect(other).to.not.deep.equal(session);
  });

  it("error: NOT_ADMITTED for status, age, end, strange images and denied platforms", () => {
    const verdict = verifySimulated("dcap-tdx-v4");
    const refuse = (change: Partial<EnclavePolicy>, now = NOW, of = verdict) =>
      expectError(() => admit(of, policyFor(verdict, change), now), "NOT_ADMITTED");
    admit(verdict, policyFor(verdict, { statuses: CRITICAL_STATUSES }), NOW + 86_400n);
    refuse({}, NOW + 86_401n);
    refuse({ maxAge: 2n ** 40n }, PERIOD.to + 1n);
    refuse({}, NOW - 1n);
    refuse({ measurements: new Set() });
    refuse({ deniedPlatforms: new Set([verdict.platformId]) });
    for (const status of ["SWHardeningNeeded", "OutOfDate", "Revoked"] as const) {
      const tcb = { ...verdict.tcb, status, short: ["sgx[7] 3 < 5"] };
      const error = refuse({ statuses: CRITICAL_STATUSES }, NOW, { ...verdict, tcb });
      expect(error.message).to.include("sgx[7] 3 < 5");
    }
  });
});
