// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  assertExposure,
  exposureText,
  worstFigures,
  type Exposure,
} from "../../../../offchain/core/planning/leakage-limits.ts";
import type { LeakageReport } from "../../../../offchain/core/planning/leakage-report.ts";
import { networkExposure } from "../../../../offchain/core/planning/network-exposure.ts";
import {
  FLAG_ACCEPT_EXPOSURE,
  FLAG_SMALL_POOL,
  PLACE_CLIENT,
  PRODUCER_INPUT,
} from "../../../../offchain/core/types.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { sampleManifest } from "../../../support/sample-receipt.ts";
import { splitManifest } from "../../../support/split-receipt.ts";

const figures = (recoveryPpm: number, dcorPpm = 500_000) => ({ recoveryPpm, dcorPpm });
const report = (afterOps: readonly number[], noise: LeakageReport["noise"] = null) =>
  ({
    noise,
    cuts: afterOps.map((afterOp) => ({ afterOp, ...figures(100_000 + (noise === null ? afterOp : -afterOp)) })),
  }) as unknown as LeakageReport;

describe("networkExposure", () => {
  it("default: every end of a network stage, with the figures of its last operator", () => {
    // Stages of 2, 1, 3, 1, 1 operators: the network's take what follows operator 2 and give what follows 5 and 6.
    const exposure = networkExposure(splitManifest(), [2, 1, 3, 1, 1], report([1, 2, 5, 6]));
    expect(exposure.map(({ figures: one }) => one?.recoveryPpm)).to.deep.equal([100_002, 100_005, 100_006]);
    expect(worstFigures(exposure)).to.include({ recoveryPpm: 100_006 });
  });

  it("behavior: a report that is silent about one end gives no figures for it, nor none at all", () => {
    const silent = networkExposure(splitManifest(), [2, 1, 3, 1, 1], report([2, 6]));
    expect(silent.map(({ figures: one }) => one === null)).to.deep.equal([false, true, false]);
    expect(worstFigures(silent)).to.equal(null);
    expect(networkExposure(splitManifest(), [2, 1, 3, 1, 1], null).every(({ figures: one }) => one === null)).to.equal(
      true,
    );
  });

  it("behavior: noise is added behind the client's first stages, and no later boundary is said to show less than the noised one", () => {
    const noise = { clip: 100, varianceNumerator: 400, varianceDenominator: 1 };
    const operators = [2, 1, 3, 1, 1];
    const noised = networkExposure(splitManifest(), operators, report([1, 2, 5, 6], noise));
    expect(noised.map(({ figures: one }) => one?.recoveryPpm)).to.deep.equal([99_998, 99_998, 99_998]);
    // Nobody adds noise where the client has no first stage.
    const stages = splitManifest().stages.map((stage, at) => (at < 4 ? { ...stage, place: 0 } : stage));
    const bare = networkExposure({ stages }, operators, report([1, 2, 5, 6], noise));
    expect(worstFigures(bare)).to.equal(null);
  });

  it("behavior: without client stages nothing is withheld; a network stage that reads the raw input shows all of it", () => {
    expect(networkExposure(sampleManifest(3), [1, 1, 1], null)).to.deep.equal([]);
    const [first, second] = sampleManifest(2).stages;
    if (first === undefined || second === undefined) throw new TypeError("fixture");
    const stages = [
      { ...first, place: PLACE_CLIENT },
      { ...second, producers: [0, PRODUCER_INPUT] },
    ];
    const exposure = networkExposure({ stages }, [1, 1], report([0, 1]));
    expect(worstFigures(exposure)?.recoveryPpm).to.equal(1_000_000);
  });

  it("error: LEAKAGE_ABOVE_LIMIT, which the requester's own flag lifts; LEAKAGE_UNKNOWN, which nothing lifts (R4)", async () => {
    const above: Exposure = [
      { boundary: "a", figures: figures(300_000) },
      { boundary: "b", figures: figures(400_001) },
    ];
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => assertExposure(above, 0));
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => assertExposure(above, FLAG_SMALL_POOL));
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => assertExposure([{ boundary: "c", figures: figures(1, 850_001) }], 0));
    assertExposure(above, FLAG_ACCEPT_EXPOSURE);
    assertExposure([{ boundary: "d", figures: figures(400_000, 850_000) }], 0);
    const strict = { maxRecoveryPpm: 250_000, maxDcorPpm: 850_000 };
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => assertExposure(above.slice(0, 1), 0, strict));
    for (const flags of [0, FLAG_ACCEPT_EXPOSURE])
      await expectCode("LEAKAGE_UNKNOWN", () => assertExposure([{ boundary: "e", figures: null }], flags));
  });

  it("behavior: the sentence that may be said", () => {
    expect(exposureText(figures(339_400))).to.equal(
      "exposure-limited: each seat of a stage sees its boundary; measured recovery 33.9 %",
    );
  });
});
