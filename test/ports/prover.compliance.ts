// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { join } from "node:path";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { FIELD } from "../../offchain/core/poseidon-constants.ts";
import { encodeProof } from "../../offchain/core/zk/proof.ts";
import { bytesOfKey, keyFilesIn, writeKeyFiles, type KeyFiles } from "../../offchain/engines/zk/keys/key-files.ts";
import type { Prover, ProvingKey, WeightsOpening } from "../../offchain/engines/zk/prover/prover.ts";
import { uniformScalar } from "../../offchain/engines/zk/prover/uniform-scalar.ts";
import { developmentSetup } from "../../offchain/engines/zk/setup/development-setup.ts";
import { makeDevelopmentKey } from "../../offchain/engines/zk/setup/make-development-key.ts";
import { elementBytes } from "../../offchain/engines/zk/setup/field-arithmetic.ts";
import { expectCode } from "../support/expect-code.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { finishToy, runToy, toyCircuit, type ToyCircuit } from "../support/toy-circuit.ts";
import { accepts, keyOf, proveToy, publicsOf } from "../support/toy-proof.ts";

const OPTIONS = { memoryMiB: 1024, threads: 2 };
const KINDS = ["public", "private", "one-round"] as const;

/** What every prover promises, whatever it computes with. */
export function proverCompliance(name: string, make: () => Prover): void {
  describe(`${name} as a Prover`, function () {
    this.timeout(240_000);
    const prover = make();
    const circuits = {} as Record<ToyCircuit["kind"], ToyCircuit>;
    const files = {} as Record<ToyCircuit["kind"], KeyFiles>;
    const keys = {} as Record<ToyCircuit["kind"], ProvingKey>;
    let folder = "";

    before(async () => {
      folder = temporaryFolder();
      for (const kind of KINDS) {
        circuits[kind] = toyCircuit(kind, 20);
        files[kind] = await developmentSetup(circuits[kind], folder);
        keys[kind] = await prover.open(files[kind], OPTIONS);
      }
    });
    after(() => Promise.all(Object.values(keys).map((key) => key.close())));

    const openWeights = async (weight = 3n): Promise<WeightsOpening> => {
      const blind = uniformScalar();
      const run = runToy(circuits.private, undefined, weight);
      return { blind, commitment: await keys.private.commitWeights(run.values, blind) };
    };

    it("default: proofs of both backends verify, with and without private weights", async () => {
      for (const kind of KINDS) {
        const run = runToy(circuits[kind]);
        const weights = kind === "private" ? await openWeights() : undefined;
        const proof = await proveToy(keys[kind], circuits[kind], run, weights);
        expect(accepts(keyOf(keys[kind].record), run, proof, weights?.commitment), kind).to.equal(true);
        const other = runToy(
          circuits[kind],
          Array.from({ length: 40 }, () => 1),
        );
        expect(accepts(keyOf(keys[kind].record), other, proof, weights?.commitment), kind).to.equal(false);
      }
    });

    it("behavior: two proofs of one witness share no point: blinds are fresh", async () => {
      const run = runToy(circuits.public);
      const [first, second] = [
        encodeProof(await proveToy(keys.public, circuits.public, run)),
        encodeProof(await proveToy(keys.public, circuits.public, run)),
      ];
      for (let word = 0; word < 10; word++)
        expect(first.subarray(32 * word, 32 * word + 32)).to.not.deep.equal(second.subarray(32 * word, 32 * word + 32));
    });

    it("behavior: values of any width and sign are committed as they are", async () => {
      const { groups, r1cs } = circuits.private;
      const values = new Uint8Array(r1cs.wires * 32);
      values.set(elementBytes(1n), 0);
      const widths = [0n, 1n, 255n, 256n, 65535n, 65536n, 2n ** 32n, 2n ** 64n - 1n, 2n ** 64n, FIELD / 2n];
      const numbers = [...widths, ...widths.slice(1).map((value) => FIELD - value), FIELD - 1n];
      // Σ w·P − Σ w·P over single wires, through the commitment's own linearity.
      const blind = elementBytes(0n);
      for (const number of numbers) {
        values.set(elementBytes(number), groups.weights.from * 32);
        const one = await keys.private.commitWeights(values, blind);
        values.set(elementBytes(number === 0n ? 0n : FIELD - number), groups.weights.from * 32);
        const minus = await keys.private.commitWeights(values, blind);
        expect(one.x, String(number)).to.equal(minus.x);
        if (number !== 0n) expect(one.y).to.not.equal(minus.y);
      }
    });

    it("behavior: one C_w serves many proofs; other weights under it prove nothing; retrained ones need no new key", async () => {
      const [weights, retrained] = [await openWeights(), await openWeights(2n)];
      expect(retrained.commitment).to.not.deep.equal(weights.commitment);
      const run = runToy(circuits.private);
      const other = runToy(circuits.private, undefined, 2n);
      const key = keyOf(keys.private.record);
      for (let i = 0; i < 2; i++) {
        const proof = await proveToy(keys.private, circuits.private, run, weights);
        expect(accepts(key, run, proof, weights.commitment)).to.equal(true);
      }
      const proof = await proveToy(keys.private, circuits.private, other, retrained);
      expect(accepts(key, other, proof, retrained.commitment)).to.equal(true);
      await expectCode("WITNESS_WRONG", () => proveToy(keys.private, circuits.private, other, weights));
    });

    it("error: WITNESS_WRONG for every kind of lie, never a proof", async () => {
      const circuit = circuits.public;
      const key = keyOf(keys.public.record);
      const run = runToy(circuit);
      const { round1, round2 } = circuit.groups;
      const wires = { "input after the commitment": round1.from, output: round1.from + 40, inverse: round2.from };
      for (const [what, wire] of Object.entries(wires)) {
        const commitment = await keys.public.commit(run.values);
        const values = finishToy(circuit, run, publicsOf(key, run, commitment.c1));
        values.set(elementBytes(77n), wire * 32);
        await expectCode("WITNESS_WRONG", () => keys.public.finish(commitment, values)).catch((error: unknown) => {
          throw new Error(what, { cause: error });
        });
      }
      // A whole consistent witness, but of another input than was committed.
      const other = runToy(
        circuit,
        Array.from({ length: 40 }, (_, i) => i % 5),
      );
      const commitment = await keys.public.commit(run.values);
      const values = finishToy(circuit, other, publicsOf(key, other, commitment.c1));
      await expectCode("WITNESS_WRONG", () => keys.public.finish(commitment, values));
    });

    it("error: COMMITMENT_SPENT for a second use, a failed first use, another key's and a discarded commitment", async () => {
      const circuit = circuits.public;
      const run = runToy(circuit);
      const full = (c1: { x: bigint; y: bigint }) =>
        finishToy(circuit, run, publicsOf(keyOf(keys.public.record), run, c1));
      const used = await keys.public.commit(run.values);
      await keys.public.finish(used, full(used.c1));
      await expectCode("COMMITMENT_SPENT", () => keys.public.finish(used, full(used.c1)));
      const failed = await keys.public.commit(run.values);
      const wrong = full(failed.c1);
      wrong.set(elementBytes(5n), 32);
      await expectCode("WITNESS_WRONG", () => keys.public.finish(failed, wrong));
      await expectCode("COMMITMENT_SPENT", () => keys.public.finish(failed, full(failed.c1)));
      await expectCode("COMMITMENT_SPENT", () => keys.public.finish({ c1: used.c1 }, full(used.c1)));
      const dropped = await keys.public.commit(run.values);
      keys.public.discard(dropped);
      await expectCode("COMMITMENT_SPENT", () => keys.public.finish(dropped, full(dropped.c1)));
    });

    it("error: WITNESS_MALFORMED before anything is computed", async () => {
      const { values } = runToy(circuits.public);
      const changed = (wire: number, value: bigint): Uint8Array => {
        const copy = values.slice();
        copy.set(elementBytes(value), wire * 32);
        return copy;
      };
      for (const bad of [values.slice(32), new Uint8Array(), changed(0, 2n), changed(0, 0n), changed(9, FIELD)])
        await expectCode("WITNESS_MALFORMED", () => keys.public.commit(bad));
      await expectCode("WITNESS_MALFORMED", () => keys.public.commitWeights(values, uniformScalar()));
      const hidden = runToy(circuits.private).values;
      for (const blind of [elementBytes(FIELD), new Uint8Array(31)])
        await expectCode("WITNESS_MALFORMED", () => keys.private.commitWeights(hidden, blind));
      const commitment = await keys.private.commit(hidden);
      await expectCode("WITNESS_MALFORMED", () => keys.private.finish(commitment, hidden));
      const plain = await keys.public.commit(values);
      const weights = { blind: uniformScalar(), commitment: { x: 1n, y: 2n } };
      await expectCode("WITNESS_MALFORMED", () => keys.public.finish(plain, values, { weights }));
      keys.private.discard(commitment);
      keys.public.discard(plain);
    });

    it("error: KEY_UNSOUND, ZKEY_MALFORMED, GROUPS_MALFORMED, KEY_MALFORMED, CIRCUIT_TOO_LARGE when a key is opened", async () => {
      const broken = async (change: (target: KeyFiles) => Promise<void>): Promise<KeyFiles> => {
        const target = keyFilesIn(join(temporaryFolder(), "key"));
        await mkdir(join(target.zkey, ".."), { recursive: true });
        for (const part of ["zkey", "groups", "record"] as const) await copyFile(files.public[part], target[part]);
        await change(target);
        return target;
      };
      const flip = async (path: string, at: number): Promise<void> => {
        const bytes = await readFile(path);
        bytes[at < 0 ? bytes.length + at : at] = (bytes[at < 0 ? bytes.length + at : at] ?? 0) ^ 1;
        await writeFile(path, bytes);
      };
      const cut = async (path: string): Promise<void> => writeFile(path, (await readFile(path)).subarray(0, -1));
      const cases: readonly [string, (target: KeyFiles) => Promise<void>][] = [
        ["ZKEY_MALFORMED", ({ zkey }) => flip(zkey, 0)],
        ["ZKEY_MALFORMED", ({ zkey }) => cut(zkey)],
        ["GROUPS_MALFORMED", ({ groups }) => flip(groups, 4)],
        ["GROUPS_MALFORMED", ({ groups }) => cut(groups)],
        ["KEY_MALFORMED", ({ record }) => cut(record)],
        ["KEY_UNSOUND", ({ groups }) => flip(groups, -1)],
        ["KEY_UNSOUND", ({ record }) => writeFile(record, "").then(() => copyFile(files.private.record, record))],
      ];
      for (const [code, change] of cases)
        await expectCode(code, async () => prover.open(await broken(change), OPTIONS));
      const unstripped = join(temporaryFolder(), "unstripped");
      const { record, ...parts } = await makeDevelopmentKey(circuits.public, { threads: 1, unstripped: true });
      await writeKeyFiles(unstripped, bytesOfKey(record, parts));
      await expectCode("KEY_UNSOUND", () => prover.open(keyFilesIn(unstripped), OPTIONS));
      await expectCode("KEY_UNSOUND", () => prover.open(keyFilesIn(join(folder, "nowhere")), OPTIONS));
      await expectCode("CIRCUIT_TOO_LARGE", () => prover.open(files.public, { memoryMiB: 0, threads: 1 }));
    });

    it("behavior: an abort ends waiting and running work with its reason; the key goes on", async () => {
      const run = runToy(circuits.public);
      const reason = new Error("enough");
      const isReason = (error: unknown) => expect(error).to.equal(reason);
      const early = AbortSignal.abort(reason);
      await keys.public.commit(run.values, { signal: early }).then(() => expect.fail("went on"), isReason);
      const commitment = await keys.public.commit(run.values);
      const values = finishToy(circuits.public, run, publicsOf(keyOf(keys.public.record), run, commitment.c1));
      const controller = new AbortController();
      const steps: string[] = [];
      const running = keys.public.finish(commitment, values, {
        signal: controller.signal,
        onProgress: (step) => {
          steps.push(step);
          controller.abort(reason);
        },
      });
      // Waits its turn behind the one that is aborted.
      const next = proveToy(keys.public, circuits.public, run);
      await running.then(() => expect.fail("went on"), isReason);
      expect(steps).to.have.length.greaterThan(0);
      expect(accepts(keyOf(keys.public.record), run, await next)).to.equal(true);
    });

    it("error: PROVER_CLOSED for work under way and after", async () => {
      const key = await prover.open(files.public, OPTIONS);
      const run = runToy(circuits.public);
      const commitment = await key.commit(run.values);
      const values = finishToy(circuits.public, run, publicsOf(keyOf(key.record), run, commitment.c1));
      const running = expectCode("PROVER_CLOSED", () => key.finish(commitment, values));
      const waiting = expectCode("PROVER_CLOSED", () => key.commit(run.values));
      await key.close();
      await Promise.all([running, waiting]);
      await expectCode("PROVER_CLOSED", () => key.commit(run.values));
      await key.close();
    });
  });
}
