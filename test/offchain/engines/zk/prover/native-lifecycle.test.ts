// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KeyFiles } from "../../../../../offchain/engines/zk/keys/key-files.ts";
import { NativeProver } from "../../../../../offchain/engines/zk/prover/native-prover.ts";
import type { ProvingKey } from "../../../../../offchain/engines/zk/prover/prover.ts";
import { developmentSetup } from "../../../../../offchain/engines/zk/setup/development-setup.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { nativeAddon, nativeMissing, nativePaths, nativeThreads } from "../../../../support/native-addon.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { runToy, toyCircuit, type ToyCircuit } from "../../../../support/toy-circuit.ts";
import { accepts, keyOf, proveToy } from "../../../../support/toy-proof.ts";

const DEEP = process.env["ASSAY_DEEP"] === "1" || process.env["CI"] === "true";
const PROOFS = DEEP ? 1000 : 80;
const OPTIONS = { memoryMiB: 2048, threads: 2 };
const MIB = 1 << 20;
const CHILD = fileURLToPath(new URL("../../../../support/native-child.ts", import.meta.url));

/** A witness that satisfies nothing, of full-width values: proving with it takes all the work there is. */
function anyWitness({ r1cs }: ToyCircuit): Uint8Array {
  const values = new Uint8Array(randomBytes(r1cs.wires * 32));
  for (let wire = 0; wire < r1cs.wires; wire++) values[wire * 32 + 31] = (values[wire * 32 + 31] ?? 0) & 0x1f;
  values.fill(0, 0, 32);
  values[0] = 1;
  return values;
}

