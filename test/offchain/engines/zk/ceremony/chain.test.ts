// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  checkAllComplete,
  checkComplete,
  checkSameSteps,
  openChain,
  takeStep,
  type Chain,
} from "../../../../../offchain/engines/zk/ceremony/chain.ts";
import { invertScalar } from "../../../../../offchain/engines/zk/ceremony/curve.ts";
import { CURVE_G1, pointOfG1 } from "../../../../../offchain/core/zk/points.ts";
import type { StepHead } from "../../../../../offchain/engines/zk/ceremony/step-file.ts";
import type { StockContribution } from "../../../../../offchain/engines/zk/ceremony/stock-key.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { BEACON_STEP, ceremonyOf, forgeStep, MINUS_ONE, type Forgery } from "./forge-step.ts";
import { sampleCircuit } from "./sample-circuit.ts";

const g1 = (n: bigint) => pointOfG1(CURVE_G1.BASE.multiply(n));
const start = openChain(ceremonyOf());
const person = (chain: Chain, name: string, x: readonly bigint[] = [5n, 7n]): Chain =>
  takeStep(chain, forgeStep(chain, { x, context: { name } }).head);
const one = person(start, "alice");
const two = person(one, "bob", [11n, 13n]);
const done = takeStep(two, forgeStep(two, { context: BEACON_STEP }).head);
const refuse = (code: string, chain: Chain, forgery: Forgery) =>
  expectCode(code, () => takeStep(chain, forgeStep(chain, forgery).head));
const stockOf = (heads: readonly StepHead[]): StockContribution[] =>
  heads.map(({ kind, name, iterations, beacon, stock }, i) => ({
    kind,
    name,
    iterations,
    beacon,
    hash: stock,
    deltaAfter: g1(BigInt(100 + i)),
  }));

