// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../core/bytes.ts";
import { digestOf, stageInDigest } from "../core/digest.ts";
import { domainSeparator } from "../core/eip712.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../core/salts.ts";
import { encodeTensor, type Tensor } from "../core/tensor.ts";
import { KIND_BLINDED, KIND_PUBLIC, KIND_SALTED, PRODUCER_INPUT, ZERO_BYTES32, type StageInfo } from "../core/types.ts";
import { encodeKeyRecord } from "../core/zk/key-record.ts";
import type { ProofFile, ProvedStage } from "../core/zk/proof-file.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { createReferenceExecutor } from "../engines/program/reference-executor.ts";
import { runModel } from "../engines/program/run-model.ts";
import type { BoundaryKind, CircuitOptions } from "../engines/zk/circuit/types.ts";
import { KeyStore, type StageKeys } from "../engines/zk/keys/key-store.ts";
import { chooseProver, type ProverChoice } from "../engines/zk/prover/choose-prover.ts";
import type { Prover, WeightsOpening } from "../engines/zk/prover/prover.ts";
import { ProverService } from "../engines/zk/service/prover-service.ts";
import { choosePairing } from "../engines/zk/verify/choose-pairing.ts";
import type { WeightsOpenings } from "../engines/zk/weights/opening-files.ts";
import { CliError } from "./errors.ts";

/** Whether the model's input and result are shown in the proofs or only committed to. */
export type Ends = "model" | "public" | "salted";

export interface ProveModelOptions {
  readonly model: LoadedModel;
  readonly input: Tensor;
  /** All salts follow from it. */
  readonly secret: Uint8Array;
  readonly ends: Ends;
  readonly chainId: bigint;
  readonly hub: Hex;
  readonly jobId: Hex;
  readonly worker: Hex;
  /** Folders of ceremonies' keys, and of what may be made again. */
  readonly keyFolder: string;
  readonly cacheFolder: string;
  readonly memoryMiB: number;
  readonly prover?: ProverChoice;
  /** Of stages whose weights are private. */
  readonly openings?: WeightsOpenings;
  readonly signal: AbortSignal;
  readonly onProgress: (step: string) => void;
}

export interface ProvedModel {
  readonly file: ProofFile;
  readonly output: Tensor;
  /** Whether a boundary is only committed to: then `secret` opens it. */
  readonly salted: boolean;
  readonly prover: Prover["name"];
}

const KIND = { PUBLIC: KIND_PUBLIC, SALTED: KIND_SALTED } as const;
/** What is blinded in jobs of votes is salted in proofs. */
const provable = (kind: number): 0 | 1 => (kind === KIND_PUBLIC ? KIND_PUBLIC : KIND_SALTED);
const named = (kind: number): BoundaryKind => (kind === KIND_PUBLIC ? "PUBLIC" : "SALTED");

/** The stage table with the ends that were asked for. A stage whose ends change has another circuit, so no key of the model's. */
function tableFor({ model, ends }: ProveModelOptions): StageInfo[] {
  const { stages } = model.manifest.model;
  const wanted = ends === "model" ? undefined : ends === "public" ? KIND.PUBLIC : KIND.SALTED;
  return stages.map((info, stage) => {
    const reads = info.producers.includes(PRODUCER_INPUT);
    const inKind = reads && info.producers.length === 1 ? (wanted ?? provable(info.inKind)) : provable(info.inKind);
    const outKind = stage === stages.length - 1 ? (wanted ?? provable(info.outKind)) : provable(info.outKind);
    const same = inKind === info.inKind && outKind === info.outKind;
    return { ...info, inKind, outKind, keyId: same ? info.keyId : ZERO_BYTES32 };
  });
}

const isCommitted = ({ weightsX, weightsY }: StageInfo) => BigInt(weightsX) !== 0n || BigInt(weightsY) !== 0n;

/** The opening of a stage's C_w, if the folder has it. */
function openingOf(options: ProveModelOptions, stage: number, info: StageInfo): WeightsOpening | undefined {
  const opening = options.openings?.get(stage);
  const { x, y } = opening?.commitment ?? { x: -1n, y: -1n };
  return x === BigInt(info.weightsX) && y === BigInt(info.weightsY) ? opening : undefined;
}

