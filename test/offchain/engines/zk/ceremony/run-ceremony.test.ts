// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson } from "../../../../../offchain/core/manifest.ts";
import { utf8 } from "../../../../../offchain/core/bytes.ts";
import { encodeCeremony, initHash, parseCeremony } from "../../../../../offchain/engines/zk/ceremony/ceremony-file.ts";
import { readCeremonyFolder } from "../../../../../offchain/engines/zk/ceremony/ceremony-folder.ts";
import { withCurve } from "../../../../../offchain/engines/zk/ceremony/curve.ts";
import { finishCeremony } from "../../../../../offchain/engines/zk/ceremony/finish-ceremony.ts";
import { makeStep } from "../../../../../offchain/engines/zk/ceremony/make-step.ts";
import {
  applyBeacon,
  contribute,
  initCeremony,
  openCeremony,
  verifyFolder,
} from "../../../../../offchain/engines/zk/ceremony/run-ceremony.ts";
import { encodeStep, hashPoints } from "../../../../../offchain/engines/zk/ceremony/step-file.ts";
import { readStockKey, writeInitialKey } from "../../../../../offchain/engines/zk/ceremony/stock-key.ts";
import { runStock } from "../../../../../offchain/engines/zk/ceremony/stock.ts";
import { lemOfG2 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import { readZkey, writeZkey } from "../../../../../offchain/engines/zk/keys/zkey-file.ts";
import { CURVE_G2, pointOfG2 } from "../../../../../offchain/core/zk/points.ts";
import { importPhase1 } from "../../../../../offchain/engines/zk/ceremony/phase-1.ts";
import { keyFilesIn } from "../../../../../offchain/engines/zk/keys/key-files.ts";
import { SnarkjsProver } from "../../../../../offchain/engines/zk/prover/snarkjs-prover.ts";
import { runToy, toyCircuit } from "../../../../support/toy-circuit.ts";
import { accepts, keyOf, proveToy } from "../../../../support/toy-proof.ts";
import { uniformScalar } from "../../../../../offchain/engines/zk/prover/uniform-scalar.ts";
import { smallPtau } from "../../../../support/zk/small-ptau.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { BEACON, bytesOf, ceremonyFixture, copyOf, type Fixture } from "./fixture.ts";
import { sampleCircuit } from "./sample-circuit.ts";

describe("running a ceremony", function () {
  this.timeout(300_000);
  let fixture: Fixture;
  before(async () => {
    fixture = await ceremonyFixture();
  });
  const stage = (n: number): string => copyOf(fixture.stages[n] ?? "");
  const options = () => ({ ptau: fixture.ptau, pins: fixture.pins });
  const eve = (folder: string) => contribute(folder, { name: "eve", ...options() });
  const verify = (folder: string) =>
    withCurve(async (curve) => verifyFolder(curve, readCeremonyFolder(folder), fixture.stock, fixture.ptau));
  const write = (folder: string, name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return folder;
  };

  it("default: init, two contributions, beacon, finish give a CEREMONY key with its transcript", () => {
    const { manifest, receipts, key } = fixture;
    expect(manifest).to.deep.include({ id: "sample", class: "CEREMONY", contributors: ["alice", "bob"] });
    expect(manifest.transcriptHash).to.equal(receipts[2]?.hash);
    expect(readdirSync(key).toSorted()).to.deep.equal([
      "ceremony.json",
      "key.groups",
      "key.record",
      "key.zkey",
      "manifest.json",
      "transcript.json",
    ]);
    expect(readdirSync(fixture.stages[3] ?? "").filter((name) => name.endsWith(".part"))).to.deep.equal([]);
  });

  it("behavior: keys of every backend prove; an unlisted phase 1 gives DEVELOPMENT keys", async () => {
    const ptau = await smallPtau(7);
    const phase1 = await importPhase1(ptau, { unpinned: true });
    for (const kind of ["public", "private", "one-round"] as const) {
      const circuit = toyCircuit(kind);
      const [folder, out] = [join(temporaryFolder(), "running"), join(temporaryFolder(), "key")];
      await initCeremony(folder, { id: kind, circuit, ptau, phase1, beaconPlan: "none" });
      await contribute(folder, { name: "alice", ptau });
      await contribute(folder, { name: "bob", ptau });
      await applyBeacon(folder, { ...BEACON, ptau });
      const manifest = await finishCeremony(folder, { ptau, out });
      expect(manifest.class).to.equal("DEVELOPMENT");
      const key = await new SnarkjsProver().open(keyFilesIn(out), { memoryMiB: 1024, threads: 2 });
      const run = runToy(circuit);
      const blind = uniformScalar();
      const weights =
        kind === "private" ? { blind, commitment: await key.commitWeights(run.values, blind) } : undefined;
      const proof = await proveToy(key, circuit, run, weights);
      expect(accepts(keyOf(key.record), run, proof, weights?.commitment), kind).to.equal(true);
      await key.close();
    }
  });

  it("error: COMMITTED_WIRE_EXPOSED when asked to contribute to a key that was not stripped", async () => {
    const folder = stage(0);
    const ceremony = parseCeremony(bytesOf(folder, "ceremony.json"));
    const { stock } = fixture;
    write(folder, "0000.zkey", writeInitialKey(stock, stock.zkey.c, initHash(ceremony)));
    await expectCode("COMMITTED_WIRE_EXPOSED", () => eve(folder));
    expect(existsSync(join(folder, "0001.zkey"))).to.equal(false);
    // Nor after somebody without these tools did.
    const from = join(folder, "0000.zkey");
    await runStock({ call: "contribute", from, to: join(folder, "0001.zkey"), name: "alice", entropy: "x" });
    copyFileSync(join(fixture.stages[1] ?? "", "0001.step"), join(folder, "0001.step"));
    await expectCode("COMMITTED_WIRE_EXPOSED", () => eve(folder));
  });

  it("error: STRIPPED_LATE when contributions were made before the strip", async () => {
    const folder = stage(1);
    const { stock } = fixture;
    const [from, to] = [join(temporaryFolder(), "new.zkey"), join(temporaryFolder(), "1.zkey")];
    writeFileSync(from, writeInitialKey(stock, stock.zkey.c, stock.circuitHash));
    await runStock({ call: "contribute", from, to, name: "alice", entropy: "x" });
    const key = readStockKey(to);
    const c = key.zkey.c.slice();
    c.fill(0, 0, 8 * 64);
    write(folder, "0001.zkey", writeZkey({ ...key.zkey, c }));
    await expectCode("STRIPPED_LATE", () => verify(folder));
  });

  it("error: KEY_DIFFERS, POINTS_WRONG, DELTA_DEGENERATE for a key that is not the circuit's after its contributions", async () => {
    const zkey = readZkey(bytesOf(stage(2), "0002.zkey"));
    const init = readZkey(bytesOf(stage(0), "0000.zkey"));
    const refuse = (code: string, changes: Partial<typeof zkey>) =>
      expectCode(code, () => verify(write(stage(2), "0002.zkey", writeZkey({ ...zkey, ...changes }))));
    const swapped = (bytes: Uint8Array, size: number): Uint8Array =>
      new Uint8Array([...bytes.slice(size, 2 * size), ...bytes.slice(0, size), ...bytes.slice(2 * size)]);
    await refuse("KEY_DIFFERS", { a: swapped(zkey.a.slice(), 64) });
    await refuse("KEY_DIFFERS", { ic: swapped(zkey.ic, 64) });
    await refuse("KEY_DIFFERS", { alpha1: zkey.beta1 });
    await refuse("KEY_DIFFERS", { delta1: zkey.beta1 });
    await refuse("POINTS_WRONG", { h: swapped(zkey.h, 64) });
    const last = zkey.c.slice(-64);
    await refuse("POINTS_WRONG", { c: new Uint8Array([...zkey.c.slice(0, -128), ...last, ...last]) });
    await refuse("POINTS_WRONG", { c: new Uint8Array([...zkey.c.slice(0, -64), ...new Uint8Array(64)]) });
    await refuse("POINTS_WRONG", { h: new Uint8Array([...zkey.h.slice(0, -64), ...new Uint8Array(64).fill(3)]) });
    await refuse("DELTA_DEGENERATE", { delta1: init.delta1, delta2: init.delta2, c: init.c, h: init.h });
    await refuse("DELTA_DEGENERATE", { delta2: init.delta2 });
    const empty = stage(0);
    await expectCode("KEY_DIFFERS", () =>
      verify(write(empty, "0000.zkey", writeZkey({ ...init, delta1: zkey.delta1, delta2: zkey.delta2 }))),
    );
  });

  it("error: POINTS_WRONG when a contributor leaves points that do not fit the deltas", async () => {
    const folder = stage(2);
    const { ceremony, steps } = readCeremonyFolder(folder);
    const [, last] = steps;
    if (last === undefined) return;
    // A maker who lies about the points can prove to know the factor nevertheless.
    await withCurve(async (curve) => {
      const before = await openCeremony(curve, fixture.stages[1] ?? "", fixture.ptau, options());
      const stock = readStockKey(join(folder, "0002.zkey")).contributions[1];
      if (stock === undefined) return;
      const twisted = before.points.map((points) => new Uint8Array([...points.slice(64), ...points.slice(0, 64)]));
      const made = await makeStep(curve, before.chain, twisted, stock, "");
      write(folder, "0002.step", encodeStep(made));
      expect(made.head.groups[0]?.pointsHash).to.equal(hashPoints(made.points[0] ?? new Uint8Array()));
    });
    expect(readCeremonyFolder(folder).ceremony.id).to.equal(ceremony.id);
    await expectCode("POINTS_WRONG", () => verify(folder));
  });

  it("error: STOCK_REFUSED when delta2's proof of knowledge is forged, though all else fits", async () => {
    const folder = stage(1);
    const key = readStockKey(join(folder, "0001.zkey"));
    const transcript = key.zkey.transcript.slice();
    transcript.set(lemOfG2(pointOfG2(CURVE_G2.BASE.multiply(99n))), 68 + 3 * 64);
    write(folder, "0001.zkey", writeZkey({ ...key.zkey, transcript }));
    const stock = readStockKey(join(folder, "0001.zkey")).contributions[0];
    await withCurve(async (curve) => {
      const before = await openCeremony(curve, fixture.stages[0] ?? "", fixture.ptau, options());
      if (stock !== undefined)
        write(folder, "0001.step", encodeStep(await makeStep(curve, before.chain, before.points, stock, "")));
    });
    await expectCode("STOCK_REFUSED", () => verify(folder));
  });

  it("error: TRANSCRIPT_BROKEN, CONTRIBUTORS_DIFFER for steps replayed, reordered, dropped or mixed", async () => {
    const replayed = stage(2);
    copyFileSync(join(replayed, "0001.step"), join(replayed, "0002.step"));
    await expectCode("TRANSCRIPT_BROKEN", () => verify(replayed));
    const reordered = stage(2);
    renameSync(join(reordered, "0001.step"), join(reordered, "x"));
    renameSync(join(reordered, "0002.step"), join(reordered, "0001.step"));
    renameSync(join(reordered, "x"), join(reordered, "0002.step"));
    await expectCode("TRANSCRIPT_BROKEN", () => verify(reordered));
    const gap = stage(2);
    rmSync(join(gap, "0001.step"));
    await expectCode("TRANSCRIPT_BROKEN", () => verify(gap));
    // bob's contribution to the committed deltas dropped, his to delta2 kept
    const dropped = stage(2);
    rmSync(join(dropped, "0002.step"));
    copyFileSync(join(dropped, "0002.zkey"), join(dropped, "0001.zkey"));
    await expectCode("CONTRIBUTORS_DIFFER", () => verify(dropped));
    // and the other way round
    const kept = stage(2);
    copyFileSync(join(kept, "0001.zkey"), join(kept, "0002.zkey"));
    await expectCode("CONTRIBUTORS_DIFFER", () => verify(kept));
  });

  it("error: CIRCUIT_MISMATCH for files of another ceremony", async () => {
    const other = join(temporaryFolder(), "other");
    const circuit = sampleCircuit({ factor: 2 });
    await initCeremony(other, { ...fixture, id: "sample", circuit, beaconPlan: "x" });
    await contribute(other, { name: "alice", ...options() });
    for (const name of ["circuit.r1cs", "ceremony.json", "0001.step", "0001.zkey"]) {
      const folder = stage(1);
      copyFileSync(join(other, name), join(folder, name));
      await expectCode("CIRCUIT_MISMATCH", () => verify(folder));
    }
    // circuit and ceremony.json exchanged together: the steps begin elsewhere
    const both = stage(1);
    for (const name of ["circuit.r1cs", "ceremony.json"]) copyFileSync(join(other, name), join(both, name));
    await expectCode("CIRCUIT_MISMATCH", () => verify(both));
  });

  it("error: FILE_MALFORMED for a ceremony.json with another spelling or shape", async () => {
    const bytes = bytesOf(stage(0), "ceremony.json");
    const ceremony = parseCeremony(bytes);
    const text = new TextDecoder().decode(bytes);
    const refuse = (content: string) => expectCode("FILE_MALFORMED", () => parseCeremony(utf8(content)));
    await refuse("");
    await refuse("{");
    await refuse(`${text} `);
    await refuse(text.replace('"version": 1', '"version": 1.0'));
    await refuse(text.replace('"id": "sample"', '"id": "x", "id": "sample"'));
    await refuse(text.replace('"id": "sample"', String.raw`"id": "s\u0061mple"`));
    for (const change of [
      { version: 2 },
      { extra: 1 },
      { phase1: { ...ceremony.phase1, blake2b: "00" } },
      { stockHash: "0x00" },
      { beaconPlan: "line\nbreak" },
      { circuit: { ...ceremony.circuit, wires: -1 } },
      { circuit: { ...ceremony.circuit, groups: [...ceremony.circuit.groups, ...ceremony.circuit.groups] } },
    ])
      await refuse(canonicalJson({ ...ceremony, ...change }));
    await expectCode("CEREMONY_INPUT", () => parseCeremony(encodeCeremony({ ...ceremony, id: "../up" })));
    // Groups that claim other wires yield another initial key.
    const [weights, round1] = ceremony.circuit.groups;
    const moved = {
      ...ceremony,
      circuit: { ...ceremony.circuit, groups: [weights, { ...round1, wires: { from: 6, count: 5 } }] },
    };
    const folder = write(stage(0), "ceremony.json", utf8(canonicalJson(moved)));
    await expectCode("CIRCUIT_MISMATCH", () => verify(folder));
  });

  it("error: CEREMONY_STATE and CEREMONY_INPUT for what cannot be done", async () => {
    const { ptau } = fixture;
    const init = (folder: string, changes = {}) =>
      initCeremony(folder, { ...fixture, id: "x", beaconPlan: "x", ...changes });
    const fresh = (): string => join(temporaryFolder(), "new");
    await expectCode("CEREMONY_STATE", () => init(stage(0)));
    await expectCode("CEREMONY_STATE", () => eve(temporaryFolder()));
    await expectCode("CEREMONY_STATE", () => eve(stage(3)));
    await expectCode("CEREMONY_STATE", () => applyBeacon(stage(3), { ...BEACON, ...options() }));
    await expectCode("CEREMONY_STATE", () => finishCeremony(stage(3), { ...options(), out: stage(0) }));
    const lost = stage(1);
    rmSync(join(lost, "0001.zkey"));
    await expectCode("CEREMONY_STATE", () => eve(lost));
    await expectCode("CEREMONY_INPUT", () => init(fresh(), { id: "Not An Id" }));
    await expectCode("CEREMONY_INPUT", () => init(fresh(), { beaconPlan: "" }));
    await expectCode("PTAU_INVALID", () => init(fresh(), { phase1: { ...fixture.phase1, power: 6 } }));
    for (const name of ["", " x", "x\n", "é", "a".repeat(65)])
      await expectCode("CEREMONY_INPUT", () => contribute(stage(0), { name, ptau }));
    for (const change of [
      { value: "0x12" },
      { value: "zz".repeat(32) },
      { value: "ab".repeat(256) },
      { iterations: 9 },
      { iterations: 25 },
      { iterations: 10.5 },
    ])
      await expectCode("CEREMONY_INPUT", () => applyBeacon(stage(2), { ...BEACON, ...change, ptau }));
  });

  it("error: ROUND_RULE, GROUPS_INVALID: no ceremony for a circuit whose proofs could be forged under any key", async () => {
    const { circuit } = fixture;
    const { weights, round1, round2 } = circuit.groups;
    const init = (groups: typeof circuit.groups) =>
      initCeremony(join(temporaryFolder(), "new"), {
        ...fixture,
        id: "x",
        beaconPlan: "x",
        circuit: { ...circuit, groups },
      });
    // A multiplicity that may depend on the challenge.
    await expectCode("ROUND_RULE", () =>
      init({
        weights,
        round1: { ...round1, count: round1.count - 1 },
        round2: { from: round2.from - 1, count: round2.count + 1 },
      }),
    );
    await expectCode("GROUPS_INVALID", () => init({ weights, round1, round2: { ...round2, count: 1 } }));
  });

  it("error: BEACON_MISSING and CONTRIBUTORS_TOO_FEW: no key comes out of an unfinished ceremony", async () => {
    const finish = (folder: string) => finishCeremony(folder, { ...options(), out: join(temporaryFolder(), "key") });
    await expectCode("BEACON_MISSING", () => finish(stage(0)));
    await expectCode("BEACON_MISSING", () => finish(stage(2)));
    const alone = stage(1);
    await applyBeacon(alone, { ...BEACON, ...options() });
    await expectCode("CONTRIBUTORS_TOO_FEW", () => finish(alone));
  });

  it("behavior: an abort ends a contribution and leaves the folder as it was", async () => {
    const folder = stage(0);
    const stop = new AbortController();
    const running = contribute(folder, {
      name: "eve",
      ...options(),
      signal: stop.signal,
      onProgress: (step) => {
        if (step.startsWith("changing delta2")) stop.abort();
      },
    });
    const error: unknown = await running.catch((reason: unknown) => reason);
    expect((error as Error).name).to.equal("AbortError");
    expect(readdirSync(folder).toSorted()).to.deep.equal(["0000.zkey", "ceremony.json", "circuit.r1cs"]);
  });
});
