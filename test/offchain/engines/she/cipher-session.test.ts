// SPDX-License-Identifier: GPL-3.0-or-later
import { inspect } from "node:util";
import { expect } from "chai";
import type { Hex } from "../../../../offchain/core/bytes.ts";
import { cipherDigest } from "../../../../offchain/core/she/digest.ts";
import { encodeSheObject } from "../../../../offchain/core/she/object.ts";
import { CipherSession, MAX_RELEASES } from "../../../../offchain/engines/she/client/cipher-session.ts";
import { MemoryKeyLedger, type KeyLedger } from "../../../../offchain/engines/she/client/key-ledger.ts";
import { releaseOf } from "../../../../offchain/engines/she/client/release.ts";
import { compilePlan, type CompiledPlan } from "../../../../offchain/engines/she/compile/compile-plan.ts";
import { packSlots } from "../../../../offchain/engines/she/compile/plan.ts";
import { runLayers } from "../../../../offchain/engines/she/compile/read-program.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import type { SheClient } from "../../../../offchain/engines/she/client/she-client.ts";
import { decodeSheObject } from "../../../../offchain/core/she/object.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { clientFor, keysFor, runnersFor } from "../../../support/she/encrypted-run.ts";
import { polyPerceptron, randomInput } from "../../../support/she/toy-programs.ts";

const JOB: Hex = `0x${"ab".repeat(32)}`;
const FINE = { kind: "scale", dtype: "i32", shifts: [10], lo: -1_000_000, hi: 1_000_000, table: null } as const;

