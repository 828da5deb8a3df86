// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { admit, CRITICAL_STATUSES, GENERAL_STATUSES } from "../../../../offchain/engines/tee/admit.ts";
import { requireReportData } from "../../../../offchain/engines/tee/bind.ts";
import { VerifyCache } from "../../../../offchain/engines/tee/cache.ts";
import { PRODUCTION_ROOTS } from "../../../../offchain/engines/tee/roots.ts";
import type { TcbStatus } from "../../../../offchain/core/enclave-status.ts";
import type { Verdict } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence, type VerifyOptions } from "../../../../offchain/engines/tee/verify.ts";
import { expectError } from "../../../support/expect-error.ts";
import { fixtureCollateral, fixtureInputs, fixtureManifest, secondsOf, type FixtureCase } from "../../../support/tee/fixtures.ts"; // prettier-ignore
import { MILAN_FLOOR } from "../../../support/tee/simulated.ts";

const manifest = fixtureManifest();

function run(item: FixtureCase, options: VerifyOptions = {}): Verdict[] {
  return fixtureInputs(item).map(({ evidence, endorsements, nonce }) => {
    const verdict = verifyEvidence(evidence, endorsements, PRODUCTION_ROOTS, secondsOf(item.now), {
      amdFloors: MILAN_FLOOR,
      ...options,
    });
    if (nonce !== undefined) requireReportData(verdict, new Uint8Array(Buffer.concat([nonce, Buffer.alloc(32)])));
    return verdict;
  });
}

const admits = (verdict: Verdict, statuses: readonly TcbStatus[]): boolean => {
  const policy = { statuses, maxAge: 60n, measurements: new Set([verdict.measurementId]), deniedPlatforms: new Set<`0x${string}`>(), simulatedAllowed: false }; // prettier-ignore
  try {
    admit(verdict, policy, verdict.verifiedAt);
    return true;
  } catch {
    return false;
  }
};

describe("R56: real vendor evidence", function () {
  before(function () {
    if (manifest === undefined) this.skip(); // real evidence is data of others and not in the repository: needs its folder
  });

  // The manifest's cases, all in one test a vendor: titles must not depend on a mounted folder.
  for (const vendor of ["dcap", "snp", "nitro", "nvidia"])
    it(`behavior: every ${vendor} case of the manifest ends as it says, cached or not`, () => {
      const cases = (manifest?.cases ?? []).filter(({ format }) => format.startsWith(vendor));
      expect(cases.length).to.be.greaterThan(1);
      const cache = new VerifyCache(512);
      for (const item of cases)
        for (const options of [{}, { cache }, { cache }]) {
          const { expect: want } = item;
          if (want.verify === "error") {
            const codes = [want.error ?? []].flat();
            expectError(() => run(item, options), new RegExp(`^(${codes.join("|")})$`));
            continue;
          }
          const verdicts = run(item, options);
          for (const verdict of verdicts) {
            expect(verdict.root, item.id).to.equal("production");
            if (want.status !== undefined) expect(verdict.tcb.status, item.id).to.equal(want.status);
            if (want.advisories !== undefined) expect(verdict.tcb.advisories, item.id).to.deep.equal(want.advisories);
            if (typeof want.admit !== "object") continue;
            expect(admits(verdict, GENERAL_STATUSES), item.id).to.equal(want.admit.general);
            expect(admits(verdict, CRITICAL_STATUSES), item.id).to.equal(want.admit.critical);
          }
        }
    });

  const find = (id: string): FixtureCase => manifest?.cases.find((item) => item.id === id) ?? expect.fail(id);

  it("behavior: eight GPUs of one machine are eight platforms of one measurement", () => {
    const verdicts = run(find("nvidia-hopper-8"));
    expect(new Set(verdicts.map(({ platformId }) => platformId)).size).to.equal(8);
    expect(new Set(verdicts.map(({ measurementId }) => measurementId)).size).to.equal(1);
    expect(verdicts[0]?.checks.at(-1)?.detail).to.equal("PPCIE");
  });

  it("behavior: unsigned bytes behind a quote change nothing", () => {
    const item = find("tdx-v4-zero-tail");
    const [input] = fixtureInputs(item);
    if (input === undefined) expect.fail("no evidence");
    const [verdict] = run(item);
    const bytes = Uint8Array.from(input.evidence.bytes).fill(0xee, verdict?.usedBytes);
    const again = verifyEvidence(
      { ...input.evidence, bytes },
      input.endorsements,
      PRODUCTION_ROOTS,
      secondsOf(item.now),
    );
    expect(again).to.deep.equal(verdict);
  });

  it("error: TCB names the component that is short", () => {
    const error = expectError(() => run(find("tdx-v5-under-lowest-level")), "TCB");
    expect(error.meta["detail"]).to.match(/^sgx\[7\] 3 < 5\b/);
  });

  it("error: COLLATERAL for a set older than one seen before", () => {
    const item = find("tdx-v5-uptodate");
    const [verdict] = run(item);
    const [input] = fixtureInputs(item);
    const older = fixtureCollateral({ base: "dcap/tdx_quote_outdated_collateral.json", tcbInfo: "automata/0625/tcbinfov3_90C06F000000.json" }); // prettier-ignore
    if (input === undefined || verdict?.mark == null) expect.fail("no mark");
    const seen = [{ ...verdict.mark }];
    // Ended too by then: verify-dcap.test.ts has an older set that is still current.
    const attempt = () => verifyEvidence(input.evidence, older, PRODUCTION_ROOTS, secondsOf(item.now), { seen });
    expectError(attempt, "COLLATERAL");
  });

  it("error: a real quote with any byte class changed is refused", () => {
    const item = find("tdx-v4-uptodate");
    const [input] = fixtureInputs(item);
    if (input === undefined) expect.fail("no evidence");
    const cache = new VerifyCache(64);
    for (let at = 0; at < 4936; at += 61) {
      const bytes = Uint8Array.from(input.evidence.bytes);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      const attempt = () =>
        verifyEvidence({ ...input.evidence, bytes }, input.endorsements, PRODUCTION_ROOTS, secondsOf(item.now), {
          cache,
        });
      expectError(attempt, /^(QUOTE|QE|CHAIN|ROOT|DER|PEM|DEBUG|TD|SEAM|TCB|CRL|COLLATERAL)$/);
    }
  });
});
