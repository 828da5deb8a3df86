// SPDX-License-Identifier: GPL-3.0-or-later
// A process of `bench -- split`: one seat of one stage, with the worker's own desk, work and HTTP transport; the vote and the chain are left
// out. argv: a Place as JSON.
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { HttpTransport } from "../../offchain/adapters/net/http-transport.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { batchFlags } from "../../offchain/core/batch.ts";
import { encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { BOUNDARY_PROTOCOL } from "../../offchain/core/boundary-index.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import type { Logger } from "../../offchain/core/ports/logger.ts";
import { encodeSealedInput } from "../../offchain/core/sealed-input.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_BLINDED, type Job, type StageInfo } from "../../offchain/core/types.ts";
import { createThreadedExecutor } from "../../offchain/engines/program/threaded-executor.ts";
import { BoundaryDesk, type BoundaryHolder } from "../../offchain/protocol/boundary-desk.ts";
import type { ProtocolModules, WorkerProfile } from "../../offchain/protocol/ports.ts";
import { StageWork } from "../../offchain/protocol/stage-work.ts";
import { memoryBlobs, memoryStore } from "../../test/support/cluster/memory-blobs.ts";
import { bytesOf } from "../../test/support/deterministic.ts";
import { fakeHub, proofWorker } from "../../test/support/proof-worker.ts";
import { sampleJob, sampleManifest, signerOf } from "../../test/support/sample-receipt.ts";
import type { Order, Place, Word } from "./messages.ts";
import { benchInput, benchStage } from "./programs.ts";

const { worker, stages, stage: ownStage, layers } = JSON.parse(process.argv[2] ?? "{}") as Place;
const stage = ownStage ?? 0;
/** Unsplit, the whole program is one stage. */
const count = ownStage === null ? 1 : stages;
const silent = () => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent, child: () => logger };
const say = (word: Word): void => void process.send?.(word);

const { signal } = new AbortController();
const manifest = sampleManifest(count);
const table = manifest.stages;
const info = table[stage] as StageInfo;
const executor = createThreadedExecutor({ threads: 1 });
const held = ownStage === null ? Array.from({ length: stages }, (_, i) => i) : [stage];
const programs = held.map((i) => benchStage(i, layers));
for (const program of programs) await executor.warm(program);
const transport = new HttpTransport({}, { logger });
const { modules: base } = proofWorker(worker, fakeHub());
const modules: ProtocolModules = {
  ...base,
  transport,
  clock: systemClock,
  blobs: memoryBlobs(systemClock, transport, memoryStore(systemClock)),
  signal,
  models: {
    has: () => true,
    table: () => table,
    exposure: () => [],
    stage: async () => ({
      maxInputBytes: 1 << 20,
      run: async (inputs: readonly Tensor[]) => {
        let list = inputs;
        for (const program of programs) list = (await executor.run(program, list)).outputs;
        return { output: list[0] as Tensor, probe: null };
      },
    }),
  },
};
let urls: Readonly<Record<number, string>> = {};
const work = new StageWork({ maxRunning: 1, maxWaiting: 4 }, modules.models, systemClock);

/** A worker knows its fellows' keys from the chain; here they are computed, once. */
function once<T>(make: (id: number) => T): (id: number) => T {
  const known = new Map<number, T>();
  return (id) => {
    const value = known.get(id) ?? make(id);
    known.set(id, value);
    return value;
  };
}
/** The client's part. */
const inputOf = once((rows) => encodeBatch(Array.from({ length: rows }, (_, i) => encodeTensor(benchInput(i)))));
const addressOf = once(signerOf);
const sealKeyOf = once((id) => toHex(nodeCrypto.x25519PublicKey(bytesOf(`seal ${id}`))));
const profileOf = (id: number): WorkerProfile => {
  const sealKey = sealKeyOf(id);
  return { workerId: id, transportId: sealKey, sealKey, addresses: [{ id: null, url: urls[id] ?? "" }] };
};

interface Running {
  readonly order: Extract<Order, { kind: "run" }>;
  readonly jobId: Hex;
  readonly job: Job;
  digest: Hex | null;
  isVoting: boolean;
}
const runs = new Map<Hex, Running>();

async function vote(running: Running): Promise<void> {
  const { job, jobId, order } = running;
  if (running.isVoting || work.inputDigest(jobId, info, table, order.rows) === null) return;
  running.isVoting = true;
  const { outDigest } = await work.run(jobId, job.spec, stage, table, signal);
  running.digest = outDigest;
  say({ kind: "done", run: order.run, digest: outDigest });
  await send(running);
}

async function send({ order, jobId, job, digest }: Running): Promise<void> {
  if (order.to.length === 0 || (!order.isEarly && digest === null)) return;
  const to = order.to.map(profileOf);
  const whole = order.isHeld ? null : digest;
  await desk.send({ jobId, job, boundary: stage, stage: stage + 1, digestKind: KIND_BLINDED, to }, whole);
}

const holderOf = (running: Running): BoundaryHolder => ({
  jobId: running.jobId,
  job: running.job,
  isOver: false,
  get isHungry() {
    return !running.isVoting;
  },
  accepted: () => null,
  addressesOf: (signer) => {
    const id = Object.keys(urls)
      .map(Number)
      .find((one) => addressOf(one) === signer);
    return id === undefined ? [] : profileOf(id).addresses;
  },
  tick: async () => void vote(running),
  table,
  seatedStage: stage,
  stageSigners: () => Object.keys(urls).map((id) => addressOf(Number(id))),
  signerOf: addressOf,
  feeds: [],
  addFeed: () => undefined,
});
const desk = new BoundaryDesk({ maxBlobBytes: 64 << 20 }, modules, {
  work,
  session: (jobId) => {
    const running = runs.get(jobId);
    return running === undefined ? null : holderOf(running);
  },
  push: async () => false,
});
transport.serve(BOUNDARY_PROTOCOL, async function* answer(_from, request, until) {
  yield await desk.handle(request, until);
});
work.onRow = (jobId) => {
  const running = runs.get(jobId);
  if (running === undefined) return;
  say({ kind: "row", run: running.order.run, rows: work.outputRows(jobId)?.rows.length ?? 0 });
  void send(running);
};

function start(order: Extract<Order, { kind: "run" }>): void {
  for (const jobId of runs.keys()) {
    work.forget(jobId);
    desk.forget(jobId);
  }
  runs.clear();
  const jobId = toHex(bytesOf(`run ${order.run}`));
  const sample = sampleJob(manifest, 3);
  const policy = { ...sample.spec.policy, flags: batchFlags(4, order.rows) };
  const job: Job = { ...sample, spec: { ...sample.spec, policy } };
  const running: Running = { order, jobId, job, digest: null, isVoting: false };
  runs.set(jobId, running);
  // The salt of the result is one for split and unsplit: their digests must be equal.
  const salts = [stage - 1, stage]
    .filter((boundary) => boundary >= 0)
    .map((boundary) => ({
      boundary,
      salt: bytesOf(`run ${order.run} ${boundary === count - 1 ? "result" : `boundary ${boundary}`}`),
    }));
  work.accept(jobId, stage, encodeSealedInput({ stage, salts, tensors: [] }));
  if (order.isEarly) work.begin(jobId, { spec: job.spec, stage, table, signal });
  if (stage > 0) return;
  work.acceptPublic(jobId, inputOf(order.rows).slice());
  void vote(running);
}

process.on("message", (order: Order) => {
  if (order.kind === "peers") urls = order.urls;
  else start(order);
});
process.on("disconnect", () => process.exit());
const [address] = await transport.start();
say({ kind: "ready", url: address?.url ?? "" });
