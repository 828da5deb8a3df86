// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../../../offchain/core/bytes.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { readCollateralBundle } from "../../../../offchain/engines/tee/collateral-file.ts";
import {
  fetchSimulatedCollateral,
  QuoteServerProvider,
} from "../../../../offchain/engines/tee/provider/quote-server.ts";
import { startSimulatedQuoteServer } from "../../../../offchain/engines/tee/sim/quote-server.ts";
import { SimulatedVendor } from "../../../../offchain/engines/tee/sim/vendor.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { expectError } from "../../../support/expect-error.ts";
import { NOW, PERIOD, REPORT, simulated } from "../../../support/tee/simulated.ts";

const SEED = new Uint8Array(32).fill(0x11);
const MACHINES = [0, 1, 2] as const;
const FORMATS = ["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5"] as const;

describe("R57: a simulated vendor with several machines", () => {
  const roots = simulated().roots(["intel"]);
  const judge = (vendor: SimulatedVendor, machine: number, format: (typeof FORMATS)[number], by = machine) => {
    const { evidence } = vendor.platform(machine).attest(format, REPORT);
    // Collateral is the vendor's, whoever fetched it.
    return verifyEvidence(evidence, vendor.platform(by).attest(format, REPORT).endorsements, roots, NOW);
  };

  it("default: machines are platforms of their own under one root: same collateral, same measurement, other keys", () => {
    const vendor = new SimulatedVendor(SEED, PERIOD);
    expect(vendor.platform().attest("dcap-tdx-v4", REPORT)).to.deep.equal(simulated().attest("dcap-tdx-v4", REPORT));
    for (const format of FORMATS) {
      const verdicts = MACHINES.map((machine) => judge(vendor, machine, format, (machine + 1) % 3));
      expect(new Set(verdicts.map(({ platformId }) => platformId)).size).to.equal(3);
      expect(new Set(verdicts.map(({ measurementId }) => measurementId)).size).to.equal(1);
    }
    const keys = MACHINES.map((machine) => vendor.platform(machine).intel.keys);
    for (const name of ["root", "ca", "signer"] as const)
      expect(new Set(keys.map((own) => toHex(own[name].point))).size, name).to.equal(1);
    for (const name of ["pck", "attestation"] as const)
      expect(new Set(keys.map((own) => toHex(own[name].point))).size, name).to.equal(3);
  });

  it("behavior: a revoked machine is refused by the newer list, whose time is checked, and no other machine is", () => {
    const vendor = new SimulatedVendor(SEED, PERIOD);
    const older = vendor.platform(1).attest("dcap-tdx-v4", REPORT);
    vendor.revoke(1, NOW - 60n);
    for (const format of FORMATS) {
      expectError(() => judge(vendor, 1, format, 0), "REVOKED");
      for (const machine of [0, 2]) judge(vendor, machine, format, 1);
    }
    vendor.revoke(0, NOW - 30n);
    for (const machine of [0, 1]) expectError(() => judge(vendor, machine, "dcap-tdx-v4", 2), "REVOKED");
    judge(vendor, 2, "dcap-tdx-v4");
    // The list before knows nothing of it: which one counts is the chain's matter, that takes newer ones only.
    verifyEvidence(older.evidence, older.endorsements, roots, NOW);
    expectError(() => verifyEvidence(older.evidence, vendor.platform(2).attest("dcap-tdx-v4", REPORT).endorsements, roots, NOW - 31n), "CRL"); // prettier-ignore
    for (const at of [NOW - 30n, NOW - 60n]) expectError(() => vendor.revoke(2, at), "CRL");
    judge(vendor, 2, "dcap-tdx-v4");
  });

  it("behavior: every machine's quote server gives the vendor's newest collateral, and quotes of its own machine", async () => {
    const vendor = new SimulatedVendor(SEED, PERIOD);
    const servers = await Promise.all(
      [1, 2].map(async (machine) => startSimulatedQuoteServer({ seed: SEED, period: PERIOD, vendor, machine })),
    );
    try {
      const look = async (at: number) => {
        const { url } = servers[at] ?? { url: "" };
        const { bundle } = await fetchSimulatedCollateral(url);
        const evidence = await new QuoteServerProvider({ url, bundleDigest: toWord(1) }).quote(new Uint8Array(64));
        return { evidence, endorsements: readCollateralBundle(bundle) };
      };
      const [one, two] = [await look(0), await look(1)];
      expect(one.endorsements).to.deep.equal(two.endorsements);
      const platforms = [one, two].map((own) => verifyEvidence(own.evidence, own.endorsements, roots, NOW).platformId);
      expect(platforms[0]).to.not.equal(platforms[1]);
      vendor.revoke(1, NOW - 60n);
      const [first, second] = [await look(0), await look(1)];
      expect(first.endorsements).to.deep.equal(second.endorsements);
      expectError(() => verifyEvidence(first.evidence, first.endorsements, roots, NOW), "REVOKED");
      expect(verifyEvidence(second.evidence, second.endorsements, roots, NOW).platformId).to.equal(platforms[1]);
    } finally {
      await Promise.all(servers.map(async (server) => server.close()));
    }
  });
});
