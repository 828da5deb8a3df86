// SPDX-License-Identifier: GPL-3.0-or-later
// Proofs of the native prover against verifiers that share no code with it, on every instruction set.
import { expect } from "chai";
import { groth16, zKey } from "snarkjs";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import type { NativeAddon, NativePath, NativeSession } from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { uniformScalar } from "../../../../../offchain/engines/zk/prover/uniform-scalar.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { finishToy, runToy, toyCircuit } from "../../../../support/toy-circuit.ts";
import { holds, makeNatively, openFiles, proveAll, publicsOf, writeKey, type OpenKey } from "./native-key.ts";
import { randomCircuit, type RandomCircuit } from "./random-circuit.ts";
import { nativeOrReason, randomBigints } from "./reference.ts";

const DEEP = process.env["ASSAY_DEEP"] === "1";
const MIB = 1 << 20;
const native = nativeOrReason();

describe("native proofs", function () {
  this.timeout(DEEP ? 1_200_000 : 240_000);
  let addon: NativeAddon;
  let setup: NativeSession;

  before(function () {
    if (native.addon === undefined) {
      console.warn(`      skipped: the native prover is not here: ${native.reason}`);
      this.skip(); // nothing was built on this machine
    }
    addon = native.addon;
    setup = addon.openSession(addon.paths()[0] ?? "portable", 2);
  });
  after(async () => {
    if (native.addon !== undefined) await addon.closeSession(setup);
  });

  const paths = native.addon?.paths() ?? ["portable" as const];
  const open = async (path: NativePath, circuit: RandomCircuit, threads = 2): Promise<OpenKey> =>
    openFiles(addon, path, writeKey(await makeNatively(addon, setup, circuit)), { threads });

  for (const path of paths) {
    it(`default: ${path}: random circuits of every backend prove, and the proofs are of their public inputs alone`, async () => {
      for (let seed = 1; seed <= (DEEP ? 150 : 12); seed++) {
        const kind = (["one-round", "two-round", "weights"] as const)[seed % 3] ?? "weights";
        // Domains from 2^1 on, some filled to the last row.
        const rows = seed < 4 ? seed - 1 : seed % 5 === 0 ? 64 - 4 : 5 * seed;
        const circuit = randomCircuit(seed, { kind, rows });
        const key = await open(path, circuit, 1 + (seed % 3));
        const inputs = publicsOf(circuit.values, key);
        const proof = await proveAll(addon, key, circuit.values);
        expect(holds(circuit, key, proof, inputs), `seed ${seed}`).to.equal(true);
        const [first = 0n, ...rest] = inputs;
        expect(holds(circuit, key, proof, [(first + 1n) % FIELD, ...rest]), `seed ${seed}`).to.equal(false);
        await addon.closeSession(key.session);
      }
    });

    it(`behavior: ${path}: a witness with any one wire changed proves nothing`, async () => {
      const circuit = toyCircuit("private", 2);
      const run = runToy(circuit);
      const [c, rho] = [12345n ** 9n, 777n ** 11n];
      const v = run.words.slice(1).reduce((sum, word) => (sum * rho + word) % FIELD, run.words[0] ?? 0n);
      const values = finishToy(circuit, run, [v, c, rho]);
      const key = await open(path, { ...circuit, values });
      expect(holds(circuit, key, await proveAll(addon, key, values), [v, c, rho])).to.equal(true);
      const random = randomBigints(11);
      for (let wire = 1; wire < circuit.r1cs.wires; wire++) {
        const bad = values.slice();
        bad.set(elementBytes(random(FIELD)), 32 * wire);
        await expectCode("WITNESS_WRONG", () => proveAll(addon, key, bad));
      }
      await addon.closeSession(key.session);
    });
  }

  it("behavior: snarkjs accepts what every instruction set proves of a one-round circuit", async () => {
    const circuit = randomCircuit(42, { kind: "one-round", rows: 50 });
    const files = writeKey(await makeNatively(addon, setup, circuit));
    const stock = await zKey.exportVerificationKey(files.zkey);
    const text = ({ x, y }: { x: bigint; y: bigint }): [string, string, string] => [String(x), String(y), "1"];
    const pair = ([c0, c1]: readonly [bigint, bigint]): [string, string] => [String(c0), String(c1)];
    for (const path of paths) {
      const key = await openFiles(addon, path, files);
      const { proof } = await proveAll(addon, key, circuit.values);
      const signals = publicsOf(circuit.values, key).map(String);
      const shape = { pi_a: text(proof.a), pi_b: [pair(proof.b.x), pair(proof.b.y), ["1", "0"]], pi_c: text(proof.c2) };
      const { pi_a, pi_b, pi_c } = shape as { pi_a: string[]; pi_b: string[][]; pi_c: string[] };
      const accepted = await groth16.verify(stock, signals, {
        pi_a,
        pi_b,
        pi_c,
        protocol: "groth16",
        curve: "bn128",
      } as never);
      expect(accepted, path).to.equal(true);
      await addon.closeSession(key.session);
    }
  });

  it("error: WITNESS_MALFORMED for a value of r, a wrong length, a first value that is not 1, openings that do not fit", async () => {
    const circuit = randomCircuit(4, { kind: "weights", rows: 9 });
    const key = await open(paths[0] ?? "portable", circuit);
    const { values } = circuit;
    const changed = (wire: number, value: bigint): Uint8Array => {
      const copy = values.slice();
      copy.set(elementBytes(value), 32 * wire);
      return copy;
    };
    const wires = values.length / 32;
    const blind = uniformScalar();
    const bad = [
      changed(0, 0n),
      changed(0, 2n),
      changed(0, FIELD + 1n),
      changed(wires - 1, FIELD),
      changed(5, 2n ** 256n - 1n),
    ];
    for (const witness of [
      values.slice(0, -1),
      values.slice(32),
      Uint8Array.from([...values, 0]),
      new Uint8Array(),
      ...bad,
    ]) {
      await expectCode("WITNESS_MALFORMED", async () => addon.commit(key.session, witness));
      await expectCode("WITNESS_MALFORMED", async () => addon.commitWeights(key.session, witness, blind));
      const { number } = await addon.commit(key.session, values);
      const point = await addon.commitWeights(key.session, values, blind);
      await expectCode("WITNESS_MALFORMED", async () => addon.finish(key.session, number, witness, point, blind));
    }
    await expectCode("WITNESS_MALFORMED", () => addon.commitWeights(key.session, values, elementBytes(FIELD)));
    const { number } = await addon.commit(key.session, values);
    await expectCode("WITNESS_MALFORMED", () => addon.finish(key.session, number, values, undefined, undefined));
    const other = randomCircuit(5, { kind: "two-round", rows: 9 });
    const plain = await open(paths[0] ?? "portable", other);
    await expectCode("WITNESS_MALFORMED", () => addon.commitWeights(plain.session, other.values, blind));
    const point = await addon.commitWeights(key.session, values, blind);
    const second = await addon.commit(plain.session, other.values);
    await expectCode("WITNESS_MALFORMED", () => addon.finish(plain.session, second.number, other.values, point, blind));
    await Promise.all([key, plain].map(({ session }) => addon.closeSession(session)));
  });

  it("error: WITNESS_WRONG for a weights' commitment that is off the curve, another's, or under another blind", async () => {
    const circuit = randomCircuit(7, { kind: "weights", rows: 20 });
    const key = await open(paths[0] ?? "portable", circuit);
    const { values } = circuit;
    const blind = uniformScalar();
    const point = await addon.commitWeights(key.session, values, blind);
    const finish = async (commitment: Uint8Array, opened: Uint8Array): Promise<unknown> => {
      const { number } = await addon.commit(key.session, values);
      return addon.finish(key.session, number, values, commitment, opened);
    };
    await finish(point, blind);
    const off = point.slice();
    off[3] = (off[3] ?? 0) ^ 1;
    for (const commitment of [
      off,
      new Uint8Array(64).fill(255),
      new Uint8Array(64),
      (await addon.commit(key.session, values)).point,
    ])
      await expectCode("WITNESS_WRONG", () => finish(commitment, blind));
    await expectCode("WITNESS_WRONG", () => finish(point, uniformScalar()));
    await addon.closeSession(key.session);
  });

  it("behavior: provers in one process work at once, each on its own key", async () => {
    const circuits = paths.flatMap((path, i) =>
      [0, 1].map((n) => ({
        path,
        circuit: randomCircuit(100 + 2 * i + n, { kind: n === 0 ? "weights" : "two-round", rows: 300 }),
      })),
    );
    const keys = await Promise.all(circuits.map(({ path, circuit }) => open(path, circuit)));
    const proofs = await Promise.all(
      circuits.flatMap(({ circuit }, i) => [0, 1].map(() => proveAll(addon, keys[i] as OpenKey, circuit.values))),
    );
    for (const [i, proof] of proofs.entries()) {
      const key = keys[i >> 1] as OpenKey;
      const { circuit } = circuits[i >> 1] as (typeof circuits)[number];
      expect(holds(circuit, key, proof, publicsOf(circuit.values, key))).to.equal(true);
    }
    await Promise.all(keys.map(({ session }) => addon.closeSession(session)));
  });

  it("behavior: cancelled at any moment the work rejects or was done; the next proof holds", async () => {
    const circuit = randomCircuit(8, { kind: "weights", rows: 1500 });
    const key = await open(paths[0] ?? "portable", circuit);
    const started = performance.now();
    const inputs = publicsOf(circuit.values, key);
    expect(holds(circuit, key, await proveAll(addon, key, circuit.values), inputs)).to.equal(true);
    const longest = performance.now() - started;
    let cancelled = 0;
    for (let i = 0; i < (DEEP ? 300 : 30); i++) {
      const running = proveAll(addon, key, circuit.values).then(
        () => false,
        (error: unknown) => {
          expect((error as { code?: string }).code).to.equal("CANCELLED");
          return true;
        },
      );
      await new Promise((resolve) => setTimeout(resolve, ((i % 10) / 10) * longest));
      addon.cancelSession(key.session);
      if (await running) cancelled++;
    }
    expect(cancelled).to.be.greaterThan(0);
    expect(holds(circuit, key, await proveAll(addon, key, circuit.values), inputs)).to.equal(true);
    await addon.closeSession(key.session);
  });

  it(`behavior: ${DEEP ? 1000 : 100} proofs, opened and closed keys among them, leave the process as large as it was`, async () => {
    const circuit = randomCircuit(9, { kind: "weights", rows: 2000 });
    const files = writeKey(await makeNatively(addon, setup, circuit));
    const count = DEEP ? 1000 : 100;
    let before = 0;
    let key = await openFiles(addon, paths[0] ?? "portable", files);
    for (let i = 0; i < count; i++) {
      if (i === count / 5) before = process.memoryUsage().rss;
      await proveAll(addon, key, circuit.values);
      if (i % 10 !== 9) continue;
      await addon.closeSession(key.session);
      key = await openFiles(addon, paths[0] ?? "portable", files);
    }
    await addon.closeSession(key.session);
    // A lost witness would be 64 KiB a proof, a lost key over 1 MiB for each tenth.
    const grown = (process.memoryUsage().rss - before) / MIB;
    expect(grown, `MiB after ${count} proofs`).to.be.lessThan(((count * 4) / 5 / 1000) * 64 + 8);
  });
});
