// SPDX-License-Identifier: GPL-3.0-or-later
// A seat's own work for a job of one or many inputs: the worker's code, without the network between.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { batchFlags } from "../../offchain/core/batch.ts";
import { encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { keccak256 } from "../../offchain/core/keccak.ts";
import { prepareInput } from "../../offchain/core/program/preprocess.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../offchain/core/salts.ts";
import { encodeSealedInput, JOB_INPUT } from "../../offchain/core/sealed-input.ts";
import { recoverSigner, signDigest } from "../../offchain/core/signature.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import type { DigestKind, Spec } from "../../offchain/core/types.ts";
import { parseIdx, rowOf } from "../../offchain/engines/program/dataset.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { FolderModelShelf } from "../../offchain/node/model-shelf.ts";
import { SAID_ABSTAIN_WORD } from "../../offchain/protocol/said.ts";
import { StageWork } from "../../offchain/protocol/stage-work.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";

export interface SeatTime {
  /** Processor milliseconds of one job: its input opened and checked, all its inputs run, its answer hashed. */
  readonly workMs: number;
  /** The same of what a vote takes, whatever it is on: two signatures made, two of each other seat checked. */
  readonly voteMs: number;
}

const MODEL = "models/digits-cnn";
const SEATS = 5;
/** A round is repeated until it has taken this long, so that the clock's grain does not count. */
const LEAST_MS = 400;
const silent = () => undefined;
const logger = { debug: silent, info: silent, warn: silent, error: silent, child: () => logger };

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function timed(once: () => Promise<void> | void): Promise<number> {
  await once(); // what is loaded or compiled first belongs to no job
  const started = processorMs();
  let rounds = 0;
  do {
    await once();
    rounds++;
  } while (processorMs() - started < LEAST_MS);
  return (processorMs() - started) / rounds;
}

/** Measures `count` inputs a job on the digits network with private ends, one thread. */
export async function createSeat(spec: Spec): Promise<{ measure: (count: number) => Promise<SeatTime> }> {
  const model = await loadModel(MODEL);
  const table = model.manifest.model.stages;
  const [stage] = table;
  if (stage === undefined) throw new TypeError(`${MODEL} does not run`);
  const folders = [MODEL];
  const shelf = await FolderModelShelf.open({ folders, executor: "onnx", threads: 1, judges: null }, { logger });
  const data = (name: string) => new Uint8Array(readFileSync(join("models/data", name)));
  const rows = parseIdx(data("digits-test-images.idx.gz"), data("digits-test-labels.idx.gz"));
  const secret = keccak256(new Uint8Array(1));
  const jobId: Hex = toHex(keccak256(new Uint8Array(2)));
  const signal = new AbortController().signal;

  async function seatWork(count: number): Promise<() => Promise<void>> {
    const inputs = Array.from({ length: Math.max(1, count) }, (_, i) =>
      encodeTensor(prepareInput(model.preprocess, rowOf(rows, i % rows.rows))),
    );
    const tensor = count === 0 ? (inputs[0] ?? new Uint8Array()) : encodeBatch(inputs);
    const salts = [0, JOB_INPUT].map((boundary) => {
      const kind = (boundary === JOB_INPUT ? stage?.inKind : stage?.outKind) as DigestKind;
      const salt = boundarySalt(secret, boundary === JOB_INPUT ? INPUT_BOUNDARY : boundary, kind);
      return { boundary, salt: salt ?? new Uint8Array() };
    });
    const sealed = encodeSealedInput({ stage: 0, salts, tensors: [{ boundary: JOB_INPUT, tensor }] });
    const { policy } = spec;
    const flags = count === 0 ? policy.flags : batchFlags(policy.flags, count);
    const batched: Spec = { ...spec, modelId: model.manifest.modelId, policy: { ...policy, flags } };
    const work = new StageWork({ maxRunning: 1, maxWaiting: 1 }, shelf, systemClock);
    return async () => {
      work.accept(jobId, 0, sealed);
      const digest = stage === undefined ? null : work.inputDigest(jobId, stage, table, count);
      const { outDigest } = await work.run(jobId, batched, 0, table, signal);
      if (digest === null || outDigest === SAID_ABSTAIN_WORD) throw new TypeError(`${MODEL} does not run`);
      work.forget(jobId);
    };
  }

  function vote(): void {
    const digest = keccak256(Uint8Array.of(3));
    const signature = signDigest(digest, secret);
    signDigest(digest, secret);
    for (let seat = 0; seat < SEATS; seat++)
      if (seat > 0) for (let said = 0; said < 2; said++) recoverSigner(digest, signature);
  }

  return {
    measure: async (count) => ({ workMs: await timed(await seatWork(count)), voteMs: await timed(vote) }),
  };
}
