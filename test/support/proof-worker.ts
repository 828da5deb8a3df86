// SPDX-License-Identifier: GPL-3.0-or-later
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { OpenKeyRing } from "../../offchain/adapters/keys/key-ring.ts";
import { MemoryJournal } from "../../offchain/adapters/store/memory-journal.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { jobId as jobIdOf } from "../../offchain/core/job.ts";
import type { Journal } from "../../offchain/core/ports/journal.ts";
import type { Transport } from "../../offchain/core/ports/transport.ts";
import { encodeProofOrder } from "../../offchain/core/proof-order.ts";
import {
  decodeProofRequest,
  encodeProofStatus,
  proofMessageDigest,
  type ProofMessage,
  type ProofRequest,
} from "../../offchain/core/proof-wire.ts";
import { encodeProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { judgeProof } from "../../offchain/core/zk/judge-proofs.ts";
import { packSignature, signDigest } from "../../offchain/core/signature.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { encodeSealedInput, JOB_INPUT } from "../../offchain/core/sealed-input.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { KIND_SALTED, PROOF, type Record as JobRecord, type StageProof } from "../../offchain/core/types.ts";
import {
  HONEST,
  type Hex,
  type ProofTask,
  type ProtocolModules,
  type SlotView,
} from "../../offchain/protocol/ports.ts";
import { ProofSession } from "../../offchain/protocol/proof-session.ts";
import { decodeMemory, type KnownOffer } from "../../offchain/protocol/seat-codec.ts";
import { EMPTY_RECORD, NO_WORD } from "../../offchain/protocol/session-state.ts";
import { StageWork } from "../../offchain/protocol/stage-work.ts";
import { nullLogger, nullMetrics, testClock } from "./cluster/cluster.ts";
import { memoryBlobs } from "./cluster/memory-blobs.ts";
import { bytesOf } from "./deterministic.ts";
import { boundaryTensor, provenJob, provenModel, provenTally } from "./proven-receipt.ts";
import { DEPLOYMENT, DOMAIN, keyOf, signerOf } from "./sample-receipt.ts";

export const STAGES = 3;
const CANDIDATES = Array.from({ length: 12 }, (_, i) => i + 1);
export const model = provenModel(STAGES);
const table = model.manifest.stages;
const base = provenJob(model.manifest, PROOF, 1);
export const job = { ...base, spec: { ...base.spec, policy: { ...base.spec.policy, tWork: 100 } } };
export const jobId = jobIdOf(DEPLOYMENT, job);
/** Workers 3, 5, 7 prove the stages. */
export const WORKERS = [3, 5, 7];
const CALL_MS = 5;

export const saltOf = (at: number): Uint8Array => bytesOf(`salt ${at}`).subarray(1);
const nameOf = (at: number): number => (at === 0 ? JOB_INPUT : at - 1);
const isSalted = (at: number): boolean => (at === 0 ? table[0]?.inKind : table[at - 1]?.outKind) === KIND_SALTED;

/** What the client orders of the stage's worker. */
export function orderOf(stage: number, workers: readonly number[] = WORKERS, attempt = 1): Uint8Array {
  const salts = [stage, stage + 1]
    .filter(isSalted)
    .map((at) => ({ boundary: nameOf(at), salt: saltOf(at) }))
    .toSorted((a, b) => a.boundary - b.boundary);
  const tensors = stage === 0 ? [{ boundary: JOB_INPUT, tensor: encodeTensor(boundaryTensor(0, STAGES)) }] : [];
  return encodeProofOrder({ attempt, workers, input: { stage, salts, tensors } });
}

/** The boundary that stage `stage` takes, as its producer passes it on. */
export const boundaryFor = (stage: number): Uint8Array =>
  encodeSealedInput({
    stage,
    salts: [],
    tensors: [{ boundary: stage - 1, tensor: encodeTensor(boundaryTensor(stage, STAGES)) }],
  });

export const from = (sender: Hex): KnownOffer => ({ sender, boundary: 0, blob: `0x${"00".repeat(32)}`, bytes: 1 });

/** As that worker sends it. */
export function signedBy(worker: number, message: Omit<ProofMessage, "signature">): ProofMessage {
  const signature = packSignature(signDigest(proofMessageDigest(DOMAIN, message), keyOf(worker)));
  return { ...message, signature };
}

/** A true proof of a stage by a worker. */
export const proofBy = (stage: number, worker: number): ProofMessage => {
  const { outDigest, evidence } = provenTally({ model, job, stage, tally: stage, worker: signerOf(worker), jobId });
  return signedBy(worker, {
    kind: "proof",
    jobId,
    stage,
    worker: signerOf(worker),
    outDigest,
    evidence: encodeProofEvidence(evidence),
  });
};

export interface FakeHub {
  slot: SlotView;
  now: number;
  record: JobRecord;
  readonly submitted: StageProof[][];
  readonly pokes: string[];
}

export const fakeHub = (): FakeHub => ({
  slot: {
    state: 1,
    stage: 0,
    round: 0,
    flags: 0,
    seedRef: 1,
    deadline: 1_300,
    tableVersion: 1,
    escrow: 1n,
    word: NO_WORD as Hex,
  },
  now: 1_000,
  record: EMPTY_RECORD,
  submitted: [],
  pokes: [],
});

export interface FakeProver {
  readonly tasks: ProofTask[];
  /** Set: proofs wait until it resolves. */
  gate: Promise<void> | null;
  /** Set: happens before a proof is judged. */
  beforeJudging: (() => Promise<void>) | null;
  load: number;
  readonly maxLoad: number;
}

export interface ProofWorker {
  readonly session: ProofSession;
  readonly modules: ProtocolModules;
  readonly journal: Journal;
  readonly prover: FakeProver;
  /** Boundaries passed on: to whom, which. */
  readonly passed: { readonly to: number; readonly boundary: number; readonly plain: Uint8Array }[];
  readonly sent: ProofRequest[];
  /** Ticks until `done` says so. */
  until(done: () => boolean): Promise<void>;
  forget(): void;
}

/** One candidate of the sample job over a fake hub, with a prover that knows the keys' secrets. */
export function proofWorker(workerId: number, hub: FakeHub, kept?: Journal): ProofWorker {
  const journal = kept ?? new MemoryJournal({ clock: testClock });
  const life = new AbortController();
  const prover: FakeProver = { tasks: [], gate: null, beforeJudging: null, load: 0, maxLoad: 2 };
  const passed: ProofWorker["passed"][number][] = [];
  const sent: ProofRequest[] = [];
  const keys = new OpenKeyRing(
    {
      operator: new Secret(keyOf(workerId).slice()),
      transport: new Secret(bytesOf(`transport ${workerId}`).slice()),
      seals: [new Secret(bytesOf(`seal ${workerId}`).slice())],
    },
    { crypto: nodeCrypto },
  );
  const unused = async (): Promise<never> => Promise.reject(new TypeError("not of a PROOF job"));
  const poke = (name: string) => async () => void hub.pokes.push(name);
  const transport: Transport = {
    serve: () => undefined,
    start: async () => [],
    stop: async () => undefined,
    async *call(_peer, _protocol, request) {
      sent.push(decodeProofRequest(request));
      yield encodeProofStatus({ able: true, load: 0, phases: [] });
    },
  };
  const modules: ProtocolModules = {
    chain: {
      chainId: DEPLOYMENT.chainId,
      hub: DEPLOYMENT.hub,
      domainSeparator: DOMAIN,
      now: () => hub.now,
      slot: async () => hub.slot,
      box: unused,
      seed: async () => `0x${"07".repeat(32)}`,
      draw: async () => ({ ids: CANDIDATES, signers: CANDIDATES.map(signerOf) }),
      signers: async (ids) => ids.map(signerOf),
      profiles: async (ids) =>
        new Map(
          ids.map((id) => {
            const transportId: Hex = `0x${id.toString(16).padStart(64, "0")}`;
            const addresses = [{ id: transportId, url: `memory://${id}` }];
            return [id, { workerId: id, transportId, sealKey: transportId, addresses }];
          }),
        ),
      model: async () => ({ stages: STAGES, linear: true }),
      stageTable: async () => table,
      freeBalance: async () => 0n,
      forgetProfile: () => undefined,
      key: async (keyId) => {
        const made = model.keys.find(({ key }) => key.keyId === keyId);
        return made === undefined ? null : toHex(made.bytes);
      },
      submitProofs: async ({ proofs }) => {
        hub.submitted.push([...proofs]);
        if (hub.record.boundaries.length + proofs.length === STAGES) hub.slot = { ...hub.slot, state: 5 };
      },
      expire: poke("expire"),
      promote: unused,
      settle: poke("settle"),
      submit: unused,
      propose: unused,
      open: unused,
      drawAudit: unused,
      commit: unused,
      commitMany: unused,
      reveal: unused,
      tally: unused,
      submitSketches: unused,
      revealSketch: unused,
      tallySketches: unused,
      court: unused,
      lateCourt: unused,
      lateCourtSec: unused,
      challenge: unused,
      proveEquivocation: unused,
    },
    transport,
    journal,
    blobs: memoryBlobs(testClock, transport),
    crypto: nodeCrypto,
    keys,
    models: {
      has: () => true,
      exposure: () => [],
      table: () => table,
      stage: async (_, stage) => ({
        maxInputBytes: 4096,
        run: async () => ({ output: boundaryTensor(stage + 1, STAGES), probe: null }),
      }),
    },
    enclave: null,
    prover: {
      canProve: () => true,
      mayJudge: () => true,
      get load() {
        return prover.load;
      },
      maxLoad: prover.maxLoad,
      async prove(task) {
        prover.tasks.push(task);
        await Promise.race([
          prover.gate ?? Promise.resolve(),
          new Promise((_, reject) => task.signal.addEventListener("abort", () => reject(new TypeError("aborted")))),
        ]);
        const { stage, claim } = task;
        const made = provenTally({
          model,
          job,
          stage,
          tally: 0,
          worker: claim.worker,
          jobId,
          inDigest: claim.inDigest,
        });
        return encodeProofEvidence(made.evidence);
      },
      judge: async (proof) => {
        await prover.beforeJudging?.();
        return judgeProof(proof);
      },
    },
    clock: testClock,
    logger: nullLogger,
    metrics: nullMetrics,
    behaviour: () => HONEST,
    watch: "off",
    randomBytes: (length) => nodeCrypto.randomBytes(length),
    signal: life.signal,
    checkpoint: () => undefined,
  };
  const row = journal.job({ jobId, role: "watcher", stage: 0, round: 0 });
  const session = new ProofSession(jobId, row === null ? ProofSession.memoryOf(job) : decodeMemory(row.data), modules, {
    work: new StageWork({ maxRunning: 1, maxWaiting: 4 }, modules.models, modules.clock),
    input: {
      send: async (_session, to, boundary, plain) => {
        for (const { workerId: id } of to) passed.push({ to: id, boundary, plain });
      },
    },
    prover: modules.prover as NonNullable<ProtocolModules["prover"]>,
  });
  session.save();
  return {
    session,
    modules,
    journal,
    prover,
    passed,
    sent,
    async until(done) {
      const end = performance.now() + 10_000;
      do {
        await session.tick();
        await testClock.sleep(CALL_MS);
      } while (!done() && performance.now() < end);
      if (!done()) throw new TypeError("waited in vain");
    },
    forget: () => {
      life.abort();
      session.forget();
    },
  };
}