/** Compiles a stage and finds its key; on the local chain a development key is made where there is none. */
async function keysOf(store: KeyStore, options: ProveModelOptions, stage: number, info: StageInfo): Promise<StageKeys> {
  const { model, signal, onProgress } = options;
  const weights = isCommitted(info) ? "private" : "public";
  if (weights === "private" && openingOf(options, stage, info) === undefined)
    throw new CliError("MODEL_WEIGHTS_PRIVATE", { stage });
  // A commitment means something under its own key only.
  if (weights === "private" && info.keyId === ZERO_BYTES32) throw new CliError("WEIGHTS_COMMITTED", { stage });
  const { program } = model.stages[stage] as LoadedModel["stages"][0];
  const step = (text: string) => onProgress(`stage ${stage}: ${text}`);
  const keyId = info.keyId === ZERO_BYTES32 ? undefined : info.keyId;
  const { prover = "auto" } = options;
  const circuit: CircuitOptions = {
    weights,
    inKinds: info.producers.map(() => named(info.inKind)),
    outKind: named(info.outKind),
    signal,
    onProgress: (text) => step(`compile, ${text}`),
  };
  const setup = { signal, prover, onProgress: (text: string) => step(`development key, ${text}`) };
  return store.ofStage(program, circuit, keyId, setup);
}

/**
 * Runs a model on an input and proves every stage of it, one after the other. Errors: MODEL_WEIGHTS_PRIVATE, WEIGHTS_COMMITTED, those of running, compiling,
 * finding keys and proving.
 */
export async function proveModel(options: ProveModelOptions): Promise<ProvedModel> {
  const { model, input, secret, chainId, hub, jobId, worker, signal, onProgress } = options;
  onProgress("run");
  const run = await runModel(model, input, createReferenceExecutor());
  const table = tableFor(options);
  const tensorOf = (boundary: number): Tensor => run.stages[boundary]?.outputs[0] ?? input;
  const kindOf = (boundary: number): 0 | 1 =>
    provable(
      table[boundary]?.outKind ??
        table.find(({ producers }) => producers.includes(PRODUCER_INPUT))?.inKind ??
        KIND_BLINDED,
    );
  const saltOf = (boundary: number): Uint8Array | undefined => boundarySalt(secret, boundary, kindOf(boundary));
  const digest = (boundary: number): Hex =>
    digestOf(kindOf(boundary), encodeTensor(tensorOf(boundary)), saltOf(boundary));
  const inDigest = digest(INPUT_BOUNDARY);
  const outs = table.map((_, stage) => digest(stage));

  const store = new KeyStore(options);
  const chosen = chooseProver(options.prover);
  const pairing = choosePairing(options.prover);
  const service = new ProverService(await chosen.make(), { memoryMiB: options.memoryMiB, pairing });
  const stages: ProvedStage[] = [];
  try {
    for (const [stage, info] of table.entries()) {
      const { circuit, files, key } = await keysOf(store, options, stage, info);
      const { producers, weightsX, weightsY } = info;
      const outDigest = outs[stage] ?? "0x";
      const { evidence } = await service.proveStage({
        circuit,
        keys: files,
        inputs: producers.map(tensorOf),
        salts: [...producers, stage].map(saltOf),
        claim: { jobId, stage, inDigest: stageInDigest(table, stage, inDigest, outs), outDigest, worker },
        domain: domainSeparator({ chainId, hub }),
        producers,
        weights: openingOf(options, stage, info),
        signal,
        onProgress: (text) => onProgress(`stage ${stage}: prove, ${text}`),
      });
      stages.push({
        worker,
        outDigest,
        producers: [...producers],
        weightsX,
        weightsY,
        key: toHex(encodeKeyRecord(key.record)),
        evidence,
      });
    }
  } finally {
    await service.close();
  }
  const salted = [INPUT_BOUNDARY, ...table.keys()].some((boundary) => kindOf(boundary) === KIND_SALTED);
  return { file: { chainId, hub, jobId, inDigest, stages }, output: run.output, salted, prover: chosen.name };
}
