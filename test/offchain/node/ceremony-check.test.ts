// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PinoLogger } from "../../../offchain/adapters/observe/pino-logger.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { encodeManifestFile } from "../../../offchain/core/manifest.ts";
import type { Program } from "../../../offchain/core/program/types.ts";
import { decodeKeyRecord, encodeKeyRecord, KEY_DEVELOPMENT } from "../../../offchain/core/zk/key-record.ts";
import { KIND_PUBLIC, KIND_SALTED, type StageInfo } from "../../../offchain/core/types.ts";
import { loadModel } from "../../../offchain/engines/program/load-program.ts";
import { finishCeremony } from "../../../offchain/engines/zk/ceremony/finish-ceremony.ts";
import { recallSetup, rememberSetup, setupContent } from "../../../offchain/engines/zk/ceremony/known-setups.ts";
import { importPhase1 } from "../../../offchain/engines/zk/ceremony/phase-1.ts";
import type { PinnedPtau } from "../../../offchain/engines/zk/ceremony/pinned-ptau.ts";
import { applyBeacon, contribute, initCeremony } from "../../../offchain/engines/zk/ceremony/run-ceremony.ts";
import { KeyStore } from "../../../offchain/engines/zk/keys/key-store.ts";
import { loadConfig } from "../../../offchain/node/config.ts";
import { checkKeys } from "../../../offchain/node/doctor-keys.ts";
import { KeyChecks } from "../../../offchain/node/key-checks.ts";
import { denseStage } from "../../support/cluster/proven-model.ts";
import { testManifest } from "../../support/cluster/cluster.ts";
import { expectCode } from "../../support/expect-code.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { smallPtau } from "../../support/zk/small-ptau.ts";
import { BEACON, forgedKey } from "../engines/zk/ceremony/fixture.ts";

const MODEL = `0x${"aa".repeat(32)}` as const;
const NAME = "small.ptau";

interface Given {
  /** The key's folder; others lie beside it. */
  readonly key?: string;
  readonly phase1?: string;
  readonly cache?: string;
  readonly program?: Program;
  readonly chainId?: bigint;
  readonly requireVerified?: boolean;
}

