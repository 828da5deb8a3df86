// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { cipherStageHash } from "../../../../offchain/core/she/cipher-stage.ts";
import { bodyRoot, cipherDigest, objectsRoot } from "../../../../offchain/core/she/digest.ts";
import { decodeSheObject } from "../../../../offchain/core/she/object.ts";
import { CipherSession } from "../../../../offchain/engines/she/client/cipher-session.ts";
import { MemoryKeyLedger } from "../../../../offchain/engines/she/client/key-ledger.ts";
import { compilePlan, type CompiledPlan } from "../../../../offchain/engines/she/compile/compile-plan.ts";
import { runLayers } from "../../../../offchain/engines/she/compile/read-program.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { CipherSeat, type CipherWork } from "../../../../offchain/engines/she/seat/cipher-seat.ts";
import { weightObjects } from "../../../../offchain/engines/she/seat/weight-objects.ts";
import { keyList } from "../../../../offchain/engines/she/trace/key-list.ts";
import { cipherStageOf } from "../../../../offchain/engines/she/trace/trace.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { clientFor } from "../../../support/she/encrypted-run.ts";
import { polyPerceptron, randomInput } from "../../../support/she/toy-programs.ts";

const JOB: Hex = `0x${"ef".repeat(32)}`;
const ZERO: Hex = `0x${"00".repeat(32)}`;

