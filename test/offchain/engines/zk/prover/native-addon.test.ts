// SPDX-License-Identifier: GPL-3.0-or-later
// What JavaScript may pass to the addon, and what it may not: nothing makes it read or write elsewhere.
import { expect } from "chai";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { FIELD_Q } from "../../../../../offchain/core/zk/field.ts";
import type { KeyFiles } from "../../../../../offchain/engines/zk/keys/key-files.ts";
import type {
  NativeAddon,
  NativeKernels,
  NativeSession,
} from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { developmentSetup } from "../../../../../offchain/engines/zk/setup/development-setup.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { nativeAddon, nativeMissing, nativeThreads } from "../../../../support/native-addon.ts";
import { Prng } from "../../../../support/prng.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { runToy, toyCircuit } from "../../../../support/toy-circuit.ts";

const ROUNDS = process.env["ASSAY_DEEP"] === "1" || process.env["CI"] === "true" ? 200_000 : 15_000;
/** The most arguments that a function takes. */
const MOST = 11;

type Anything = (...values: unknown[]) => unknown;

const detached = (): Uint8Array => {
  const bytes = new Uint8Array(64);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
};

describe("the native addon", function () {
  this.timeout(600_000);
  const circuit = toyCircuit("private", 2);
  const generator = new Uint8Array([...elementBytes((1n << 256n) % FIELD_Q), ...elementBytes((1n << 257n) % FIELD_Q)]);
  let addon: NativeAddon;
  let kernels: NativeKernels;
  let files: KeyFiles;

  before(async function () {
    if (nativeMissing !== "") return this.skip(); // nothing was built on this machine
    addon = nativeAddon();
    kernels = addon.openKernels("portable", 1);
    files = await developmentSetup(circuit, temporaryFolder());
  });

  const withSession = async <T>(use: (session: NativeSession) => Promise<T>): Promise<T> => {
    const session = addon.openSession("portable", 1);
    try {
      return await use(session);
    } finally {
      await addon.closeSession(session);
    }
  };

  it("error: ARGUMENT for numbers, names and lengths that are not in range", async () => {
    const [one, zero] = [elementBytes(1n), new Uint8Array(32)];
    const words = (...values: number[]) => Uint32Array.from(values);
    const none = [words(0, 0, 0), words(), words()] as const;
    const bad: readonly (() => unknown)[] = [
      () => addon.openSession("sse" as "adx", 1),
      () => addon.openSession("portable", 0),
      () => addon.openSession("portable", 1.5),
      () => addon.openSession("portable", Number.NaN),
      () => addon.openSession("portable", 1e9),
      () => addon.openKernels("portable\0" as "portable", 1),
      () => addon.field(kernels, "base", "power" as "add", one, one),
      () => addon.field(kernels, "other" as "base", "add", one, one),
      () => addon.field(kernels, "base", "add", one),
      () => addon.field(kernels, "base", "add", one, new Uint8Array(64)),
      () => addon.field(kernels, "base", "negate", new Uint8Array(31)),
      () => addon.field(kernels, "base", "negate", elementBytes(FIELD_Q)),
      () => addon.field(kernels, "scalar", "negate", elementBytes(FIELD)),
      () => addon.field(kernels, "scalar", "negate", new Uint8Array(32).fill(255)),
      () => addon.field(kernels, "scalar", "negate", new Uint32Array(8) as unknown as Uint8Array),
      () => addon.field(kernels, "scalar", "negate", [...zero] as unknown as Uint8Array),
      () => addon.firstBadPoint(kernels, "g3" as "g1", generator),
      () => addon.firstBadPoint(kernels, "g2", generator),
      () => addon.sum(kernels, "g1", generator, new Uint8Array(64)),
      () => addon.sum(kernels, "g1", generator, elementBytes(FIELD)),
      () => addon.sum(kernels, "g1", generator.slice().fill(1, 0, 1), one),
      () => addon.sum(kernels, "g1", generator, one, words(1)),
      () => addon.sum(kernels, "g1", generator, one, words(0), words(1)),
      () => addon.sum(kernels, "g1", generator, one, words(0, 0), words(0)),
      () => addon.sum(kernels, "g1", generator, one, words(0, 0)),
      () => addon.sum(kernels, "g1", generator, one, undefined, words(0, 0)),
      () => addon.multiplyBase(kernels, "g1", new Uint8Array(128), one),
      () => addon.multiplyBase(kernels, "g1", generator, elementBytes(FIELD)),
      () => addon.addMultiple(kernels, "g1", generator, generator, new Uint8Array(64)),
      () => addon.quotient(kernels, 0, ...none, ...none, zero, zero),
      () => addon.quotient(kernels, 28, ...none, ...none, zero, zero),
      () => addon.quotient(kernels, 1, words(0, 0), words(), words(), ...none, zero, zero),
      () => addon.quotient(kernels, 1, words(0, 0, 1), words(), words(), ...none, zero, zero),
      () => addon.quotient(kernels, 1, words(1, 0, 0), words(), words(), ...none, zero, zero),
      () => addon.quotient(kernels, 1, words(0, 2, 1), words(0), words(0), ...none, zero, zero),
      () => addon.quotient(kernels, 1, words(0, 1, 1), words(1), words(0), ...none, zero, zero),
      () => addon.quotient(kernels, 1, words(0, 1, 1), words(0), words(1), ...none, zero, zero),
      () => addon.quotient(kernels, 1, words(0, 1, 1), words(0), words(), ...none, zero, zero),
      () => addon.pairsToOne(kernels, generator, new Uint8Array(256)),
      () => addon.pairsToOne(kernels, generator, new Uint8Array(128).fill(1)),
      () => addon.inSubgroup(kernels, generator),
      () => addon.field({} as NativeKernels, "base", "negate", one),
      () => addon.cancelSession(kernels as unknown as NativeSession),
      () => addon.cancelSession(Object.create(kernels) as NativeSession),
      () => addon.closeSession(null as unknown as NativeSession),
    ];
    for (const [i, call] of bad.entries())
      await expectCode("ARGUMENT", call).catch((error: unknown) => {
        throw new Error(`call ${i}: ${String(call)}`, { cause: error });
      });
  });

  it("error: ARGUMENT for a session without a key, a second key, or what is no scalar of 32 bytes", () =>
    withSession(async (session) => {
      const { values } = runToy(circuit);
      await expectCode("ARGUMENT", () => addon.commit(session, values));
      await expectCode("KEY_UNSOUND", () => addon.openKey(session, "no such file", "no such file", 2 ** 30));
      await expectCode("ARGUMENT", () => addon.openKey(session, files.zkey, files.groups, 2 ** 30));
      await withSession(async (other) => {
        await addon.openKey(other, files.zkey, files.groups, 2 ** 30);
        await expectCode("ARGUMENT", () => addon.commitWeights(other, values, new Uint8Array(31)));
        await expectCode("WITNESS_MALFORMED", () => addon.commitWeights(other, values, elementBytes(FIELD)));
        await expectCode("WITNESS_MALFORMED", () => addon.commit(other, values.subarray(1)));
        await expectCode("WITNESS_MALFORMED", () => addon.commit(other, detached()));
        const point = new Uint8Array(64);
        await expectCode("ARGUMENT", () => addon.finish(other, 1, values, point.subarray(1), new Uint8Array(32)));
        await expectCode("ARGUMENT", () => addon.finish(other, 1, values, point, undefined));
        await expectCode("ARGUMENT", () => addon.finish(other, -1, values, undefined, undefined));
        await expectCode("COMMITMENT_SPENT", () => addon.finish(other, 1, values, undefined, undefined));
        // Only of keys that commit to nothing.
        await expectCode("COMMITMENT_SPENT", () => addon.finish(other, 0, values, undefined, undefined));
        addon.discard(other, 1);
        await expectCode("ARGUMENT", () => addon.commit(other, values, 1 as unknown as () => void));
        expect((await addon.commit(other, values)).number).to.equal(1);
      });
    }));

  it("error: PROVER_CLOSED after and while a session closes; closing again is harmless", async () => {
    const session = addon.openSession("portable", 2);
    const { values } = runToy(circuit);
    await addon.openKey(session, files.zkey, files.groups, 2 ** 30);
    const under = [1, 2, 3].map(() => expectCode("PROVER_CLOSED", () => addon.commit(session, values)));
    const closing = [addon.closeSession(session), addon.closeSession(session)];
    await expectCode("PROVER_CLOSED", () => addon.commit(session, values));
    await Promise.all([...under, ...closing]);
    await addon.closeSession(session);
    addon.cancelSession(session);
    addon.discard(session, 1);
    await expectCode("PROVER_CLOSED", () => addon.commit(session, values));
    expect(nativeThreads()).to.equal(0);
  });

  it("error: PROVER_CLOSED for a key that was opening meanwhile", async () => {
    for (let i = 0; i < 20; i++) {
      const session = addon.openSession("portable", 1 + (i % 3));
      const opening = addon.openKey(session, files.zkey, files.groups, 2 ** 30).then(
        () => "opened",
        (error: Error & { code?: string }) => error.code,
      );
      if (i % 2 === 1) await new Promise((resolve) => void setTimeout(resolve, i / 4));
      await addon.closeSession(session);
      expect(await opening).to.be.oneOf(["PROVER_CLOSED", ...(i % 2 === 1 ? ["opened"] : [])]);
    }
    expect(nativeThreads()).to.equal(0);
  });

  it("behavior: what was passed may change or go at once: it was copied", () =>
    withSession(async (session) => {
      await addon.openKey(session, files.zkey, files.groups, 2 ** 30);
      const { values } = runToy(circuit);
      const blind = elementBytes(5n);
      const want = await addon.commitWeights(session, values, blind);
      const [passed, passedBlind] = [values.slice(), blind.slice()];
      const running = addon.commitWeights(session, passed, passedBlind);
      passedBlind.fill(255);
      structuredClone(passed.buffer, { transfer: [passed.buffer] });
      expect(await running).to.deep.equal(want);
      const shared = new Uint8Array(new SharedArrayBuffer(values.length + 8)).subarray(3, 3 + values.length);
      shared.set(values);
      expect(await addon.commitWeights(session, shared, blind)).to.deep.equal(want);
    }));

  it(`property: ${ROUNDS} calls with anything at all end in an answer or an error`, async () => {
    const prng = new Prng(7);
    const pick = <T>(from: readonly T[]): T => from[prng.int(0, from.length - 1)] as T;
    const functions = Object.entries(addon).filter(([, value]) => typeof value === "function") as [string, Anything][];
    expect(functions.length).to.be.greaterThan(15);
    const sessions = [addon.openSession("portable", 1), addon.openSession("portable", 3)];
    const [first] = sessions as [NativeSession];
    await addon.openKey(first, files.zkey, files.groups, 2 ** 30);
    const { values } = runToy(circuit);
    const fixed: readonly unknown[] = [
      undefined,
      null,
      true,
      false,
      0,
      -0,
      1,
      2,
      3,
      -1,
      1.5,
      27,
      2 ** 32,
      2 ** 53,
      1e300,
      Number.NaN,
      Infinity,
      5n,
      Symbol("x"),
      "",
      "g1",
      "g2",
      "base",
      "scalar",
      "add",
      "multiply",
      "invert",
      "toMontgomery",
      "portable",
      "\0",
      "é".repeat(3000),
      files.zkey,
      files.groups,
      {},
      [],
      [1, 2],
      new Map(),
      () => {},
      () => "x",
      new Proxy({}, {}),
      Object.freeze({}),
      new Date(0),
      new Uint8Array(),
      new Uint8Array(1),
      elementBytes(1n),
      elementBytes(FIELD - 1n),
      elementBytes(FIELD),
      new Uint8Array(32).fill(255),
      generator,
      new Uint8Array(64),
      new Uint8Array(128),
      new Uint8Array(192),
      new Uint8Array(256),
      values,
      values.subarray(32),
      Buffer.from(values),
      detached(),
      new Uint8Array(new SharedArrayBuffer(64)),
      new Uint8ClampedArray(32),
      new Int8Array(32),
      new Float64Array(4),
      new DataView(new ArrayBuffer(8)),
      new Uint32Array(),
      Uint32Array.of(0),
      Uint32Array.of(0, 0, 0),
      Uint32Array.of(0, 1, 1),
      Uint32Array.of(0, 0xffffffff),
      new Uint32Array(5),
      kernels,
      ...sessions,
      ...sessions,
      kernels,
    ];
    let [answers, errors] = [0, 0];
    const waiting: Promise<unknown>[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [name, call] = pick(functions);
      // Closed, they would refuse all that follows.
      if (name === "closeSession") continue;
      const leads =
        name === "openSession" || name === "openKernels"
          ? ["portable", 1 + prng.int(0, 2 - 1)]
          : [pick([kernels, ...sessions])];
      const count = prng.int(0, MOST - 1);
      const args = [...(prng.int(0, 8 - 1) === 0 ? [] : leads), ...Array.from({ length: count }, () => pick(fixed))];
      try {
        const result = call(...args);
        answers++;
        if (result instanceof Promise) waiting.push(result.catch(() => errors++));
      } catch (error) {
        errors++;
        expect(error, `${name}: ${String(error)}`).to.have.property("code");
      }
      if (waiting.length > 50) await Promise.all(waiting.splice(0));
    }
    await Promise.all(waiting);
    expect(answers).to.be.greaterThan(ROUNDS / 100);
    expect(errors).to.be.greaterThan(ROUNDS / 4);
    await Promise.all(sessions.map((session) => addon.closeSession(session)));
  });
});