describe("the transcript of the committed deltas", function () {
  this.timeout(60_000);

  it("default: two persons and a beacon", () => {
    expect(done.heads.map(({ name }) => name)).to.deep.equal(["alice", "bob", "beacon"]);
    expect(new Set([start, one, two, done].map(({ hash }) => hash)).size).to.equal(4);
    checkSameSteps(done.heads, stockOf(done.heads));
    checkAllComplete(done, stockOf(done.heads));
  });

  it("error: TRANSCRIPT_BROKEN for a step that is replayed, reordered, renumbered, or follows the beacon", async () => {
    const [first, second] = two.heads as [StepHead, StepHead];
    await expectCode("TRANSCRIPT_BROKEN", () => takeStep(one, first));
    await expectCode("TRANSCRIPT_BROKEN", () => takeStep(start, second));
    await expectCode("TRANSCRIPT_BROKEN", () => takeStep(one, { ...first, index: 2 }));
    await expectCode("CONTRIBUTION_INVALID", () => takeStep(start, { ...second, index: 1, previous: start.hash }));
    await expectCode("TRANSCRIPT_BROKEN", () => takeStep(start, { ...second, index: 1 }));
    await refuse("TRANSCRIPT_BROKEN", done, {});
    const [group1, group2] = first.groups;
    await expectCode("TRANSCRIPT_BROKEN", () =>
      takeStep(start, { ...first, groups: [group2, group1] as StepHead["groups"] }),
    );
    await expectCode("TRANSCRIPT_BROKEN", () => takeStep(start, { ...first, groups: first.groups.slice(1) }));
  });

  it("error: CIRCUIT_MISMATCH for a step of another ceremony or circuit", async () => {
    for (const other of [ceremonyOf(sampleCircuit({ factor: 2 })), ceremonyOf(undefined, "other")]) {
      const { head } = forgeStep(openChain(other));
      await expectCode("CIRCUIT_MISMATCH", () => takeStep(start, head));
      // Taken over as it is, its proofs of knowledge are about the other transcript.
      await expectCode("CONTRIBUTION_INVALID", () =>
        takeStep(start, { ...head, start: start.hash, previous: start.hash }),
      );
    }
  });

  it("error: CONTRIBUTION_INVALID for a factor that its maker does not know", async () => {
    const [head] = one.heads as [StepHead];
    const [first, ...others] = head.groups as [StepHead["groups"][number]];
    const knowledge = first.knowledge ?? { r: g1(1n), s: 1n };
    const { knowledge: _, ...without } = first;
    const pointsHash = `0x${"11".repeat(32)}` as const;
    for (const group of [
      { ...first, knowledge: { ...knowledge, s: knowledge.s + 1n } },
      { ...first, knowledge: { ...knowledge, s: 0n } },
      { ...first, knowledge: { ...knowledge, r: g1(3n) } },
      { ...first, pointsHash },
      without,
    ])
      await expectCode("CONTRIBUTION_INVALID", () => takeStep(start, { ...head, groups: [group, ...others] }));
    // What the proof speaks about: maker and δ2's contribution too.
    for (const change of [{ name: "eve" }, { stock: new Uint8Array(64).fill(200) }])
      await expectCode("CONTRIBUTION_INVALID", () => takeStep(start, { ...head, ...change }));
    // A delta chosen to cancel what others did: 5·x unknown, so the proof is made for another factor.
    const cancelling = forgeStep(start, { x: [1234n, 7n] }).head.groups[0];
    await expectCode("CONTRIBUTION_INVALID", () =>
      takeStep(one, { ...two.heads[1], groups: [cancelling, two.heads[1]?.groups[1]] } as StepHead),
    );
  });

  it("error: CONTRIBUTION_INVALID for different factors in G1 and G2", async () => {
    await refuse("CONTRIBUTION_INVALID", start, { x: [5n, 7n], x2: [5n, 8n] });
  });

  it("error: CONTRIBUTION_INVALID for a beacon whose factor is not the beacon's", async () => {
    const { head } = forgeStep(two, { context: BEACON_STEP });
    const mine = forgeStep(two, { x: [3n, 4n] }).head.groups.map(({ tag, deltaG1, deltaG2, pointsHash }) => ({
      tag,
      deltaG1,
      deltaG2,
      pointsHash,
    }));
    await expectCode("CONTRIBUTION_INVALID", () => takeStep(two, { ...head, groups: mine }));
    await expectCode("CONTRIBUTION_INVALID", () => takeStep(two, { ...head, beacon: new Uint8Array(32).fill(8) }));
    await expectCode("CONTRIBUTION_INVALID", () => takeStep(two, { ...head, iterations: 11 }));
  });

  it("error: DELTA_DEGENERATE for x = 1 or −1, the generator, and deltas that are equal up to their sign", async () => {
    await refuse("DELTA_DEGENERATE", start, { x: [1n, 7n] });
    await refuse("DELTA_DEGENERATE", start, { x: [MINUS_ONE, 7n] });
    await refuse("DELTA_DEGENERATE", one, { x: [11n, 1n] });
    await refuse("DELTA_DEGENERATE", start, { x: [7n, 7n] });
    await refuse("DELTA_DEGENERATE", start, { x: [7n, MINUS_ONE - 6n] });
    // 5·7 = 7·5: one delta repeated in the second step
    await refuse("DELTA_DEGENERATE", one, { x: [7n, 5n] });
    // back to the generator: 5·(1/5)
    const fifth = invertScalar(5n);
    await refuse("DELTA_DEGENERATE", one, { x: [fifth, 3n] });
    const { head } = forgeStep(start);
    await expectCode("DELTA_DEGENERATE", () => takeStep(start, head, head.groups[0]?.deltaG1));
    await expectCode("DELTA_DEGENERATE", () => takeStep(start, head, g1(1n)));
  });

  it("error: CONTRIBUTORS_DIFFER where delta2 was made by other steps", async () => {
    const { heads } = done;
    const stock = stockOf(heads);
    const differ = (changed: readonly StockContribution[]) =>
      expectCode("CONTRIBUTORS_DIFFER", () => checkSameSteps(heads, changed));
    await differ(stock.slice(0, 2));
    await differ(stock.slice(1));
    await differ([...stock, ...stock.slice(2)]);
    const change = (i: number, changes: Partial<StockContribution>) =>
      differ(stock.map((entry, n) => (n === i ? { ...entry, ...changes } : entry)));
    await change(0, { name: "eve" });
    await change(1, { kind: "beacon" });
    await change(1, { hash: new Uint8Array(64) });
    await change(2, { beacon: new Uint8Array(32) });
    await change(2, { iterations: 11 });
  });

  it("error: DELTA_DEGENERATE for a step that leaves delta2 as it was", async () => {
    const stock = stockOf(done.heads);
    const at = (i: number, deltaAfter: StockContribution["deltaAfter"]) =>
      expectCode("DELTA_DEGENERATE", () =>
        checkSameSteps(
          done.heads,
          stock.map((entry, n) => (n === i ? { ...entry, deltaAfter } : entry)),
        ),
      );
    await at(0, g1(1n));
    await at(0, g1(MINUS_ONE));
    await at(1, g1(100n));
    await at(2, { x: 0n, y: 0n });
  });

  it("error: CONTRIBUTORS_TOO_FEW, also for one person twice; BEACON_MISSING", async () => {
    await expectCode("BEACON_MISSING", () => checkAllComplete(two, stockOf(two.heads)));
    await expectCode("BEACON_MISSING", () => checkAllComplete(done, stockOf(two.heads)));
    await expectCode("BEACON_MISSING", () => checkComplete("delta2", []));
    const alone = takeStep(one, forgeStep(one, { context: BEACON_STEP }).head);
    await expectCode("CONTRIBUTORS_TOO_FEW", () => checkAllComplete(alone, stockOf(alone.heads)));
    const again = person(one, "alice", [11n, 13n]);
    const twice = takeStep(again, forgeStep(again, { context: BEACON_STEP }).head);
    await expectCode("CONTRIBUTORS_TOO_FEW", () => checkAllComplete(twice, stockOf(twice.heads)));
  });
});
