// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { StageInfo } from "../../../offchain/core/types.ts";
import { KIND_BLINDED, KIND_PUBLIC, KIND_SALTED, PLACE_CLIENT } from "../../../offchain/core/types.ts";
import { chooseProver, type ProverChoice } from "../../../offchain/engines/zk/prover/choose-prover.ts";
import { boundaryKinds } from "../../../offchain/node/stage-circuits.ts";
import { StageProver } from "../../../offchain/node/stage-prover.ts";
import { nullLogger, testManifest } from "../../support/cluster/cluster.ts";
import { expectCode } from "../../support/expect-code.ts";
import { nativeMissing } from "../../support/native-addon.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MODEL = `0x${"aa".repeat(32)}` as const;
const KEY = `0x${"01".repeat(32)}` as const;
const keyed = (stages: number, change: Partial<StageInfo> = {}): StageInfo[] =>
  testManifest(stages).stages.map((info) => ({
    ...info,
    keyId: KEY,
    inKind: KIND_SALTED,
    outKind: KIND_SALTED,
    ...change,
  }));

function proverOf(table: readonly StageInfo[] | null, chainId = 31_337n, prover: ProverChoice = "auto"): StageProver {
  const folder = temporaryFolder();
  return new StageProver(
    { keyFolder: folder, cacheFolder: folder, chainId, memoryMiB: 64, threads: 1, maxLoad: 1, prover },
    { logger: nullLogger, programs: { table: () => table, program: async () => null } },
  );
}

describe("StageProver", () => {
  it("default: proves stages with a key between PUBLIC and SALTED boundaries", () => {
    expect(proverOf(keyed(2)).canProve(MODEL, 1)).to.equal(true);
    expect(proverOf(keyed(1, { inKind: KIND_PUBLIC })).canProve(MODEL, 0)).to.equal(true);
    expect(boundaryKinds(keyed(2), 1)).to.deep.equal({ inKinds: ["SALTED"], outKind: "SALTED" });
  });

  it("behavior: goes by the name of the prover that works", () => {
    expect(proverOf(null, 31_337n, "snarkjs").name).to.equal("snarkjs");
    expect(proverOf(null).name).to.equal(chooseProver().name);
    if (nativeMissing === "") expect(proverOf(null, 31_337n, "native").name).to.equal("native");
  });

  it("behavior: inputs have their producers' kinds", () => {
    const table = keyed(2).map((info, i) => (i === 0 ? { ...info, inKind: KIND_PUBLIC } : info));
    expect(boundaryKinds(table, 0)?.inKinds).to.deep.equal(["PUBLIC"]);
    expect(boundaryKinds(table, 1)?.inKinds).to.deep.equal(["SALTED"]);
  });

  it("behavior: off the local chain only with a key that is here", async () => {
    const prover = proverOf(keyed(1), 1n);
    await prover.prepare();
    expect(prover.canProve(MODEL, 0)).to.equal(false);
    expect(prover.mayJudge(MODEL, 0)).to.equal(false);
  });

  it("behavior: leaves stages without key, with a BLINDED end, at the client, or with committed weights to others", () => {
    const refuses = (table: readonly StageInfo[] | null, stage = 0) =>
      expect(proverOf(table).canProve(MODEL, stage)).to.equal(false);
    refuses(null);
    refuses(keyed(1), 1);
    refuses(keyed(1, { keyId: `0x${"00".repeat(32)}` }));
    refuses(keyed(1, { outKind: KIND_BLINDED }));
    refuses(keyed(1, { inKind: KIND_BLINDED }));
    refuses(keyed(1, { place: PLACE_CLIENT }));
    refuses(keyed(1, { weightsX: KEY, weightsY: KEY }));
  });

  it("error: PROOF_IMPOSSIBLE for stages whose program or boundaries it does not have", async () => {
    await expectCode("PROOF_IMPOSSIBLE", async () => proverOf(keyed(1)).keysOf(MODEL, 0));
    await expectCode("PROOF_IMPOSSIBLE", async () => proverOf(keyed(1, { outKind: KIND_BLINDED })).keysOf(MODEL, 0));
    await expectCode("PROOF_IMPOSSIBLE", async () => proverOf(null).keysOf(MODEL, 0));
  });
});
