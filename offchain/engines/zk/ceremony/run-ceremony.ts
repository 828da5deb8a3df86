// SPDX-License-Identifier: GPL-3.0-or-later
import type { Curve } from "ffjavascript";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { toHex, type Hex } from "../../../core/bytes.ts";
import { CEREMONY_JSON, encodeCeremony, TOOLS, type CeremonyFile } from "./ceremony-file.ts";
import { CIRCUIT_R1CS, readCeremonyFolder, stepPath, zkeyPath, type CeremonyFolder } from "./ceremony-folder.ts";
import { isClosed, takeStep, type Chain } from "./chain.ts";
import { circuitFacts } from "./circuit.ts";
import type { SetupCircuit } from "../setup/setup-circuit.ts";
import { withCurve } from "./curve.ts";
import { CeremonyError } from "./errors.ts";
import { groupBase, makeStockKey, stockHashOf, stripKey } from "./initial-key.ts";
import { makeStep } from "./make-step.ts";
import { checkId, checkName } from "./name.ts";
import { checkPhase1, type Phase1, type Phase1Options, type Work } from "./phase-1.ts";
import { stockEntropy } from "./secret-scalar.ts";
import { encodeStep, MAX_BEACON_BYTES, MAX_ITERATIONS, MIN_BEACON_BYTES, MIN_ITERATIONS } from "./step-file.ts";
import { readStockKey, type StockKey } from "./stock-key.ts";
import { runStock, type StockRequest } from "./stock.ts";
import { verifyCeremony, type CeremonyEvidence } from "./verify-ceremony.ts";

export interface InitOptions extends Phase1Options {
  readonly id: string;
  readonly circuit: SetupCircuit;
  /** As `importPhase1` returned it. */
  readonly phase1: Phase1;
  readonly ptau: string;
  readonly beaconPlan: string;
}

const state = (folder: string, reason: string) => new CeremonyError("CEREMONY_STATE", { folder, reason });
const input = (what: string, reason: string) => new CeremonyError("CEREMONY_INPUT", { what, reason });

/**
 * Begins a ceremony in an empty folder: `zkey new`, then the strip, before anyone can contribute. Errors: CEREMONY_INPUT,
 * CEREMONY_STATE, CIRCUIT_MISMATCH, PTAU_INVALID, PTAU_UNPINNED, STOCK_FAILED.
 */
export async function initCeremony(folder: string, options: InitOptions): Promise<CeremonyFile> {
  const { circuit, phase1, ptau, beaconPlan } = options;
  const id = checkId(options.id);
  if (!/^[\x20-\x7e]{1,500}$/.test(beaconPlan))
    throw input("The beacon plan", "1 to 500 printable ASCII characters must say which public randomness will be used");
  if (existsSync(folder) && readdirSync(folder).length > 0) throw state(folder, "the folder is not empty");
  const { facts, r1csBytes } = circuitFacts(circuit);
  await checkPhase1(ptau, phase1, options);
  const stock = await makeStockKey(r1csBytes, ptau, options);
  const ceremony: CeremonyFile = {
    version: 1,
    id,
    circuit: facts,
    phase1,
    stockHash: stockHashOf(stock),
    beaconPlan,
    tools: TOOLS,
  };
  const { bytes } = stripKey(stock, ceremony);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CIRCUIT_R1CS), r1csBytes);
  writeFileSync(zkeyPath(folder, 0), bytes);
  writeFileSync(join(folder, CEREMONY_JSON), encodeCeremony(ceremony));
  return ceremony;
}

/** A folder that was verified from its circuit and phase 1. */
export interface VerifiedCeremony extends CeremonyEvidence {
  readonly chain: Chain;
}

/** `verifyCeremony` of a folder as read. `stock` is what circuit and phase 1 yield: never from whoever sent the folder. */
export async function verifyFolder(
  curve: Curve,
  { folder, ceremony, steps }: CeremonyFolder,
  stock: StockKey,
  ptau: string,
  work: Work = {},
): Promise<VerifiedCeremony> {
  const init = stripKey(stock, ceremony);
  const keyPath = zkeyPath(folder, steps.length);
  if (!existsSync(keyPath)) throw state(folder, `${basename(keyPath)} is missing`);
  const evidence: CeremonyEvidence = {
    ceremony,
    stock,
    init,
    key: readStockKey(keyPath),
    keyPath,
    heads: steps.map(({ head }) => head),
    points: steps.at(-1)?.points ?? ceremony.circuit.groups.map((_, i) => groupBase(stock, ceremony.circuit, i)),
    ptau,
  };
  return { ...evidence, chain: await verifyCeremony(curve, evidence, work) };
}

