// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Chain } from "../../adapters/chain/chain.ts";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import { getModel } from "../../adapters/chain/actions/get-model.ts";
import { keyRecordAt } from "../../adapters/chain/read-past.ts";
import { toHex, type Hex } from "../../core/bytes.ts";
import { KIND_PUBLIC, PRODUCER_INPUT, ZERO_BYTES32, type StageInfo } from "../../core/types.ts";
import { encodeKeyRecord, KEY_DEVELOPMENT, keyIdOf, readKeyRecord, type KeyRecord } from "../../core/zk/key-record.ts";
import { openKey } from "../../core/zk/verifying-key.ts";
import type { LoadedModel } from "../../engines/program/load-program.ts";
import { verifySetup } from "../../engines/zk/ceremony/verify-setup.ts";
import { compileForKey } from "../../engines/zk/circuit/compile-circuit.ts";
import type { BoundaryKind, CompiledCircuit } from "../../engines/zk/circuit/types.ts";
import { locateKey } from "../../engines/zk/keys/locate-key.ts";
import { developmentSetup } from "../../engines/zk/setup/development-setup.ts";
import { bad, good, unknown, type Finding } from "../replay/claims.ts";
import type { ClaimLog } from "../replay/claim-log.ts";

export interface KeyAuditOptions {
  /** Folder of ceremonies' keys, one folder each, and the phase 1 file; without them a ceremony's key is only what its record says. */
  readonly keyFolder?: string | undefined;
  readonly ptau?: string | undefined;
  /** Where the key should be registered. */
  readonly chain?: Chain | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: (step: string) => void;
}

/** Digest kinds of a stage's boundaries, as its producers and the table name them. */
function kindsOf(table: readonly StageInfo[], stage: number): { inKinds: BoundaryKind[]; outKind: BoundaryKind } {
  const named = (kind: number | undefined): BoundaryKind => (kind === KIND_PUBLIC ? "PUBLIC" : "SALTED");
  const info = table[stage];
  const inKinds = (info?.producers ?? []).map((producer) =>
    named(producer === PRODUCER_INPUT ? info?.inKind : table[producer]?.outKind),
  );
  return { inKinds, outKind: named(info?.outKind) };
}

interface StageWork {
  readonly model: LoadedModel;
  readonly stage: number;
  readonly info: StageInfo;
  readonly options: KeyAuditOptions;
  /** The circuit, built twice from nothing. */
  circuit?: CompiledCircuit;
  record?: KeyRecord;
}

const isCommitted = ({ weightsX, weightsY }: StageInfo): boolean =>
  weightsX !== ZERO_BYTES32 || weightsY !== ZERO_BYTES32;

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "assay-keys-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the record beside the model says that its circuit is: only the choice of the mode depends on it. */
function claimedHash({ model, stage, info }: StageWork): Hex | undefined {
  const bytes = model.keys[stage];
  if (bytes === null || bytes === undefined || keyIdOf(bytes) !== info.keyId) return undefined;
  try {
    return readKeyRecord(bytes).circuitHash;
  } catch {
    // The next claim says what is wrong with it.
    return undefined;
  }
}

/** Compiles the stage twice, each time without a cache of gadgets: the second build sees nothing of the first. */
async function buildTwice(work: StageWork): Promise<Finding> {
  const { model, stage, info, options } = work;
  const program = model.stages[stage]?.program;
  if (program === undefined) return bad("program", `the program has no stage ${stage}`);
  const claimed = claimedHash(work);
  const build = async (number: string) =>
    inFolder(async (cacheFolder) =>
      compileForKey(
        program,
        {
          weights: isCommitted(info) ? "private" : "public",
          ...kindsOf(model.manifest.model.stages, stage),
          cacheFolder,
          signal: options.signal,
          onProgress: (step) => options.onProgress?.(`stage ${stage}, ${number} build: ${step}`),
        },
        claimed,
      ),
    );
  const [first, second] = [await build("first"), await build("second")];
  if (first.circuitHash !== second.circuitHash)
    return bad("circuits", `two builds of the same sources differ: ${first.circuitHash} and ${second.circuitHash}`);
  work.circuit = first;
  return good(`two builds give the same circuit, ${first.circuitHash}: ${first.report.constraints} constraints`);
}

