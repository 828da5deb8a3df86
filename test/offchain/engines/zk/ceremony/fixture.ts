// SPDX-License-Identifier: GPL-3.0-or-later
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildBn128 } from "ffjavascript";
import { circuitFacts } from "../../../../../offchain/engines/zk/ceremony/circuit.ts";
import type { SetupCircuit } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { finishCeremony } from "../../../../../offchain/engines/zk/ceremony/finish-ceremony.ts";
import {
  encodeKeyManifest,
  fileEntry,
  MANIFEST_JSON,
  parseKeyManifest,
  type KeyManifest,
} from "../../../../../offchain/engines/zk/ceremony/key-folder.ts";
import { makeStockKey } from "../../../../../offchain/engines/zk/ceremony/initial-key.ts";
import { importPhase1, type Phase1 } from "../../../../../offchain/engines/zk/ceremony/phase-1.ts";
import type { PinnedPtau } from "../../../../../offchain/engines/zk/ceremony/pinned-ptau.ts";
import {
  applyBeacon,
  contribute,
  initCeremony,
  type StepReceipt,
} from "../../../../../offchain/engines/zk/ceremony/run-ceremony.ts";
import type { StockKey } from "../../../../../offchain/engines/zk/ceremony/stock-key.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { smallPtau } from "../../../../support/zk/small-ptau.ts";
import { sampleCircuit } from "./sample-circuit.ts";

export const BEACON = { value: `0x${"ab".repeat(32)}`, iterations: 10 } as const;

/** A list that holds the small file of the tests: what makes a CEREMONY key possible here. */
export interface TestPhase1 {
  readonly ptau: string;
  readonly phase1: Phase1;
  readonly pins: readonly PinnedPtau[];
}

/** One ceremony from beginning to end. The running folder is kept as it was after every step. */
export interface Fixture extends TestPhase1 {
  readonly circuit: SetupCircuit;
  /** After init, alice, bob, beacon. */
  readonly stages: readonly string[];
  readonly receipts: readonly StepReceipt[];
  readonly key: string;
  readonly manifest: KeyManifest;
  /** What circuit and phase 1 yield. */
  readonly stock: StockKey;
}

async function pinnedPhase1(): Promise<TestPhase1> {
  const ptau = await smallPtau(5);
  const { blake2b } = await importPhase1(ptau, { unpinned: true });
  const pins = [{ power: 5, name: "small", blake2b }];
  return { ptau, pins, phase1: await importPhase1(ptau, { pins }) };
}

async function run(): Promise<Fixture> {
  // Threads for all ceremonies of this file, instead of new ones for each step.
  await buildBn128();
  const base = await phase1OfTests();
  const { ptau, pins } = base;
  const circuit = sampleCircuit();
  const folder = join(temporaryFolder(), "running");
  const stages: string[] = [];
  const keep = (): void => {
    const copy = copyOf(folder);
    stages.push(copy);
  };
  await initCeremony(folder, { id: "sample", circuit, beaconPlan: "a value of the tests", ...base });
  keep();
  const receipts = [await contribute(folder, { name: "alice", ptau, pins })];
  keep();
  receipts.push(await contribute(folder, { name: "bob", text: "more entropy", ptau, pins }));
  keep();
  receipts.push(await applyBeacon(folder, { ...BEACON, ptau, pins }));
  keep();
  const key = join(temporaryFolder(), "sample");
  const manifest = await finishCeremony(folder, { ptau, out: key, pins });
  const stock = await makeStockKey(circuitFacts(circuit).r1csBytes, ptau);
  return { ...base, circuit, stages, receipts, key, manifest, stock };
}

let phase1: Promise<TestPhase1> | undefined;
let fixture: Promise<Fixture> | undefined;
export const phase1OfTests = (): Promise<TestPhase1> => (phase1 ??= pinnedPhase1());
/** Made once in a test process: about ten seconds. */
export const ceremonyFixture = (): Promise<Fixture> => (fixture ??= run());

export function copyOf(folder: string): string {
  const copy = join(temporaryFolder(), "copy");
  cpSync(folder, copy, { recursive: true });
  return copy;
}

export const bytesOf = (folder: string, name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));

/** A copy of a key's folder with other files, under a manifest that names them: what a liar would publish. */
export function forgedKey(
  folder: string,
  files: Readonly<Record<string, Uint8Array>>,
  change: (manifest: KeyManifest) => Partial<KeyManifest> = () => ({}),
): string {
  const copy = copyOf(folder);
  const manifest = parseKeyManifest(bytesOf(copy, MANIFEST_JSON));
  const entries = { ...manifest.files };
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(copy, name), bytes);
    entries[name] = fileEntry(bytes);
  }
  writeFileSync(join(copy, MANIFEST_JSON), encodeKeyManifest({ ...manifest, files: entries, ...change(manifest) }));
  return copy;
}
