// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { PRODUCTION_ROOTS } from "../../../../offchain/engines/tee/roots.ts";
import { TCB_STATUSES } from "../../../../offchain/core/enclave-status.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { fixtureInputs, fixtureManifest, secondsOf, type FixtureCase } from "../../../support/tee/fixtures.ts";
import { createIntelChain, packed, revertOf } from "../../../support/tee/intel-chain.ts";

const manifest = fixtureManifest();

/** What the contracts call the manifest's errors. */
const NAMES: Readonly<Record<string, RegExp>> = {
  TCB: /^TcbTooLow$/,
  TD: /^TdUnsafe$/,
  COLLATERAL: /^(CollateralMissing|ListMissing|NotValid)$/,
  CRL: /^(ListInvalid|NotValid)$/,
};

async function run(item: FixtureCase) {
  const [{ evidence, endorsements } = expect.fail("no evidence")] = fixtureInputs(item);
  const now = secondsOf(item.now);
  const chain = await createIntelChain({ now });
  const quote = packed(evidence);
  const attempt = async () => {
    await chain.show(quote, endorsements);
    return chain.verify(quote);
  };
  return { chain, quote, attempt, theirs: () => verifyEvidence(evidence, endorsements, PRODUCTION_ROOTS, now) };
}

describe("R56: real Intel quotes on chain", function () {
  before(function () {
    if (manifest === undefined) this.skip(); // real evidence is data of others and not in the repository: needs its folder
  });

  it("behavior: every Intel case of the manifest ends on chain as off chain, with the same ids", async () => {
    const cases = (manifest?.cases ?? []).filter(({ format }) => format.startsWith("dcap"));
    expect(cases.length).to.be.greaterThan(10);
    for (const item of cases) {
      const { attempt, theirs, chain, quote } = await run(item);
      if (item.expect.verify === "error") {
        const wanted = [item.expect.error ?? []].flat().map((code) => NAMES[code] ?? /^$/);
        const name = await revertOf(attempt);
        expect(
          wanted.some((pattern) => pattern.test(name ?? "")),
          `${item.id}: ${name} for ${String(item.expect.error)}`,
        ).to.equal(true);
        continue;
      }
      const ours = await attempt();
      const off = theirs();
      expect(TCB_STATUSES[ours.status], item.id).to.equal(off.tcb.status);
      expect(ours.measurementId, item.id).to.equal(off.measurementId);
      expect(ours.platformId, item.id).to.equal(off.platformId);
      expect(ours.dataHigh + ours.dataLow.slice(2), item.id).to.equal(off.reportData);
      expect(BigInt(ours.notAfter), item.id).to.equal(off.notAfter);
      expect(ours.evaluation, item.id).to.equal(off.tcb.evaluation);
      expect(ours.simulated, item.id).to.equal(false);
      expect(Number(await chain.verifyGas(quote)), `${item.id}: gas`).to.be.at.most(130_000);
    }
  });
});
