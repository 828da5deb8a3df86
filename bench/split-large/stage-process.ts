// SPDX-License-Identifier: GPL-3.0-or-later
// A worker process of `bench -- split-large`: its shelf, its stage's work, its place on the data plane. It computes each input of a
// batch as it comes, passes outputs on in micro-batches, and votes on the digest of the whole when all are here.
import { decodeBatch, encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { batchCount } from "../../offchain/core/batch.ts";
import type { Hex } from "../../offchain/core/bytes.ts";
import { JOB_INPUT } from "../../offchain/core/sealed-input.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { StageWork } from "../../offchain/protocol/stage-work.ts";
import type { BenchKind } from "../net/bench-transport.ts";
import { Peer, SALTS, type Delivery, type PeerCard } from "./peer.ts";
import { benchSpec } from "./spec.ts";
import { openShelf } from "./whole-shelf.ts";

export type Order =
  | { readonly do: "meet"; readonly cards: readonly PeerCard[]; readonly next: PeerCard }
  | { readonly do: "round"; readonly kind: BenchKind; readonly flags: number; readonly microBatches: number };

/** What a worker says of its stage of a batch. */
export interface Done {
  readonly stage: number;
  readonly inDigest: Hex;
  readonly outDigest: Hex;
  /** The kernel's time, waiting for a core included. */
  readonly workMs: number;
  /** Processor time of the whole process. */
  readonly cpuMs: number;
}

export type Said = { readonly card: PeerCard } | { readonly ready: true } | Done;

/** Micro-batches that may wait to be computed (split.md, section 7). */
const QUEUE = 2;

const say = (said: Said) => void process.send?.(said);

const [, , folder = "", part = "whole"] = process.argv;
const { modelId } = (await loadModel(folder)).manifest;
const { shelf, table, workMs } = await openShelf(folder, part === "whole");
const stage = part === "whole" ? 0 : Number(part);
const info = table[stage];
if (info === undefined) throw new TypeError(`there is no stage ${stage}`);
const work = new StageWork({ maxRunning: 1, maxWaiting: 64 }, shelf, systemClock);
const producer = info.producers[0] ?? JOB_INPUT;

const { signal } = new AbortController();
let began = process.cpuUsage();
let next: PeerCard | null = null;
let order = { flags: 0, microBatches: 1 };
/** Accepted and not yet fed: fetches may finish in another order. */
let coming = 0;
const early = new Map<number, Uint8Array>();
let [fed, sent] = [0, 0];
let sending: Promise<void> = Promise.resolve();

const count = () => batchCount(order.flags);
const size = () => count() / order.microBatches;

const peer = await Peer.start({
  room: async ({ jobId, boundary }) => {
    // Salts are small and come ahead.
    if (boundary === SALTS) return;
    while (coming + work.backlog(jobId, producer) / size() >= QUEUE) await work.progress(jobId);
    coming++;
  },
  take: (delivery) => void take(delivery),
});

async function take({ jobId, boundary, index, plain }: Delivery): Promise<void> {
  if (boundary === SALTS) return work.accept(jobId, stage, plain);
  early.set(index, plain);
  for (let bytes = early.get(fed); bytes !== undefined; bytes = early.get(fed)) {
    early.delete(fed);
    fed++;
    coming--;
    if (fed === 1) work.begin(jobId, { spec: benchSpec(modelId, order.flags), stage, table, signal });
    work.feed(jobId, producer, decodeBatch(bytes));
  }
  if (fed === order.microBatches) await vote(jobId);
}

/** Passes on what is whole, in order. */
work.onRow = (jobId) => {
  const { rows = [] } = work.outputRows(jobId) ?? {};
  for (; sent < Math.floor(rows.length / size()); sent++) {
    const [index, plain] = [sent, encodeBatch(rows.slice(sent * size(), (sent + 1) * size()))];
    sending = sending.then(async () => {
      if (next === null) throw new TypeError("not met yet");
      await peer.send(next, { jobId, boundary: stage, index, plain });
    });
  }
};

async function vote(jobId: Hex): Promise<void> {
  if (info === undefined) return;
  work.complete(jobId, producer, count());
  const inDigest = work.inputDigest(jobId, info, table, count());
  if (inDigest === null) throw new TypeError(`stage ${stage} has no input`);
  const { outDigest } = await work.run(jobId, benchSpec(modelId, order.flags), stage, table, signal);
  await sending;
  const { user, system } = process.cpuUsage(began);
  say({ stage, inDigest, outDigest, workMs: workMs(), cpuMs: (user + system) / 1000 });
  work.forget(jobId);
}

process.on("message", (given: Order) => {
  if (given.do === "meet") {
    peer.meet(given.cards);
    ({ next } = given);
    return;
  }
  began = process.cpuUsage();
  peer.kind = given.kind;
  order = given;
  [fed, sent, coming] = [0, 0, 0];
  void peer.sweep().then(() => say({ ready: true }));
});
process.on("disconnect", () => process.exit());
say({ card: peer.card });