describe("NativeProver's life", function () {
  this.timeout(DEEP ? 600_000 : 120_000);
  const small = toyCircuit("public", 10);
  const large = toyCircuit("public", 1500);
  let folder = "";
  const files = {} as { small: KeyFiles; large: KeyFiles };

  before(async function () {
    if (nativeMissing !== "") return this.skip(); // nothing was built on this machine
    folder = temporaryFolder();
    files.small = await developmentSetup(small, folder);
    files.large = await developmentSetup(large, folder);
  });

  const open = (which: keyof typeof files, path = nativePaths[0]): Promise<ProvingKey> =>
    new NativeProver(nativeAddon(), path).open(files[which], OPTIONS);

  it("behavior: provers in one process prove at once, on one key and on several, each on its own instruction set", async () => {
    const keys = await Promise.all([...nativePaths, ...nativePaths].map((path) => open("small", path)));
    const run = runToy(small);
    const proofs = await Promise.all([0, 1, 2].flatMap(() => keys.map((key) => proveToy(key, small, run))));
    const key = keyOf((keys[0] as ProvingKey).record);
    for (const proof of proofs) expect(accepts(key, run, proof)).to.equal(true);
    await Promise.all(keys.map((one) => one.close()));
  });

  it("behavior: a commitment of one key is nothing to another", async () => {
    const [one, other] = [await open("small"), await open("small")];
    const { values } = runToy(small);
    const commitment = await one.commit(values);
    await expectCode("COMMITMENT_SPENT", () => other.finish(commitment, values));
    await Promise.all([one.close(), other.close()]);
  });

  it("behavior: cancelled under load at any moment, work rejects with its reason, and the rest goes on", async () => {
    const [busy, key] = [await open("large"), await open("small")];
    const values = anyWitness(large);
    const run = runToy(small);
    const verifying = keyOf(key.record);
    const reason = new Error("enough");
    for (let round = 0; round < (DEEP ? 60 : 15); round++) {
      const controller = new AbortController();
      const job = { signal: controller.signal };
      const attempts = [busy.commit(values, job), busy.commit(values, job), key.commit(run.values, job)];
      const finished = busy.commit(values).then((commitment) => busy.finish(commitment, values, job));
      const unaffected = proveToy(key, small, run);
      setTimeout(() => controller.abort(reason), round % 20);
      const ends = await Promise.all([...attempts, finished].map((work) => work.catch((error: unknown) => error)));
      for (const end of ends.slice(0, 3))
        if (end instanceof Error) expect(end).to.equal(reason);
        else key.discard(end as Awaited<(typeof attempts)[0]>);
      const last = ends[3] as Error & { code?: string };
      if (last !== reason) expect(last.code).to.equal("WITNESS_WRONG");
      expect(accepts(verifying, run, await unaffected)).to.equal(true);
    }
    await Promise.all([busy.close(), key.close()]);
  });

  it("behavior: an abort is obeyed in a fraction of the proof's time", async () => {
    const key = await open("large");
    const values = anyWitness(large);
    const commitment = await key.commit(values);
    const started = performance.now();
    await expectCode("WITNESS_WRONG", () => key.finish(commitment, values));
    const proofMs = performance.now() - started;
    const controller = new AbortController();
    let abortedAt = 0;
    const running = key.finish(await key.commit(values), values, {
      signal: controller.signal,
      onProgress: (step) => {
        if (step !== "constraints") return;
        abortedAt = performance.now();
        controller.abort(new Error("enough"));
      },
    });
    await running.then(
      () => expect.fail("went on"),
      () => undefined,
    );
    expect(performance.now() - abortedAt).to.be.lessThan(Math.max(50, proofMs));
    await key.close();
  });

  it(`behavior: ${PROOFS} proofs leave threads and memory as they were`, async () => {
    const key = await open("small");
    const run = runToy(small);
    const warmUp = Math.floor(PROOFS / 4);
    let warm = 0;
    for (let i = 0; i < PROOFS; i++) {
      await proveToy(key, small, run);
      if (i % 5 === 0) key.discard(await key.commit(run.values));
      if (i === warmUp) warm = process.memoryUsage.rss();
    }
    const grown = (process.memoryUsage.rss() - warm) / MIB;
    expect(nativeThreads()).to.equal(OPTIONS.threads);
    // What JavaScript's heap breathes; a leaked witness a proof would be more.
    expect(grown).to.be.lessThan(48);
    await key.close();
  });

  it("behavior: large proofs give their memory back, and closed keys all of it", async () => {
    const values = anyWitness(large);
    const first = await open("large");
    await expectCode("WITNESS_WRONG", async () => first.finish(await first.commit(values), values));
    await first.close();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < (DEEP ? 30 : 6); i++) {
      const key = await open("large");
      await expectCode("WITNESS_WRONG", async () => key.finish(await key.commit(values), values));
      await key.close();
    }
    expect(nativeThreads()).to.equal(0);
    expect((process.memoryUsage.rss() - before) / MIB).to.be.lessThan(48);
  });

  describe("in a process of its own", () => {
    let witness = "";
    before(() => {
      witness = join(folder, "witness");
      writeFileSync(witness, anyWitness(large));
    });
    const child = (how: string): Promise<{ code: number | string | null; output: string }> =>
      new Promise((resolve) => {
        const args = ["--expose-gc", CHILD, how, dirname(files.large.zkey), witness];
        execFile(process.execPath, args, { timeout: 100_000 }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : (error.signal ?? error.code ?? null), output: stdout + stderr }),
        );
      });

    it("behavior: worker threads are terminated in the midst of proofs, while the main thread's go on", async () => {
      expect(await child("terminate")).to.deep.equal({ code: 0, output: "" });
    });

    it("behavior: process.exit in the midst of a proof leaves with its code", async () => {
      for (let i = 0; i < 3; i++) expect(await child("exit")).to.deep.equal({ code: 7, output: "" });
    });

    it("behavior: what a listener throws is uncaught as in any callback, and nothing worse", async () => {
      const { code, output } = await child("throw");
      expect(output).to.contain("thrown by a listener");
      expect(code).to.equal(1);
    });

    it("behavior: an open key keeps no process alive", async () => {
      expect(await child("end")).to.deep.equal({ code: 0, output: "" });
    });

    it("behavior: keys that are forgotten instead of closed end with their garbage", async () => {
      expect(await child("drop")).to.deep.equal({ code: 0, output: "" });
    });
  });
});