describe("ceremonies of a worker's keys", function () {
  this.timeout(300_000);
  const lines: string[] = [];
  const logger = PinoLogger.create({ level: "debug", format: "json", write: (line) => void lines.push(line) });
  const gadgets = temporaryFolder();
  const shelf = temporaryFolder();
  let pins: readonly PinnedPtau[];
  let program: Program;
  let key: string;
  let keyId: Hex;

  before(async () => {
    const model = await loadModel("models/tumor-poly");
    program = model.stages[0]?.program as Program;
    // Stays empty where this process has compiled the gadgets before.
    mkdirSync(join(gadgets, "circuits"), { recursive: true });
    const store = new KeyStore({ keyFolder: gadgets, cacheFolder: gadgets, chainId: 1n });
    const circuit = await store.compile(program, { weights: "public", inKinds: ["PUBLIC"], outKind: "PUBLIC" });
    const ptau = await smallPtau(8);
    const { blake2b } = await importPhase1(ptau, { unpinned: true });
    pins = [{ power: 8, name: NAME, blake2b }];
    const phase1 = await importPhase1(ptau, { pins });
    const running = join(temporaryFolder(), "running");
    await initCeremony(running, { id: "poly", circuit, beaconPlan: "a value of the tests", ptau, phase1, pins });
    for (const name of ["alice", "bob"]) await contribute(running, { name, ptau, pins });
    await applyBeacon(running, { ...BEACON, ptau, pins });
    key = join(temporaryFolder(), "poly");
    ({ keyId } = await finishCeremony(running, { ptau, out: key, pins }));
    cpSync(ptau, join(shelf, NAME));
  });

  const tableOf = (): StageInfo[] =>
    testManifest(1).stages.map((info) => ({ ...info, inKind: KIND_PUBLIC, outKind: KIND_PUBLIC, keyId }));
  const checksOf = ({ phase1, chainId = 1n, ...given }: Given = {}): KeyChecks => {
    const keyFolder = temporaryFolder();
    cpSync(given.key ?? key, join(keyFolder, "poly"), { recursive: true });
    const cacheFolder = given.cache ?? temporaryFolder();
    // Compiled once for all.
    cpSync(join(gadgets, "circuits"), join(cacheFolder, "circuits"), { recursive: true });
    const table = tableOf();
    const programs = { modelIds: [MODEL], table: () => table, program: async () => given.program ?? program };
    const options = { keyFolder, cacheFolder, chainId, pins, memoryMiB: 256, threads: 1 };
    const { requireVerified = false } = given;
    return new KeyChecks(
      { ...options, requireVerified, ...(phase1 === undefined ? {} : { phase1Folder: phase1 }) },
      { programs, logger },
    );
  };
  const settled = async (given: Given = {}): Promise<KeyChecks> => {
    const checks = checksOf(given);
    await checks.prepare();
    await checks.settled;
    return checks;
  };
  const may = (checks: KeyChecks) => ({ prove: checks.mayProve(MODEL, 0), judge: checks.mayJudge(MODEL, 0) });
  const stateOf = (checks: KeyChecks) => {
    const { state, error } = checks.ceremonies.known(MODEL, 0) ?? {};
    return isAssayError(error) ? [state, error.code] : [state];
  };

  it("default: verified once from program and phase 1, then known by the hash of its files", async () => {
    const cache = temporaryFolder();
    const checks = checksOf({ phase1: shelf, cache });
    await checks.prepare();
    expect(stateOf(checks)).to.deep.equal(["waiting"]);
    expect(may(checks), "not before it was verified").to.deep.equal({ prove: false, judge: false });
    await checks.settled;
    expect(stateOf(checks)).to.deep.equal(["verified"]);
    expect(may(checks)).to.deep.equal({ prove: true, judge: true });
    await checks.assertMayVote(MODEL, 0);
    expect(lines.some((line) => line.includes("key.verified"))).to.equal(true);

    // Another process of this machine needs no phase 1 file and verifies nothing.
    const again = checksOf({ cache, requireVerified: true });
    await again.prepare();
    expect(again.ceremonies.known(MODEL, 0)).to.deep.include({ state: "verified", contributors: ["alice", "bob"] });
    expect(may(again)).to.deep.equal({ prove: true, judge: true });
    await again.assertMayVote(MODEL, 0);

    // Other files are not the ones that were verified, and a damaged note is none.
    const touched = forgedKey(key, { "transcript.json": new Uint8Array([1]) });
    expect(stateOf(await settled({ cache, key: touched }))).to.deep.equal(["unverified", "KEY_UNVERIFIED"]);
    const content = (await setupContent(key)) ?? "";
    const [note = ""] = readdirSync(join(cache, "verified-keys"));
    expect(await recallSetup(cache, content)).to.include({ keyId, class: "CEREMONY" });
    const path = join(cache, "verified-keys", note);
    writeFileSync(path, readFileSync(path, "utf8").replace(content, "0".repeat(64)));
    expect(await recallSetup(cache, content)).to.equal(null);
    writeFileSync(path, "{}");
    expect(await recallSetup(cache, content)).to.equal(null);
    expect(await setupContent(temporaryFolder())).to.equal(null);
  });

  it("error: KEY_UNVERIFIED without the phase 1 file: proves, does not judge, and votes unless told not to", async () => {
    for (const phase1 of [undefined, temporaryFolder()]) {
      const checks = await settled(phase1 === undefined ? {} : { phase1 });
      expect(stateOf(checks)).to.deep.equal(["unverified", "KEY_UNVERIFIED"]);
      expect(may(checks)).to.deep.equal({ prove: true, judge: false });
      await checks.assertMayVote(MODEL, 0);
    }
    const strict = await settled({ requireVerified: true });
    await expectCode("STAGE_REFUSED", () => strict.assertMayVote(MODEL, 0));
    // A file of that name that is another: nothing is wrong with the key.
    const wrong = temporaryFolder();
    cpSync(await smallPtau(5), join(wrong, NAME));
    expect(stateOf(await settled({ phase1: wrong }))).to.deep.equal(["unverified", "PTAU_INVALID"]);
  });

  it("R24: no vote before the key was seen to be of the model's program", async () => {
    // Right after the start, while nothing is verified yet.
    const checks = checksOf({ program: denseStage(1, -127) });
    await expectCode("STAGE_REFUSED", () => checks.assertMayVote(MODEL, 0));
  });

  it("behavior: doctor names the state of each key, and what to do", async () => {
    const folder = temporaryFolder();
    const manifest = { ...testManifest(1), name: "poly", stages: tableOf() };
    const { tools } = JSON.parse(readFileSync("models/digits-mlp/manifest.json", "utf8")) as { tools: never };
    const model = join(folder, "model");
    const keys = join(folder, "keys");
    const doctor = async (table: readonly StageInfo[] = manifest.stages, phase1 = folder) => {
      mkdirSync(model, { recursive: true });
      writeFileSync(join(model, "manifest.json"), encodeManifestFile({ ...manifest, stages: [...table] }, tools));
      const { config } = loadConfig({
        flags: {
          "chain.rpcUrl": "http://127.0.0.1:9",
          "chain.id": "1",
          "chain.hub": `0x${"11".repeat(20)}`,
          "work.models": model,
          "prove.keys": keys,
          "prove.cache": join(folder, "cache"),
          "prove.phase1": phase1,
        },
      });
      const [keyCheck, weights] = await checkKeys(config, { logger });
      return { key: keyCheck, weights };
    };
    const missing = await doctor();
    expect(missing.key?.ok).to.equal(false);
    expect(missing.key?.detail).to.match(/poly stage 0: key 0x\w{8}… is not here/);
    expect(missing.key?.fix).to.match(/verify-setup/);
    expect(missing.weights).to.include({ ok: true, detail: "no model has private weights" });
    cpSync(key, join(keys, "poly"), { recursive: true });
    const unverified = await doctor();
    expect(unverified.key?.ok).to.equal(false);
    expect(unverified.key?.detail).to.match(/unverified: .*small\.ptau is not in prove\.phase1/);
    expect(unverified.key?.fix).to.match(/prove\.cache/);
    expect((await doctor(undefined, shelf)).key?.detail).to.match(/is verified when the worker starts/);
    const report = {
      id: "poly",
      keyId,
      class: "CEREMONY",
      contributors: ["alice"],
      transcriptHash: MODEL,
      checks: [],
    } as const;
    const { circuitHash } = decodeKeyRecord(new Uint8Array(readFileSync(join(key, "key.record"))));
    await rememberSetup(join(folder, "cache"), { content: (await setupContent(key)) ?? "", circuitHash, report });
    expect((await doctor()).key).to.deep.include({ ok: true, fix: "" });
    expect((await doctor()).key?.detail).to.match(/verified \(alice\)/);
    const committed = manifest.stages.map((info) => ({ ...info, weightsX: MODEL, weightsY: MODEL }));
    const unopened = await doctor(committed);
    expect(unopened.weights?.ok).to.equal(false);
    expect(unopened.weights?.detail).to.match(/unknown: .*no opening/);
    expect(unopened.weights?.fix).to.match(/0600/);
    // No key and no PUBLIC output: nothing to lose, nothing to prove.
    rmSync(keys, { recursive: true });
    expect((await doctor(manifest.stages.map((info) => ({ ...info, outKind: KIND_SALTED })))).key).to.include({
      ok: true,
    });
  });

  it("behavior: a key that does not hold is neither proven with nor voted under, and the log says why", async () => {
    const expectRefused = async (code: string, given: Given) => {
      const checks = await settled({ phase1: shelf, ...given });
      expect(stateOf(checks)).to.deep.equal(["refused", code]);
      expect(may(checks)).to.deep.equal({ prove: false, judge: false });
      await expectCode("STAGE_REFUSED", () => checks.assertMayVote(MODEL, 0));
      expect(lines.some((line) => line.includes("key.refused") && line.includes(code))).to.equal(true);
    };
    await expectRefused("MANIFEST_WRONG", { key: forgedKey(key, {}, () => ({ contributors: ["alice", "carol"] })) });
    await expectRefused("FILE_MALFORMED", { key: forgedKey(key, {}, () => ({ files: {} })) });
    // Somebody's honest key, named by a model of another function: proofs of it would overrule this model's votes.
    await expectRefused("KEY_MISSING", { program: denseStage(1, -127) });
  });

  it("behavior: keys made for development are not verified; keys that are not here prove nothing off the local chain", async () => {
    const record = decodeKeyRecord(new Uint8Array(readFileSync(join(key, "key.record"))));
    const development = { "key.record": encodeKeyRecord({ ...record, cls: KEY_DEVELOPMENT }) };
    // Under another id: the class is part of the record.
    expect(stateOf(await settled({ key: forgedKey(key, development) }))).to.deep.equal(["missing"]);
    const local = await settled({ key: temporaryFolder(), chainId: 31_337n });
    expect(stateOf(local)).to.deep.equal(["development"]);
    expect(may(local)).to.deep.equal({ prove: true, judge: true });
    const elsewhere = await settled({ key: temporaryFolder() });
    expect(may(elsewhere)).to.deep.equal({ prove: false, judge: false });
    await expectCode("STAGE_REFUSED", () => elsewhere.assertMayVote(MODEL, 0));
  });
});