describe("cipher session", () => {
  const rng = new Prng(21);
  const program = polyPerceptron([5, 3, 2], rng);
  let compiled: CompiledPlan;
  let client: SheClient;
  let evaluate: (input: Uint8Array) => Uint8Array;
  let final: Hex | undefined;

  before(() => {
    compiled = compilePlan(program, { calibration: Array.from({ length: 20 }, () => randomInput(program, rng)) });
    client = clientFor(compiled);
    const [runner] = runnersFor(compiled, keysFor(compiled, client));
    evaluate = (input) => {
      const output = runner?.run(decodeSheObject(input, nodeHashes)) ?? expect.fail("nothing ran");
      return encodeSheObject(output);
    };
  });

  const sessionOf = (ledger: KeyLedger = new MemoryKeyLedger(), tolerance = 1e-4) =>
    new CipherSession({
      client,
      plan: compiled.plan,
      tolerance,
      finish: FINE,
      finality: { finalDigestOf: async () => final },
      ledger,
      hashes: nodeHashes,
    });

  /** A session whose job ended with the evaluation of an input with a clear answer. */
  async function finished(ledger?: KeyLedger, tolerance?: number) {
    const session = sessionOf(ledger, tolerance);
    const input = [100, -50, 30, 20, 10];
    const output = evaluate(await session.encrypt([input]));
    final = cipherDigest(decodeSheObject(output, nodeHashes), nodeHashes);
    return { session, output, exact: runLayers(compiled.layers, input).at(-1) ?? [] };
  }

  it("default: opens what the chain calls final, and tells the answer", async () => {
    const { session, output, exact } = await finished();
    const opened = await session.open(JOB, output, 1);
    const [values = []] = opened.values().reveal();
    for (const [i, y] of exact.entries())
      expect(Math.abs((values[i] ?? 0) - y) / compiled.plan.outputScale).to.be.lessThan(1e-3);
    const answer = exact.indexOf(Math.max(...exact));
    expect(await opened.release({ kind: "argmax" })).to.deep.equal({ kind: "argmax", index: answer });
  });

  it("error: NOT_FINAL before the end, for a job that closed, and for any other ciphertext", async () => {
    const { session, output } = await finished();
    const other = evaluate(await session.encrypt([[1, 2, 3, 4, 5]]));
    await expectCode("NOT_FINAL", () => session.open(JOB, other, 1));
    const input = await session.encrypt([[1, 2, 3, 4, 5]]);
    await expectCode("NOT_FINAL", () => session.open(JOB, input, 1));
    final = undefined;
    await expectCode("NOT_FINAL", () => session.open(JOB, output, 1));
    await expectCode("BYTES_REFUSED", () => session.open(JOB, output.slice(0, -1), 1));
    const flipped = output.slice();
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    const known = cipherDigest(decodeSheObject(output, nodeHashes), nodeHashes);
    final = known;
    await expectCode("NOT_FINAL", () => session.open(JOB, flipped, 1));
  });

  it("behavior: nothing is decrypted before the chain's word, and what is decrypted prints as a secret", async () => {
    const { session, output } = await finished();
    let isAsked = false;
    const spying = new CipherSession({
      client: new Proxy(client, {
        get: (target, key) => {
          if (key === "decryptUnchecked") isAsked = true;
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
      plan: compiled.plan,
      tolerance: 1e-4,
      finish: FINE,
      finality: { finalDigestOf: async () => undefined },
      ledger: new MemoryKeyLedger(),
      hashes: nodeHashes,
    });
    await expectCode("NOT_FINAL", () => spying.open(JOB, output, 1));
    expect(isAsked).to.equal(false);
    const values = (await session.open(JOB, output, 1)).values();
    const [first = 0] = values.reveal()[0] ?? [];
    for (const text of [String(values), JSON.stringify(values), inspect(values)])
      expect(text).to.not.include(String(first).slice(0, 6));
  });

  it("behavior: what noise could have changed is undecided, and retires the key set", async () => {
    const ledger = new MemoryKeyLedger();
    const { session, output } = await finished(ledger, 1e6);
    const opened = await session.open(JOB, output, 1);
    expect(await opened.release({ kind: "argmax" })).to.deep.equal({ kind: "undecided" });
    expect((await ledger.load()).retired).to.equal("undecided");
    await expectCode("KEYS_RETIRED", () => opened.release({ kind: "argmax" }));
    await expectCode("KEYS_RETIRED", () => session.encrypt([[1, 2, 3, 4, 5]]));
    // Its owner may still read its own results.
    expect(opened.values().reveal().length).to.equal(1);
    await session.open(JOB, output, 1);
  });

  it("behavior: 64 releases, counted over restarts, also of one result and of many asked at once", async () => {
    const ledger = new MemoryKeyLedger();
    const { output } = await finished(ledger);
    const ask = async () => (await sessionOf(ledger).open(JOB, output, 1)).release({ kind: "argmax" });
    for (let i = 0; i < 10; i++) expect((await ask()).kind).to.equal("argmax");
    expect((await ledger.load()).released).to.equal(10);
    const opened = await sessionOf(ledger).open(JOB, output, 1);
    const rush = await Promise.allSettled(Array.from({ length: 100 }, () => opened.release({ kind: "argmax" })));
    expect(rush.filter(({ status }) => status === "fulfilled").length).to.equal(MAX_RELEASES - 10);
    expect(await ledger.load()).to.deep.equal({ released: MAX_RELEASES, retired: "limit" });
    await expectCode("KEYS_RETIRED", ask);
  });

  it("behavior: a release is written down before it is told, and none is told that could not be", async () => {
    const saved: unknown[] = [];
    const failing: KeyLedger = {
      load: () => Promise.resolve({ released: 0 }),
      save: (state) => {
        saved.push(state);
        return Promise.reject(new RangeError("disk full"));
      },
    };
    const { output } = await finished();
    const opened = await sessionOf(failing).open(JOB, output, 1);
    const told = await opened.release({ kind: "argmax" }).catch((error: unknown) => error);
    expect(told).to.be.instanceOf(RangeError);
    expect(saved).to.deep.equal([{ released: 1 }]);
  });

  it("behavior: whoever acts on a decrypted value retires first; the first reason stays", async () => {
    const ledger = new MemoryKeyLedger();
    const session = sessionOf(ledger);
    await session.retire("check failed");
    await session.retire("asked");
    expect(await ledger.load()).to.deep.equal({ released: 0, retired: "check failed" });
    await expectCode("KEYS_RETIRED", () => session.encrypt([[1, 2, 3, 4, 5]]));
  });

  it("error: NO_SAMPLE, INPUT_OUT_OF_RANGE: nothing is encrypted that the program was not proved for", async () => {
    const { plan } = compiled;
    const session = sessionOf();
    const limit = plan.inputScale;
    packSlots(plan, [[limit, -limit, 0, 0, 0]]);
    for (const bad of [limit + 1, -limit - 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = await expectCode("INPUT_OUT_OF_RANGE", () => session.encrypt([[1, 2, bad, 4, 5]]));
      // An input is a secret, also a wrong one.
      if (Number.isFinite(bad)) expect(String(error)).to.not.include(String(bad));
    }
    await expectCode("NO_SAMPLE", () => session.encrypt([]));
    await expectCode("NO_SAMPLE", () => session.encrypt([[1, 2, 3, 4]]));
    await expectCode("NO_SAMPLE", () =>
      session.encrypt([
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5],
      ]),
    );
    const { output } = await finished();
    const opened = await session.open(JOB, output, 1);
    await expectCode("NO_SAMPLE", () => opened.release({ kind: "argmax" }, 1));
  });
});

describe("release rule", () => {
  const terms = { tolerance: 3, finish: FINE };

  it("behavior: argmax with a lead of more than twice the tolerance, else undecided", () => {
    expect(releaseOf([10, 16.001, 2], { kind: "argmax" }, terms)).to.deep.equal({ kind: "argmax", index: 1 });
    for (const outputs of [[10, 16], [10, 12], [10, 10], [], [Number.NaN, 1], [1, Number.POSITIVE_INFINITY]])
      expect(releaseOf(outputs, { kind: "argmax" }, terms)).to.deep.equal({ kind: "undecided" });
    expect(releaseOf([7], { kind: "argmax" }, terms)).to.deep.equal({ kind: "argmax", index: 0 });
  });

  it("behavior: integers farther than the tolerance from every rounding boundary, else undecided", () => {
    const values = (
      outputs: readonly number[],
      finish: typeof FINE | { readonly kind: "exact" } = FINE,
      tolerance = 3,
    ) => releaseOf(outputs, { kind: "values" }, { tolerance, finish });
    expect(values([1024, 5120])).to.deep.equal({ kind: "values", values: [1, 5] });
    expect(values([512 + 4])).to.deep.equal({ kind: "values", values: [1] });
    expect(values([512 - 4])).to.deep.equal({ kind: "values", values: [0] });
    for (const near of [512, 512 + 2.9, 512 - 2.9, -512, 1536 + 1])
      expect(values([1024, near]), String(near)).to.deep.equal({ kind: "undecided" });
    expect(values([5], { kind: "exact" })).to.deep.equal({ kind: "undecided" });
    expect(values([5.1], { kind: "exact" }, 0.3)).to.deep.equal({ kind: "values", values: [5] });
    // Clamped: the same on both sides, but the tolerance spans steps of the rounding.
    expect(values([1e12], FINE, 1024)).to.deep.equal({ kind: "undecided" });
    expect(values([1e12])).to.deep.equal({ kind: "values", values: [1_000_000] });
  });

  it("R39: whatever the noise, within the tolerance the same is published or nothing", () => {
    const rng = new Prng(40);
    const unit = () => rng.int(-1_000_000, 1_000_000) / 1_000_000;
    const finish = { ...FINE, shifts: [3], lo: -5, hi: 5 } as const;
    let [told, kept] = [0, 0];
    for (let i = 0; i < 2000; i++) {
      const exact = Array.from({ length: 4 }, () => 40 * unit());
      const tolerance = rng.pick([0.01, 0.5, 3]);
      for (const rule of [{ kind: "argmax" }, { kind: "values" }] as const) {
        const seen = Array.from({ length: 6 }, () =>
          releaseOf(
            exact.map((y) => y + tolerance * unit()),
            rule,
            { tolerance, finish },
          ),
        ).filter(({ kind }) => kind !== "undecided");
        expect(new Set(seen.map((value) => JSON.stringify(value))).size).to.be.at.most(1);
        if (seen.length > 0) told++;
        else kept++;
      }
    }
    expect(told).to.be.greaterThan(500);
    expect(kept).to.be.greaterThan(50);
  });
});
