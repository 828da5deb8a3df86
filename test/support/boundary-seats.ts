// SPDX-License-Identifier: GPL-3.0-or-later
import { BLOB_PROTOCOL } from "../../offchain/adapters/net/blob-wire.ts";
import { batchFlags } from "../../offchain/core/batch.ts";
import { boundaryDigest, encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { BOUNDARY_PROTOCOL, encodeBoundaryIndex, type BoundaryIndex } from "../../offchain/core/boundary-index.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest, type Envelope } from "../../offchain/core/envelope.ts";
import { jobId as jobIdOf } from "../../offchain/core/job.ts";
import type { Handler } from "../../offchain/core/ports/transport.ts";
import { encodeSealedInput } from "../../offchain/core/sealed-input.ts";
import { signDigest } from "../../offchain/core/signature.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_BLINDED, ZERO_ADDRESS, type Job } from "../../offchain/core/types.ts";
import { BoundaryDesk, type BoundaryHolder } from "../../offchain/protocol/boundary-desk.ts";
import type { Hex, ProtocolModules, WorkerProfile } from "../../offchain/protocol/ports.ts";
import type { KnownFeed } from "../../offchain/protocol/seat-codec.ts";
import { StageWork } from "../../offchain/protocol/stage-work.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { testClock } from "./cluster/cluster.ts";
import type { LocalNetwork } from "./cluster/local-network.ts";
import { memoryBlobs } from "./cluster/memory-blobs.ts";
import { bytesOf } from "./deterministic.ts";
import { fakeHub, proofWorker } from "./proof-worker.ts";
import { DEPLOYMENT, DOMAIN, keyOf, sampleJob, sampleManifest, signerOf } from "./sample-receipt.ts";

export const ROWS = 12;
export const K = 3;
const STAGES = 3;
const manifest = sampleManifest(STAGES);
export const table = manifest.stages;
const base = sampleJob(manifest, K);
export const job: Job = {
  ...base,
  spec: { ...base.spec, policy: { ...base.spec.policy, flags: batchFlags(4, ROWS), tWork: 100 } },
};
export const jobId = jobIdOf(DEPLOYMENT, job);
/** Salt of boundary 0. */
export const SALT = bytesOf("salt of boundary 0");

const row = (first: number): Uint8Array =>
  encodeTensor({ dtype: "i8", dims: [4], data: Int8Array.of(first, 2, 3, 4) } satisfies Tensor);
/** What stage 0 makes of its inputs. */
export const RIGHT = Array.from({ length: ROWS }, (_, i) => row(i));
export const DIGEST = boundaryDigest(KIND_BLINDED, encodeBatch(RIGHT), SALT, ROWS);
export const MAX_BYTES = 64 << 10;

/** Signers of a stage. */
export const seatsOf = (stage: number): readonly Hex[] => [1, 2, 3].map((seat) => signerOf(stage * K + seat));
const urlOf = (worker: number): string => `memory://w${worker}`;

/** An envelope about an index, as that worker signs it, with whatever else is said in it. */
export function signedIndex(
  worker: number,
  index: BoundaryIndex,
  changes: Partial<Envelope> = {},
  domain: Hex = DOMAIN,
): Uint8Array {
  const body = encodeBoundaryIndex(index);
  const envelope: Envelope = {
    protocol: BOUNDARY_PROTOCOL,
    from: signerOf(worker),
    to: ZERO_ADDRESS,
    jobId: index.jobId,
    seq: 1n,
    deadline: 1_500n,
    bodyHash: bodyHashOf(body),
    ...changes,
  };
  return encodeEnvelope({ envelope, signature: signDigest(envelopeDigest(domain, envelope), keyOf(worker)), body });
}

export const GRANT: Hex = `0x${"a7".repeat(16)}`;
/** Of a holder of boundary 0 that has nothing to fetch yet. */
export const INDEX: BoundaryIndex = {
  jobId,
  boundary: 0,
  lane: 0,
  stage: 1,
  digestKind: KIND_BLINDED,
  dtype: "i8",
  dims: [4],
  rows: ROWS,
  total: ROWS,
  microBatches: [],
  digest: null,
  grant: GRANT,
};

/** One seat of the sample job, over a network within this process: the real desk and the real work, without a chain. */
export class BoundarySeat {
  readonly worker: number;
  readonly stage: number;
  readonly desk: BoundaryDesk;
  readonly work: StageWork;
  readonly modules: ProtocolModules;
  readonly profile: WorkerProfile;
  readonly feeds: KnownFeed[] = [];
  readonly counts = new Map<string, number>();
  /** Set: rows wait until it resolves. */
  gate: Promise<void> = Promise.resolve();
  /** First elements of the rows computed. */
  readonly ran: number[] = [];
  accepted: Hex | null = null;
  signers: readonly Hex[] = seatsOf(0);
  isHungry = true;
  ticks = 0;
  readonly #life = new AbortController();
  readonly #forget: () => void;

  constructor(network: LocalNetwork, worker: number) {
    this.worker = worker;
    this.stage = Math.floor((worker - 1) / K);
    const made = proofWorker(worker, fakeHub());
    const transport = network.transport(`w${worker}`);
    this.#forget = () => made.forget();
    this.modules = {
      ...made.modules,
      transport,
      blobs: memoryBlobs(testClock, transport),
      signal: this.#life.signal,
      metrics: {
        ...made.modules.metrics,
        count: (name, labels) => {
          const [label] = Object.values(labels);
          const key = `${name} ${String(label)}`;
          this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
        },
      },
      models: {
        has: () => true,
        table: () => table,
        exposure: () => [],
        stage: async () => ({
          maxInputBytes: 4_096,
          run: async ([input]) => {
            await this.gate;
            this.ran.push(Number(input?.data[0]));
            return { output: input ?? { dtype: "i8", dims: [1], data: Int8Array.of(0) }, probe: null };
          },
        }),
      },
    };
    const { keys } = this.modules;
    const sealKey = toHex(keys.sealKeys[0]?.publicKey ?? new Uint8Array(32));
    this.profile = { workerId: worker, transportId: sealKey, sealKey, addresses: [{ id: null, url: urlOf(worker) }] };
    this.work = new StageWork({ maxRunning: 1, maxWaiting: 4 }, this.modules.models, testClock);
    this.desk = new BoundaryDesk({ maxBlobBytes: MAX_BYTES }, this.modules, {
      work: this.work,
      session: (id) => (id === jobId ? this.#session : null),
      push: async () => false,
    });
    const { desk } = this;
    transport.serve(BOUNDARY_PROTOCOL, async function* answer(_from, request, signal) {
      yield await desk.handle(request, signal);
    });
    if (this.stage === 1)
      this.work.begin(jobId, { spec: job.spec, stage: this.stage, table, signal: this.#life.signal });
    this.work.accept(
      jobId,
      this.stage,
      encodeSealedInput({ stage: this.stage, salts: [{ boundary: 0, salt: SALT }], tensors: [] }),
    );
  }

  get #session(): BoundaryHolder {
    // oxlint-disable-next-line typescript/no-this-alias -- a view of this seat, with getters
    const seat = this;
    return {
      jobId,
      job,
      isOver: false,
      get isHungry() {
        return seat.isHungry;
      },
      accepted: () => (seat.accepted === null ? null : { digest: seat.accepted, signers: seat.signers }),
      addressesOf: (signer) => {
        const worker = Array.from({ length: STAGES * K }, (_, i) => i + 1).find((id) => signerOf(id) === signer);
        return worker === undefined ? [] : [{ id: null, url: urlOf(worker) }];
      },
      tick: async () => void (seat.ticks += 1),
      table,
      seatedStage: seat.stage,
      stageSigners: seatsOf,
      signerOf,
      feeds: seat.feeds,
      addFeed: (feed) => void seat.feeds.push(feed),
    };
  }

  /** The rows that this seat's stage made, by being computed. */
  async produce(rows: readonly Uint8Array[]): Promise<void> {
    this.work.begin(jobId, { spec: job.spec, stage: 0, table, signal: this.#life.signal });
    this.work.feed(jobId, 0xffff, rows);
    while ((this.work.outputRows(jobId)?.rows.length ?? 0) < rows.length) await testClock.sleep(2);
  }

  async send(to: readonly BoundarySeat[], digest: Hex | null): Promise<void> {
    const facts = { jobId, job, boundary: 0, stage: 1, digestKind: KIND_BLINDED } as const;
    await this.desk.send({ ...facts, to: to.map(({ profile }) => profile) }, digest);
  }

  /** As after a restart of the process. */
  restore(): void {
    this.desk.restore(this.#session);
  }

  check(): void {
    this.desk.check(this.#session);
  }

  /** Digest of what came, once all is here. */
  get held(): Hex | null {
    return this.work.boundaryDigest(jobId, 0, KIND_BLINDED, ROWS);
  }

  get faults(): number {
    return [...this.counts].reduce((sum, [name, n]) => sum + (name.startsWith("assay_net_boundary_faults") ? n : 0), 0);
  }

  stop(): void {
    this.#life.abort();
    this.#forget();
  }
}

/** A holder that answers as it likes. */
export function hostileHolder(
  network: LocalNetwork,
  worker: number,
  handlers: { readonly boundary: Handler; readonly blob?: Handler },
): { readonly announce: (to: BoundarySeat, envelope: Uint8Array) => Promise<Uint8Array> } {
  const transport = network.transport(`w${worker}`);
  transport.serve(BOUNDARY_PROTOCOL, handlers.boundary);
  transport.serve(
    BLOB_PROTOCOL,
    handlers.blob ??
      async function* none() {
        yield* [];
      },
  );
  return {
    announce: async (to, envelope) => to.desk.handle(Uint8Array.of(1, 1, ...envelope), new AbortController().signal),
  };
}
