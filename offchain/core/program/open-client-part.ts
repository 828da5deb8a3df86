// SPDX-License-Identifier: MIT
import { boundaryDigest, decodeBatch, encodeBatch } from "../batch-tensors.ts";
import { toHex, type Hex } from "../bytes.ts";
import { CLIENT_STAGE, clientStages, RAW_INPUT } from "../client-claims.ts";
import type { ClientOutcome, ClientPart, ClientRun, ClientStatement } from "../client-part.ts";
import { keccak256 } from "../keccak.ts";
import { modelId } from "../model.ts";
import { networkPart } from "../network-part.ts";
import type { NoiseMechanism } from "../noise/mechanism.ts";
import { noiseBoundary } from "../noise/noise-boundary.ts";
import type { LeakageReport } from "../planning/leakage-report.ts";
import { networkExposure } from "../planning/network-exposure.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../salts.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../tensor.ts";
import { KIND_PUBLIC, type DigestKind, type ModelManifest } from "../types.ts";
import { decodeStages, programRoot, stageKernel } from "./container.ts";
import { decodeProgram } from "./decode-program.ts";
import { encodeProgram } from "./encode-program.ts";
import { ProgramError } from "./errors.ts";
import { joinPrograms } from "./join-programs.ts";
import { pinnedLeakage } from "./pinned-leakage.ts";
import { runProgram, type RunnableProgram } from "./run-program.ts";

/** Files of a model folder: `program`, `report.json` and `leakage.json`. Without the last two nothing is known of the exposure. */
export interface ClientPartFiles {
  readonly program: Uint8Array;
  readonly report?: Uint8Array | undefined;
  readonly leakage?: Uint8Array | undefined;
}

const invalid = (file: string, reason: string) => new ProgramError("MODEL_FILE_INVALID", { file, reason });

function expectHash(what: string, actual: Hex, expected: Hex | undefined): void {
  if (actual !== expected)
    throw new ProgramError("MODEL_HASH_MISMATCH", { what, actual, expected: expected ?? "nothing" });
}

/**
 * Opens the stages of a model that its client runs, from files of anyone: every byte is checked against the manifest.
 * Errors: PROGRAM_MALFORMED, PROGRAM_INVALID, BOUND_OVERFLOW, MODEL_HASH_MISMATCH, NOT_CANONICAL, those of `createClientPart`.
 */
export function openClientPart(manifest: ModelManifest, files: ClientPartFiles): ClientPart {
  const { stages } = manifest;
  const bytes = decodeStages(files.program);
  if (bytes.length !== stages.length)
    throw invalid("program", `it has ${bytes.length} stages, the manifest ${stages.length}`);
  expectHash("program", programRoot(bytes), manifest.programRoot);
  const programs = bytes.map((one, at) => {
    expectHash(`stage ${at}`, stageKernel(one), stages[at]?.kernel);
    return decodeProgram(one);
  });
  if (files.report !== undefined) expectHash("report.json", toHex(keccak256(files.report)), manifest.reportHash);
  const leakage = pinnedLeakage(files.report, files.leakage);
  if (leakage !== null) {
    // An author could pin the report of another program, which shows less.
    const joined = toHex(keccak256(encodeProgram(joinPrograms(programs, stages).program)));
    expectHash("the program that leakage.json speaks about", leakage.program, joined);
  }
  return createClientPart({ manifest, programs, leakage });
}

/**
 * The same from stages and a report that were checked already (`loadModel`).
 * Error: MODEL_FILE_INVALID where no job can ask for the model, or a client stage has a PUBLIC end.
 */
export function createClientPart({
  manifest,
  programs: stages,
  leakage,
}: {
  readonly manifest: ModelManifest;
  readonly programs: readonly Pick<RunnableProgram, "program" | "analysis">[];
  readonly leakage: LeakageReport | null;
}): ClientPart {
  const network = networkPart(manifest.stages);
  if (network === null) throw invalid("manifest.json", "its client stages stand where no job can ask for them");
  const { before, after } = clientStages(manifest);
  for (const at of [...before, ...after])
    if (manifest.stages[at]?.inKind === KIND_PUBLIC || manifest.stages[at]?.outKind === KIND_PUBLIC)
      throw invalid("manifest.json", `a PUBLIC digest of what the client withholds at stage ${at} could be guessed`);
  const programs = stages.map(({ program, analysis }) => ({ program, analysis, probe: null }));
  const noise = before.length === 0 ? null : (leakage?.noise ?? null);
  const range = rangeOf(network.table, programs.slice(network.first, network.end));
  const operators = programs.map(({ program }) => program.ops.length);
  return {
    modelId: modelId(manifest),
    exposure: networkExposure(manifest, operators, leakage),
    noise,
    before: (run) => runBefore({ manifest, programs, noise, ...range }, before, run),
    after: (run) => runAfter({ manifest, programs }, after, run),
  };
}