/** The record beside the model, or on the chain. */
async function findRecord(work: StageWork): Promise<Finding> {
  const { model, stage, info, options } = work;
  const own = model.keys[stage];
  const shown =
    own ??
    (options.chain === undefined ? null : await keyRecordAt(options.chain, info.keyId, await headOf(options.chain)));
  if (shown === null || shown === undefined) return unknown("neither the model's folder nor a chain has the record");
  const { keyId, record } = openKey(shown, info.keyId);
  work.record = record;
  return good(`key ${keyId} from ${own == null ? "the chain" : "the model's folder"}`);
}

function matches({ circuit, record }: StageWork): Finding {
  if (circuit === undefined || record === undefined) return unknown("the circuit or the record is missing");
  if (record.circuitHash !== circuit.circuitHash)
    return bad("key record", `it is of circuit ${record.circuitHash}, the sources give ${circuit.circuitHash}`);
  return good("the key is of the circuit that the sources give");
}

/** Who could know the key's secrets. */
async function classOf(work: StageWork): Promise<Finding> {
  const { circuit, record, info, options, stage } = work;
  if (record === undefined) return unknown("the record is missing");
  if (record.cls === KEY_DEVELOPMENT) {
    if (circuit === undefined) return unknown("a DEVELOPMENT key, and no circuit to make it again from");
    const again = await inFolder(async (folder) => {
      options.onProgress?.(`stage ${stage}: making the development key again`);
      const files = await developmentSetup(circuit, folder, { signal: options.signal });
      return toHex(new Uint8Array(await readFile(files.record)));
    });
    if (again !== toHex(encodeKeyRecord(record)))
      return bad(
        "key record",
        "it says DEVELOPMENT, but the published numbers give another key: nobody knows who made it",
      );
    return good(
      "a DEVELOPMENT key, made again from published numbers: ANYONE CAN FORGE proofs under it; local chains only",
    );
  }
  const { keyFolder, ptau } = options;
  if (keyFolder === undefined || ptau === undefined || circuit === undefined)
    return unknown("it says that a ceremony made it: give --keys and --ptau to verify that ceremony");
  const found = await locateKey(keyFolder, info.keyId);
  if (found === undefined) return unknown(`no folder in ${keyFolder} has this key`);
  options.onProgress?.(`stage ${stage}: verifying the ceremony`);
  const report = await verifySetup({
    circuit,
    folder: found.folder,
    ptau,
    signal: options.signal,
    allowDevelopment: false,
  });
  return good(`a CEREMONY key: ${report.checks.join("; ")}`);
}

const headOf = async (chain: Chain): Promise<number> => Number((await getHead(chain)).number);

async function registered({ model, info, options, record }: StageWork): Promise<Finding> {
  const { chain } = options;
  if (chain === undefined) return unknown("no chain was given: --devnet, or --rpc and --hub");
  const onChain = await keyRecordAt(chain, info.keyId, await headOf(chain));
  if (onChain === null) return bad("key registry", `it has no key ${info.keyId}`);
  if (record !== undefined && onChain !== toHex(encodeKeyRecord(record)))
    return bad("key registry", "it holds another record");
  const { stages } = await getModel(chain, { modelId: model.manifest.modelId });
  if (stages === 0) return bad("model registry", `it has no model ${model.manifest.modelId}`);
  return good(`registry ${chain.contracts.keys} holds the record, and model ${model.manifest.modelId} names it`);
}

/**
 * Follows each of a model's keys from the circuit's source to the chain: built twice, the record of that circuit, who could know its secrets,
 * and its registration. One claim a step; stages without a key have none. Errors: those of the compiler on a program that cannot be proven.
 */
export async function auditKeys(model: LoadedModel, log: ClaimLog, options: KeyAuditOptions): Promise<void> {
  for (const [stage, info] of model.manifest.model.stages.entries()) {
    if (info.keyId === ZERO_BYTES32) continue;
    const work: StageWork = { model, stage, info, options };
    const id = (step: string) => `stage ${stage}/${step}`;
    await log.judge(id("build"), "building the circuit twice gives the same", "circuits", async () => buildTwice(work));
    await log.judge(id("record"), "the key's record is the one that the model names", "key record", async () =>
      findRecord(work),
    );
    await log.judge(id("circuit"), "the key is of the circuit that the sources give", "key record", () =>
      matches(work),
    );
    await log.judge(
      id("class"),
      "nobody can know the key's secrets, or it says that everybody does",
      "key record",
      async () => classOf(work),
    );
    await log.judge(id("chain"), "the chain holds the same record", "key registry", async () => registered(work));
  }
}

/** For reports: the model that was audited. */
export interface KeyReport {
  readonly ok: boolean;
  readonly modelId: Hex;
  readonly claims: ClaimLog["claims"];
}
