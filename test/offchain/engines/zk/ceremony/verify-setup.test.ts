// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex, utf8, type Hex } from "../../../../../offchain/core/bytes.ts";
import { canonicalJson } from "../../../../../offchain/core/manifest.ts";
import {
  decodeKeyRecord,
  encodeKeyRecord,
  KEY_CEREMONY,
  type KeyRecord,
} from "../../../../../offchain/core/zk/key-record.ts";
import { CURVE_G1, CURVE_G2, pointOfG1, pointOfG2 } from "../../../../../offchain/core/zk/points.ts";
import { parseCeremony } from "../../../../../offchain/engines/zk/ceremony/ceremony-file.ts";
import { readCeremonyFolder } from "../../../../../offchain/engines/zk/ceremony/ceremony-folder.ts";
import { openChain, takeStep, type Chain } from "../../../../../offchain/engines/zk/ceremony/chain.ts";
import { circuitFacts } from "../../../../../offchain/engines/zk/ceremony/circuit.ts";
import type { SetupCircuit } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { withCurve } from "../../../../../offchain/engines/zk/ceremony/curve.ts";
import { makeStockKey } from "../../../../../offchain/engines/zk/ceremony/initial-key.ts";
import {
  encodeTranscript,
  parseKeyManifest,
  parseTranscript,
  readKeyFolder,
  type KeyManifest,
} from "../../../../../offchain/engines/zk/ceremony/key-folder.ts";
import type { StepFile, StepHead } from "../../../../../offchain/engines/zk/ceremony/step-file.ts";
import { readStockKey, writeInitialKey } from "../../../../../offchain/engines/zk/ceremony/stock-key.ts";
import { runStock } from "../../../../../offchain/engines/zk/ceremony/stock.ts";
import { judgeSetup, readSetup, verifySetup } from "../../../../../offchain/engines/zk/ceremony/verify-setup.ts";
import { readGroups, writeGroups, type KeyGroup } from "../../../../../offchain/engines/zk/keys/groups-file.ts";
import { lemOfG1, lemOfG2 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import { readZkey, writeZkey, type Zkey } from "../../../../../offchain/engines/zk/keys/zkey-file.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { BEACON, bytesOf, ceremonyFixture, copyOf, forgedKey, type Fixture } from "./fixture.ts";
import { BEACON_STEP, forgeStep, MINUS_ONE, type Forgery } from "./forge-step.ts";
import { sampleCircuit } from "./sample-circuit.ts";

describe("verify-setup", function () {
  this.timeout(300_000);
  let fixture: Fixture;
  before(async () => {
    fixture = await ceremonyFixture();
  });
  type Change = (manifest: KeyManifest) => Partial<KeyManifest>;
  const verify = (folder: string, circuit: SetupCircuit = fixture.circuit, allowDevelopment = false) =>
    withCurve(async (curve) => {
      const { ptau, pins, stock } = fixture;
      const setup = readSetup({ circuit, folder, ptau, pins, allowDevelopment });
      return judgeSetup(curve, setup, stock, ptau);
    });
  const forged = (files: Readonly<Record<string, Uint8Array>>, change?: Change) =>
    forgedKey(fixture.key, files, change);
  const refuse = (code: string, files: Readonly<Record<string, Uint8Array>>, change?: Change) =>
    expectCode(code, () => verify(forged(files, change)));
  const file = (name: string): Uint8Array => bytesOf(fixture.key, name);
  const zkey = (changes: Partial<Zkey>) => ({ "key.zkey": writeZkey({ ...readZkey(file("key.zkey")), ...changes }) });
  const facts = () => circuitFacts(fixture.circuit).facts;
  const heads = (): readonly StepHead[] => parseTranscript(file("transcript.json"), facts()).heads;
  const start = () => openChain(parseCeremony(file("ceremony.json")));
  const transcript = (list: readonly StepHead[]) => ({ "transcript.json": encodeTranscript(start().hash, list) });
  const record = (changes: Partial<KeyRecord>) => ({
    "key.record": encodeKeyRecord({ ...decodeKeyRecord(file("key.record")), ...changes }),
  });
  const groups = (change: (weights: KeyGroup, round1: KeyGroup) => readonly KeyGroup[]) => {
    const [weights, round1] = readGroups(file("key.groups")) as [KeyGroup, KeyGroup];
    return { "key.groups": writeGroups(change(weights, round1)) };
  };
  /** A transcript and groups file that agree with each other, made by steps of chosen factors. */
  const forgedSteps = (forgeries: readonly Forgery[]): Readonly<Record<string, Uint8Array>> => {
    const steps: StepFile[] = [];
    let chain: Chain = start();
    for (const forgery of forgeries) {
      const made = forgeStep(chain, forgery);
      steps.push(made);
      // Without `takeStep`: what its checks would refuse is what is wanted.
      const after = takeStepUnchecked(chain, made.head);
      chain = after;
    }
    const last = steps.at(-1);
    return {
      ...transcript(steps.map(({ head }) => head)),
      ...groups((...all) =>
        all.map((group, i) => ({
          ...group,
          delta1: lemOfG1(last?.head.groups[i]?.deltaG1 ?? { x: 0n, y: 0n }),
          delta2: lemOfG2(last?.head.groups[i]?.deltaG2 ?? { x: [0n, 0n], y: [0n, 0n] }),
          points: last?.points[i] ?? new Uint8Array(),
        })),
      ),
    };
  };

  it("default: a finished ceremony holds, from the program's circuit and phase 1 alone", async () => {
    const { circuit, key, ptau, pins, manifest } = fixture;
    const steps: string[] = [];
    const report = await verifySetup({ circuit, folder: key, ptau, pins, onProgress: (step) => steps.push(step) });
    expect(report).to.deep.include({ class: "CEREMONY", keyId: manifest.keyId, contributors: ["alice", "bob"] });
    expect(report.checks.length).to.equal(8);
    expect(steps.length).to.be.greaterThan(4);
    expect(decodeKeyRecord(file("key.record"))).to.deep.include({
      cls: KEY_CEREMONY,
      circuitHash: circuit.circuitHash,
    });
  });

  it("error: COMMITTED_WIRE_EXPOSED for a key with a point left, whichever wire's", async () => {
    const { c } = readZkey(file("key.zkey"));
    for (const wire of [0, 3, 7]) {
      const exposed = c.slice();
      exposed.set(c.slice(-64), wire * 64);
      await refuse("COMMITTED_WIRE_EXPOSED", zkey({ c: exposed }));
    }
    // A whole ceremony by unmodified snarkjs on the unstripped key, with our transcript's beginning.
    const { stock } = fixture;
    const ceremony = readStockKey(join(fixture.stages[0] ?? "", "0000.zkey"));
    const bytes = await stockCeremony(writeInitialKey(stock, stock.zkey.c, ceremony.circuitHash));
    await refuse("COMMITTED_WIRE_EXPOSED", { "key.zkey": bytes });
  });

  it("error: STRIPPED_LATE for a key that was stripped after its contributions", async () => {
    const { stock } = fixture;
    const made = readZkey(await stockCeremony(writeInitialKey(stock, stock.zkey.c, stock.circuitHash)));
    const c = made.c.slice();
    c.fill(0, 0, 8 * 64);
    await refuse("STRIPPED_LATE", { "key.zkey": writeZkey({ ...made, c }) });
  });

  it("error: DELTA_DEGENERATE for equal deltas, a delta repeated, and deltas that are the generator", async () => {
    const beacon = { context: BEACON_STEP };
    await refuse("DELTA_DEGENERATE", forgedSteps([{ x: [5n, 5n] }, { x: [7n, 7n] }, beacon]));
    await refuse("DELTA_DEGENERATE", forgedSteps([{ x: [5n, 7n] }, { x: [7n, MINUS_ONE - 4n] }, beacon]));
    await refuse("DELTA_DEGENERATE", forgedSteps([{ x: [5n, 7n] }, { x: [1n, 3n] }, beacon]));
    await refuse("DELTA_DEGENERATE", forgedSteps([{ x: [1n, 1n] }, { x: [1n, 1n] }, { x: [1n, 1n] }]));
    const { c, h } = fixture.stock.zkey;
    const stripped = c.slice();
    stripped.fill(0, 0, 8 * 64);
    const one = { delta1: lemOfG1(pointOfG1(CURVE_G1.BASE)), delta2: lemOfG2(pointOfG2(CURVE_G2.BASE)) };
    await refuse("DELTA_DEGENERATE", zkey({ ...one, c: stripped, h }));
    // The record alone is guarded by core.
    const { delta2, delta1 } = decodeKeyRecord(file("key.record"));
    await refuse("KEY_DEGENERATE", record({ delta1: delta2 }));
    await refuse("KEY_DEGENERATE", record({ delta2: pointOfG2(CURVE_G2.BASE) }));
    if (delta1 !== undefined)
      await refuse(
        "KEY_DEGENERATE",
        record({
          deltaWeights: pointOfG2(
            CURVE_G2.fromAffine({
              x: { c0: delta1.x[0], c1: delta1.x[1] },
              y: { c0: delta1.y[0], c1: delta1.y[1] },
            }).negate(),
          ),
        }),
      );
  });

  it("error: a contributor dropped is missed, in any delta", async () => {
    const [alice, bob, beacon] = heads() as [StepHead, StepHead, StepHead];
    await refuse("TRANSCRIPT_BROKEN", transcript([alice, beacon]));
    await refuse("TRANSCRIPT_BROKEN", transcript([bob, beacon]));
    // Everybody's step is there, but the groups never got bob's: their transcript was made anew by somebody else.
    await refuse("CONTRIBUTORS_DIFFER", forgedSteps([{}, {}, { context: BEACON_STEP }]));
    // delta2 without bob: alice and the beacon only
    const alone = await stockCeremony(bytesOf(fixture.stages[0] ?? "", "0000.zkey"), ["alice"]);
    await refuse("CONTRIBUTORS_TOO_FEW", { "key.zkey": alone });
    // delta2 by other people
    const others = await stockCeremony(bytesOf(fixture.stages[0] ?? "", "0000.zkey"), ["alice", "eve"]);
    await refuse("CONTRIBUTORS_DIFFER", { "key.zkey": others });
  });

  it("error: BEACON_MISSING for any delta without one", async () => {
    const { steps } = readCeremonyFolder(fixture.stages[2] ?? "");
    const key = { "key.zkey": bytesOf(fixture.stages[2] ?? "", "0002.zkey") };
    await refuse("BEACON_MISSING", key);
    // delta2 has its beacon, the others end with bob
    const [, bob] = steps;
    const groupsOfBob = groups((...all) =>
      all.map((group, i) => ({
        ...group,
        delta1: lemOfG1(bob?.head.groups[i]?.deltaG1 ?? { x: 0n, y: 0n }),
        delta2: lemOfG2(bob?.head.groups[i]?.deltaG2 ?? { x: [0n, 0n], y: [0n, 0n] }),
        points: bob?.points[i] ?? new Uint8Array(),
      })),
    );
    await refuse("CONTRIBUTORS_DIFFER", { ...transcript(heads().slice(0, 2)), ...groupsOfBob });
  });

  it("error: POINTS_WRONG for groups that are swapped, moved, of other points or deltas", async () => {
    const swap = groups((weights, round1) => [
      { ...weights, delta1: round1.delta1, delta2: round1.delta2 },
      { ...round1, delta1: weights.delta1, delta2: weights.delta2 },
    ]);
    await refuse("POINTS_WRONG", swap);
    await refuse(
      "POINTS_WRONG",
      groups((weights, round1) => [{ ...weights, points: round1.points.slice(0, 128) }, round1]),
    );
    await refuse(
      "POINTS_WRONG",
      groups((weights, round1) => [
        { ...weights, wires: round1.wires, points: round1.points },
        { ...round1, wires: weights.wires, points: weights.points },
      ]),
    );
    await refuse(
      "POINTS_WRONG",
      groups((_, round1) => [round1]),
    );
    await refuse(
      "POINTS_WRONG",
      groups((weights, round1) => [
        weights,
        { ...round1, points: new Uint8Array([...round1.points.slice(64), ...round1.points.slice(0, 64)]) },
      ]),
    );
    await refuse("FILE_MALFORMED", { "key.groups": file("key.groups").slice(0, -1) });
  });

  it("error: TRANSCRIPT_BROKEN, CONTRIBUTION_INVALID for a transcript that was edited", async () => {
    const text = new TextDecoder().decode(file("transcript.json"));
    const parsed = JSON.parse(text) as { version: 1; start: Hex; steps: { head: Hex; hash: Hex }[] };
    const [first, ...rest] = parsed.steps;
    if (first === undefined) return;
    const name = Buffer.from("alice").toString("hex");
    const edited = first.head.replace(name, Buffer.from("alicf").toString("hex")) as Hex;
    await refuse("TRANSCRIPT_BROKEN", {
      "transcript.json": utf8(canonicalJson({ ...parsed, steps: [{ ...first, head: edited }, ...rest] })),
    });
    // with the hash corrected: what alice proved was about her own name
    const [alice, ...others] = heads() as [StepHead, ...StepHead[]];
    await refuse("CONTRIBUTION_INVALID", transcript([{ ...alice, name: "alicf" }, ...others]));
    const [bob, ...last] = others as [StepHead, ...StepHead[]];
    await refuse("TRANSCRIPT_BROKEN", transcript([bob, alice, ...last]));
    await refuse("CIRCUIT_MISMATCH", { "transcript.json": utf8(canonicalJson({ ...parsed, start: first.hash })) });
    await refuse("FILE_MALFORMED", {
      "transcript.json": utf8(canonicalJson({ ...parsed, steps: [{ ...first, head: "0x00" }, ...rest] })),
    });
    await refuse("FILE_MALFORMED", { "transcript.json": utf8(text.replace('"version": 1', '"version": 2')) });
    await refuse("FILE_MALFORMED", { "transcript.json": fromHex("0xff00") });
  });

  it("error: CIRCUIT_MISMATCH for a key, ceremony or program of another circuit", async () => {
    const other = sampleCircuit({ factor: 2 });
    await expectCode("CIRCUIT_MISMATCH", () => verify(fixture.key, other));
    await expectCode("CIRCUIT_MISMATCH", () => verify(fixture.key, sampleCircuit({ weights: false })));
    await expectCode("CIRCUIT_MISMATCH", () =>
      verify(fixture.key, { ...fixture.circuit, circuitHash: other.circuitHash }),
    );
    const stock = await makeStockKey(circuitFacts(other).r1csBytes, fixture.ptau);
    const c = stock.zkey.c.slice();
    c.fill(0, 0, 8 * 64);
    const bytes = await stockCeremony(writeInitialKey(stock, c, stock.circuitHash));
    await refuse("CIRCUIT_MISMATCH", { "key.zkey": bytes });
    const small = await makeStockKey(circuitFacts(sampleCircuit({ weights: false })).r1csBytes, fixture.ptau);
    await refuse("CIRCUIT_MISMATCH", { "key.zkey": writeInitialKey(small, small.zkey.c, small.circuitHash) });
    const ceremony = parseCeremony(file("ceremony.json"));
    const stranger = utf8(canonicalJson({ ...ceremony, stockHash: `0x${"00".repeat(64)}` }));
    await refuse("CIRCUIT_MISMATCH", { "ceremony.json": stranger });
  });

  it("error: KEY_DIFFERS, POINTS_WRONG for a key that is not the circuit's", async () => {
    const { a, b2, coefficients, h, c } = readZkey(file("key.zkey"));
    const swapped = (bytes: Uint8Array, size: number): Uint8Array =>
      new Uint8Array([...bytes.slice(size, 2 * size), ...bytes.slice(0, size), ...bytes.slice(2 * size)]);
    await refuse("KEY_DIFFERS", zkey({ a: swapped(a, 64) }));
    await refuse("KEY_DIFFERS", zkey({ b2: swapped(b2, 128) }));
    await refuse("KEY_DIFFERS", zkey({ coefficients: new Uint8Array([...coefficients.slice(0, -1), 1]) }));
    await refuse("POINTS_WRONG", zkey({ h: swapped(h, 64) }));
    await refuse("POINTS_WRONG", zkey({ c: new Uint8Array([...c.slice(0, -128), ...swapped(c.slice(-128), 64)]) }));
  });

  it("error: RECORD_WRONG, KEY_MALFORMED for a record without class or transcript, or of another key", async () => {
    const { ic } = decodeKeyRecord(file("key.record"));
    const bare = file("key.record");
    bare.fill(0, 4 + 2 * 38 + 32, 4 + 2 * 38 + 64);
    await refuse("KEY_MALFORMED", { "key.record": bare });
    await refuse("RECORD_WRONG", record({ transcriptHash: `0x${"11".repeat(32)}` }));
    await refuse("RECORD_WRONG", record({ ic: ic.toReversed() }));
    await refuse("RECORD_WRONG", record({ delta2: pointOfG2(CURVE_G2.BASE.multiply(3n)) }));
    await refuse("RECORD_WRONG", record({ cls: 1 }));
    await refuse("KEY_MALFORMED", { "key.record": file("key.record").slice(1) });
    // A key of an unlisted phase 1 cannot call itself a ceremony's.
    const ceremony = parseCeremony(file("ceremony.json"));
    const local = utf8(canonicalJson({ ...ceremony, phase1: { ...ceremony.phase1, name: "local", pinned: false } }));
    await refuse("RECORD_WRONG", { "ceremony.json": local });
    await expectCode("PTAU_UNPINNED", () =>
      verifySetup({ circuit: fixture.circuit, folder: fixture.key, ptau: fixture.ptau }),
    );
  });

  it("error: MANIFEST_WRONG, FILE_MALFORMED for a manifest that does not name the files", async () => {
    const changed = copyOf(fixture.key);
    writeFileSync(
      join(changed, "key.groups"),
      groups((weights, round1) => [weights, round1])["key.groups"].map((byte, i) => (i === 90 ? byte ^ 1 : byte)),
    );
    await expectCode("MANIFEST_WRONG", () => verify(changed));
    await refuse("MANIFEST_WRONG", {}, () => ({ keyId: `0x${"22".repeat(32)}` }));
    await refuse("MANIFEST_WRONG", {}, () => ({ class: "DEVELOPMENT" }));
    await refuse("MANIFEST_WRONG", {}, () => ({ contributors: ["alice", "vitalik"] }));
    await refuse("MANIFEST_WRONG", {}, ({ beacon }) => ({ beacon: { ...beacon, plan: "another" } }));
    await refuse("FILE_MALFORMED", {}, ({ files }) => ({
      files: Object.fromEntries(Object.entries(files).filter(([name]) => name !== "key.groups")),
    }));
    await refuse("FILE_MALFORMED", {}, ({ files }) => ({
      files: { ...files, "../x": { bytes: 0, keccak256: `0x${"00".repeat(32)}` } },
    }));
    const { manifest } = readKeyFolder(fixture.key);
    await expectCode("FILE_MALFORMED", () => parseKeyManifest(utf8(canonicalJson({ ...manifest, version: 2 }))));
    await expectCode("FILE_MALFORMED", () => verify(temporaryFolder()));
  });
});

/** The chain as a step leaves it, whatever the step does. */
function takeStepUnchecked(chain: Chain, head: StepHead): Chain {
  try {
    return takeStep(chain, head);
  } catch {
    const hash = head.previous;
    return { ...chain, heads: [...chain.heads, head], hash, deltas: head.groups };
  }
}

/** Contributions and a beacon for delta2 by unmodified snarkjs. */
async function stockCeremony(initial: Uint8Array, names: readonly string[] = ["alice", "bob"]): Promise<Uint8Array> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "0.zkey"), initial);
  let n = 0;
  const files = () => ({ from: join(folder, `${n}.zkey`), to: join(folder, `${++n}.zkey`) });
  for (const name of names) await runStock({ call: "contribute", ...files(), name, entropy: "x" });
  const { value, iterations } = BEACON;
  await runStock({ call: "beacon", ...files(), name: "beacon", beacon: value.slice(2), iterations });
  return bytesOf(folder, `${n}.zkey`);
}