/**
 * Verifies a folder, whoever sent it, from its circuit and phase 1; `first` sees it before that, to refuse cheaply. Errors: all of
 * ceremonies'.
 */
export async function openCeremony(
  curve: Curve,
  folder: string,
  ptau: string,
  options: Phase1Options & { readonly first?: (read: CeremonyFolder) => void } = {},
): Promise<VerifiedCeremony> {
  const read = readCeremonyFolder(folder);
  options.first?.(read);
  await checkPhase1(ptau, read.ceremony.phase1, options);
  return verifyFolder(curve, read, await makeStockKey(read.r1csBytes, ptau, options), ptau, options);
}

export interface StepReceipt {
  readonly index: number;
  readonly name: string;
  /** The transcript's hash after the step: what a contributor publishes and later finds in the finished transcript. */
  readonly hash: Hex;
  /** snarkjs's hash of the contribution to δ2. */
  readonly stockHash: Hex;
}

type Parameters = { readonly name: string; readonly text: string } & (
  { readonly kind: "person" } | { readonly kind: "beacon"; readonly beacon: string; readonly iterations: number }
);

async function addStep(folder: string, ptau: string, step: Parameters, options: Phase1Options): Promise<StepReceipt> {
  return withCurve(async (curve) => {
    const first = ({ steps }: CeremonyFolder): void => {
      if (isClosed(steps.map(({ head }) => head))) throw state(folder, "its beacon has been applied");
    };
    const { chain, keyPath, points } = await openCeremony(curve, folder, ptau, { ...options, first });
    const index = chain.heads.length + 1;
    const part = `${zkeyPath(folder, index)}.part`;
    try {
      options.onProgress?.("changing delta2");
      const files = { from: keyPath, to: part, name: step.name };
      const request: StockRequest =
        step.kind === "person"
          ? { call: "contribute", ...files, entropy: stockEntropy(step.text) }
          : { call: "beacon", ...files, beacon: step.beacon, iterations: step.iterations };
      const { ok, why } = await runStock(request, options.signal);
      const stock = ok ? readStockKey(part).contributions.at(-1) : undefined;
      if (stock === undefined) throw new CeremonyError("STOCK_FAILED", { call: request.call, reason: why });
      const made = await makeStep(curve, chain, points, stock, step.text, options);
      const { hash } = takeStep(chain, made.head, stock.deltaAfter);
      writeFileSync(`${stepPath(folder, index)}.part`, encodeStep(made));
      renameSync(part, zkeyPath(folder, index));
      renameSync(`${stepPath(folder, index)}.part`, stepPath(folder, index));
      return { index, name: step.name, hash, stockHash: toHex(stock.hash) };
    } finally {
      for (const path of [part, `${stepPath(folder, index)}.part`]) rmSync(path, { force: true });
    }
  });
}

/**
 * Verifies the folder, then changes every delta by fresh secrets of this machine, which are forgotten. `text` is mixed into them.
 * Errors: those of `openCeremony`, CEREMONY_INPUT, CEREMONY_STATE after the beacon.
 */
export const contribute = (
  folder: string,
  { name, text = "", ptau, ...options }: { name: string; text?: string; ptau: string } & Phase1Options,
): Promise<StepReceipt> => addStep(folder, ptau, { kind: "person", name: checkName(name), text }, options);

/** Ends the contributions by public randomness that nobody could know before them. Errors: as `contribute`. */
export async function applyBeacon(
  folder: string,
  { value, iterations, ptau, ...options }: { value: string; iterations: number; ptau: string } & Phase1Options,
): Promise<StepReceipt> {
  const beacon = value.toLowerCase().replace(/^0x/, "");
  if (!/^(?:[0-9a-f]{2})+$/.test(beacon)) throw input("The beacon", "it is not hexadecimal");
  if (beacon.length < 2 * MIN_BEACON_BYTES || beacon.length > 2 * MAX_BEACON_BYTES)
    throw input("The beacon", `${MIN_BEACON_BYTES} to ${MAX_BEACON_BYTES} bytes are needed`);
  if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
    throw input("The number of iterations", `2^${MIN_ITERATIONS} to 2^${MAX_ITERATIONS} are possible`);
  return addStep(folder, ptau, { kind: "beacon", name: "beacon", text: "", beacon, iterations }, options);
}