/** The range that every network stage takes which reads the job's input. */
function rangeOf(table: ModelManifest["stages"], programs: readonly RunnableProgram[]): { lo: number; hi: number } {
  const specs = table.flatMap(
    ({ producers }, at) => programs[at]?.program.inputs[producers.indexOf(INPUT_BOUNDARY)] ?? [],
  );
  return { lo: Math.max(...specs.map(({ lo }) => lo)), hi: Math.min(...specs.map(({ hi }) => hi)) };
}

interface Held {
  readonly manifest: ModelManifest;
  readonly programs: readonly RunnableProgram[];
}

const unpack = ({ bytes, inputs }: ClientRun): Tensor[] =>
  (inputs === 0 ? [bytes] : decodeBatch(bytes)).map((one) => decodeTensor(one));

const pack = (tensors: readonly Tensor[], inputs: number): Uint8Array => {
  const all = tensors.map((tensor) => encodeTensor(tensor));
  return inputs === 0 ? (all[0] ?? new Uint8Array()) : encodeBatch(all);
};

function digestAt({ secret, inputs }: ClientRun, bytes: Uint8Array, boundary: number, kind: DigestKind): Hex {
  return boundaryDigest(kind, bytes, boundarySalt(secret, boundary, kind), inputs);
}

function runStage({ programs }: Held, at: number, tensors: readonly Tensor[]): Tensor[] {
  const program = programs[at];
  if (program === undefined) throw invalid("program", `it has no stage ${at}`);
  return tensors.flatMap((tensor) => runProgram(program, [tensor]).outputs.slice(0, 1));
}

function runBefore(
  held: Held & { readonly noise: NoiseMechanism | null; readonly lo: number; readonly hi: number },
  places: readonly number[],
  run: ClientRun,
): ClientOutcome {
  const { stages } = held.manifest;
  const { inputs } = run;
  let tensors = unpack(run);
  let { bytes } = run;
  const statements: ClientStatement[] = [];
  for (const at of places) {
    const info = stages[at];
    const kindIn = (info?.inKind ?? KIND_PUBLIC) as DigestKind;
    const inDigest = statements.at(-1)?.outDigest ?? digestAt(run, bytes, RAW_INPUT, kindIn);
    tensors = runStage(held, at, tensors);
    const isLast = at === places.at(-1);
    // Before anything is committed to, so that everything after it stays exact.
    if (isLast && held.noise !== null) {
      const { noise: mechanism, lo, hi } = held;
      const parameters = { mechanism, lo, hi, jobSecret: run.secret, boundary: INPUT_BOUNDARY };
      tensors = tensors.map((tensor) => noiseBoundary(tensor, parameters));
    }
    bytes = pack(tensors, inputs);
    // What is handed over is the job's input, and has its salt.
    const boundary = isLast ? INPUT_BOUNDARY : CLIENT_STAGE + at;
    const outDigest = digestAt(run, bytes, boundary, (info?.outKind ?? KIND_PUBLIC) as DigestKind);
    statements.push({ stage: at, inDigest, outDigest });
  }
  return { bytes, statements };
}

function runAfter(held: Held, places: readonly number[], run: ClientRun & { readonly outDigest: Hex }): ClientOutcome {
  let tensors = unpack(run);
  let { bytes } = run;
  const statements: ClientStatement[] = [];
  for (const at of places) {
    const inDigest = statements.at(-1)?.outDigest ?? run.outDigest;
    tensors = runStage(held, at, tensors);
    bytes = pack(tensors, run.inputs);
    const kind = (held.manifest.stages[at]?.outKind ?? KIND_PUBLIC) as DigestKind;
    statements.push({ stage: at, inDigest, outDigest: digestAt(run, bytes, CLIENT_STAGE + at, kind) });
  }
  return { bytes, statements };
}
