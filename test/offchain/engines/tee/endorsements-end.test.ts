// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { endorsementsEnd } from "../../../../offchain/engines/tee/endorsements-end.ts";
import { SimulatedPlatform } from "../../../../offchain/engines/tee/sim/platform.ts";
import type { Endorsements, EvidenceFormat, IntelCollateral } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { NOW, PERIOD, REPORT, simulated } from "../../../support/tee/simulated.ts";

describe("until when endorsements serve", () => {
  const platform = simulated();
  const of = (format: EvidenceFormat) => platform.attest(format, REPORT);
  const intel = of("dcap-tdx-v4").endorsements as IntelCollateral;

  it("R55: default: as long as what verifies with them, where evidence brings nothing that ends before", () => {
    for (const format of ["dcap-sgx-v3", "dcap-tdx-v4", "snp-report", "nvidia-spdm11"] as const) {
      const { evidence, endorsements } = of(format);
      const roots = platform.roots(["intel", "amd", "nvidia"]);
      const { notAfter } = verifyEvidence(evidence, endorsements, roots, NOW);
      expect(endorsementsEnd(endorsements), format).to.equal(notAfter);
    }
    expect(endorsementsEnd({ kind: "none" }), "documents carry their chain").to.equal(null);
  });

  it("R55: behavior: the earliest of Intel's texts and lists", () => {
    expect(endorsementsEnd(intel)).to.equal(PERIOD.to);
    const early = (text: string) => text.replace(/"nextUpdate":"[^"]+"/, '"nextUpdate":"2026-10-01T00:00:00Z"');
    const end = BigInt(Date.UTC(2026, 9, 1) / 1_000);
    expect(endorsementsEnd({ ...intel, tcbInfo: early(intel.tcbInfo) })).to.equal(end);
    expect(endorsementsEnd({ ...intel, qeIdentity: early(intel.qeIdentity) })).to.equal(end);
    const sooner = new SimulatedPlatform(new Uint8Array(32).fill(0x11), { from: PERIOD.from, to: end });
    const { rootCrl, pckCrl } = sooner.attest("dcap-tdx-v4", REPORT).endorsements as IntelCollateral;
    expect(endorsementsEnd({ ...intel, rootCrl })).to.equal(end);
    expect(endorsementsEnd({ ...intel, pckCrl })).to.equal(end);
  });

  it("R55: error: COLLATERAL, CRL, DER, PEM for files that are none", async () => {
    const read = (change: Partial<IntelCollateral>) => () => endorsementsEnd({ ...intel, ...change });
    await expectCode("COLLATERAL", read({ tcbInfo: "{" }));
    await expectCode("COLLATERAL", read({ qeIdentity: '{"version":1}' }));
    await expectCode("DER", read({ rootCrl: intel.rootCrl.subarray(0, -1) }));
    await expectCode("DER", read({ pckCrl: new Uint8Array() }));
    await expectCode("CRL", read({ pckCrl: new Uint8Array(262_145) }));
    await expectCode("PEM", read({ tcbInfoChain: "-----BEGIN CERTIFICATE-----" }));
    const amd = of("snp-report").endorsements as Extract<Endorsements, { readonly kind: "amd" }>;
    await expectCode("DER", () => endorsementsEnd({ ...amd, ask: amd.ask.subarray(1) }));
  });
});