describe("seat of an encrypted stage", () => {
  const rng = new Prng(12);
  const program = polyPerceptron([20, 12, 3], rng);
  let compiled: CompiledPlan;
  let kernels: Hex[];
  let seats: CipherSeat[][];
  let client: ReturnType<typeof clientFor>;
  let all: Uint8Array[];
  let keySetRoot: Hex;
  let keyBodies: Hex[];
  const x = randomInput(program, rng);

  const startSeat = (stage: number, kernel: Hex, of = compiled) =>
    CipherSeat.start({
      plan: of.plan,
      stage,
      weights: of.weights[stage] ?? [],
      kernel,
      hashes: nodeHashes,
      lanes: 1,
    });

  before(async () => {
    compiled = compilePlan(program, {
      calibration: Array.from({ length: 10 }, () => randomInput(program, rng)),
      cuts: [0],
    });
    const { plan, weights } = compiled;
    kernels = plan.stages.map((_, stage) => {
      const root = objectsRoot([...weightObjects(weights[stage] ?? [])], nodeHashes);
      return cipherStageHash(cipherStageOf(plan, stage, root, nodeHashes));
    });
    seats = await Promise.all(
      kernels.map((kernel, stage) => Promise.all(Array.from({ length: 3 }, () => startSeat(stage, kernel)))),
    );
    client = clientFor(compiled);
    all = keyList(plan).map((key) => client.createKey(key));
    const objects = all.map((key) => decodeSheObject(key, nodeHashes));
    keySetRoot = objectsRoot(objects, nodeHashes);
    keyBodies = objects.map((key) => toHex(bodyRoot(key, nodeHashes)));
  });

  after(async () => {
    await Promise.all(seats.flat().map((seat) => seat.close()));
  });

  /** What a stage's seats are given: their own keys and no others. */
  const workOf = (stage: number, input: Uint8Array): CipherWork => {
    const list = keyList(compiled.plan);
    const keys = (compiled.plan.stages[stage]?.keys ?? []).map(
      ({ galois, level }) => all[list.findIndex((key) => key.galois === galois && key.level === level)] ?? input,
    );
    const inDigest = cipherDigest(decodeSheObject(input, nodeHashes), nodeHashes);
    return { inDigest, input, keySetRoot, keyBodies, keys };
  };

  const sessionOf = (final: Hex) =>
    new CipherSession({
      client,
      plan: compiled.plan,
      tolerance: 1e-3,
      finish: compiled.layers.finish,
      finality: { finalDigestOf: async () => final },
      ledger: new MemoryKeyLedger(),
      hashes: nodeHashes,
    });

  it("R39, R41: two stages by three seats each: every seat says one digest, and its holder alone reads the result", async () => {
    const session = sessionOf(ZERO);
    let bytes = await session.encrypt([x]);
    for (const [stage, committee] of seats.entries()) {
      const work = workOf(stage, bytes);
      const answers = await Promise.all(committee.map((seat) => seat.evaluate(work)));
      expect(new Set(answers.map(({ outDigest }) => outDigest)).size).to.equal(1);
      bytes = answers[0]?.output ?? expect.fail("no answer");
    }
    const final = cipherDigest(decodeSheObject(bytes, nodeHashes), nodeHashes);
    const [values = []] = (await sessionOf(final).open(JOB, bytes, 1)).values().reveal();
    const exact = runLayers(compiled.layers, x).at(-1) ?? [];
    for (const [o, y] of exact.entries())
      expect(Math.abs(y - (values[o] ?? NaN)) / compiled.plan.outputScale).to.be.lessThan(1e-3);
  });

  it("R44: a seat's trace leads to the digest that it voted for, by the facts of its manifest", async () => {
    const work = workOf(0, await sessionOf(ZERO).encrypt([x]));
    const [seat = expect.fail("no seat")] = seats[0] ?? [];
    const { outDigest } = await seat.evaluate(work);
    expect(seat.trace(work).commitment(seat.facts).outDigest).to.equal(outDigest);
  }).timeout(20_000);

  it("error: BYTES_REFUSED for whatever is not the job's, and the seat serves on", async () => {
    const [seat = expect.fail("no seat")] = seats[0] ?? [];
    const good = workOf(0, await sessionOf(ZERO).encrypt([x]));
    const { keys } = good;
    const [first = new Uint8Array(0), ...rest] = keys;
    const other = clientFor(compiled);
    const foreign = other.createKey(compiled.plan.stages[0]?.keys[0] ?? { galois: 0, level: 1 });
    const output = (await seat.evaluate(good)).output;
    const cases: Record<string, Partial<CipherWork>> = {
      "another input": { input: await sessionOf(ZERO).encrypt([x]) },
      "an input of another level": workOf(1, output),
      "a key as input": { input: first },
      "an input cut short": { input: good.input.slice(0, -4) },
      nothing: { input: new Uint8Array(0) },
      "another digest": { inDigest: ZERO },
      "another key set": { keySetRoot: ZERO },
      "a body more": { keyBodies: [...keyBodies, ZERO] },
      "bodies in another order": { keyBodies: keyBodies.toReversed() },
      "a key too few": { keys: rest },
      "a key twice": { keys: [first, ...keys] },
      "another client's key": { keys: [foreign, ...rest] },
      "keys in another order": { keys: [...rest, first] },
      "a ciphertext as key": { keys: [good.input, ...rest] },
      "a key cut short": { keys: [first.slice(0, 100), ...rest] },
    };
    for (const [what, change] of Object.entries(cases))
      await expectCode("BYTES_REFUSED", () => seat.evaluate({ ...good, ...change })).catch((error: unknown) =>
        expect.fail(`${what}: ${String(error)}`),
      );
    expect((await seat.evaluate(good)).output).to.deep.equal(output);
  }).timeout(20_000);

  it("error: STAGE_DIFFERS: a seat does not serve a model whose facts are not its plan's and weights'", async () => {
    await expectCode("STAGE_DIFFERS", () => startSeat(0, ZERO));
    await expectCode("STAGE_DIFFERS", () => startSeat(0, kernels[1] ?? ZERO));
    await expectCode("STAGE_DIFFERS", () => startSeat(2, kernels[0] ?? ZERO));
    const [weights = [], ...rest] = compiled.weights;
    const [one, ...others] = weights;
    if (one === undefined) return expect.fail("no weights");
    const coefficients = one.coefficients.slice();
    coefficients[0] = (coefficients[0] ?? 0) + 1;
    const changed = { ...compiled, weights: [[{ ...one, coefficients }, ...others], ...rest] };
    await expectCode("STAGE_DIFFERS", () => startSeat(0, kernels[0] ?? ZERO, changed));
    return undefined;
  });
});
