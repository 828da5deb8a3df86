// SPDX-License-Identifier: GPL-3.0-or-later
// Receipts of jobs whose stages several enclaves shared: every signature, binding, handshake and plan holds; the quotes are nobody's.
import { NO_ENDORSEMENT, type RegisteredEvidence } from "../../offchain/adapters/chain/read-shown.ts";
import { NO_EVIDENCE, receiptOfJob } from "../../offchain/core/build-receipt.ts";
import { concatBytes, toHex, type Hex } from "../../offchain/core/bytes.ts";
import { channelHashOf, HANDSHAKE_BYTES } from "../../offchain/core/channel-hash.ts";
import { stageInDigest } from "../../offchain/core/digest.ts";
import {
  addressWord,
  bindReportData,
  encodeRuntime,
  enclaveConfigDigest,
} from "../../offchain/core/enclave-binding.ts";
import { enclaveResultDigest } from "../../offchain/core/enclave-result.ts";
import { jobId as jobIdOf } from "../../offchain/core/job.ts";
import { modelId as modelIdOf } from "../../offchain/core/model.ts";
import { enclavePlanRequest, planEnclaves, replanEnclaves, type EnclavePlan } from "../../offchain/core/planning/enclave-plan.ts"; // prettier-ignore
import type { PlanRequest } from "../../offchain/core/planning/types.ts";
import type { EnclavedTally, EnclaveSchedule, Receipt } from "../../offchain/core/receipt.ts";
import { enclaveId } from "../../offchain/core/schedule-order.ts";
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { ENCLAVE, ZERO_ADDRESS, ZERO_BYTES32, type Job } from "../../offchain/core/types.ts";
import { plannedEnclave } from "../../offchain/core/verify-schedule.ts";
import { bytesOf } from "./deterministic.ts";
import { DEPLOYMENT, DOMAIN, hashOf, OUT_DIGEST, sampleJob, sampleManifest, settled, signerOf } from "./sample-receipt.ts"; // prettier-ignore

const CANDIDATES = Array.from({ length: 12 }, (_, i) => i + 1);
/** Candidates that have an enclave. */
const HOSTS = [2, 3, 5, 6, 7, 8, 11];
const REGISTRY: Hex = "0x00000000000000000000000000000000000e7c1a";
const BOARD: Hex = "0x0000000000000000000000000000000000b0a4d0";
const [TDX, AMD, AWS, SIMULATED] = [2, 3, 4, 128] as const;
const enclaveKey = (worker: number): Uint8Array => bytesOf(`enclave ${worker}`);
const channelKeyOf = (worker: number): Hex => hashOf(`channel key ${worker}`);

/** Evidence over report data of a candidate's enclave, and the vendor's number. */
export interface EvidenceMaker {
  readonly vendorOf: (host: number) => number;
  readonly show: (vendor: number, reportData: Uint8Array) => RegisteredEvidence;
}

export interface SharedOptions {
  /** Of whose evidence receipts' own checks read what is bound; quotes by default. */
  readonly evidence?: EvidenceMaker;
  readonly stages?: number;
  /** How often an enclave is lost before its stage, each time the last one's. */
  readonly lost?: number;
  readonly nonce?: bigint;
}

export interface SharedJob {
  readonly receipt: Receipt;
  readonly request: PlanRequest;
  readonly plans: readonly EnclavePlan[];
}

/** A quote's signed part, as far as the receipt's own checks read it. */
function boundQuote(reportData: Uint8Array): Uint8Array {
  const head = new Uint8Array(48 + 520);
  head[0] = 4;
  head[4] = 0x81;
  return concatBytes(head, reportData);
}

const QUOTED: EvidenceMaker = {
  vendorOf: () => TDX,
  show: (_, reportData) => ({ quote: toHex(boundQuote(reportData)), endorsement: NO_ENDORSEMENT, board: [] }),
};

/** Seconds from a case's opening to the registration by its verdict. */
export const OBJECTION = 7_200;
const EXPIRY = sampleJob(sampleManifest(1), 1).spec.expiry;
export const REGISTERED_AT = EXPIRY - 90_000;

/** What stands at a board of one enclave's. */
export const atBoard = (
  vendor: number,
  evidence: Uint8Array,
  endorsements: Uint8Array = new Uint8Array(),
): RegisteredEvidence => ({
  quote: "0x",
  endorsement: NO_ENDORSEMENT,
  board: [{ board: BOARD, caseId: BigInt(vendor), vendor, openedAt: REGISTERED_AT - OBJECTION, evidence: toHex(evidence), endorsements: toHex(endorsements) }], // prettier-ignore
});

/** AMD's of hosts with even numbers, AWS's of the others. */
export const boardVendorOf = (host: number): number => (host % 2 === 0 ? AMD : AWS);

/** Reports and documents as far as receipts' own checks read them. */
export const BOARDED: EvidenceMaker = {
  vendorOf: boardVendorOf,
  show: (vendor, reportData) => {
    const data = concatBytes(new Uint8Array(0x50), reportData, new Uint8Array(0x4a0 - 0x50 - 64));
    return atBoard(vendor, vendor === AMD ? data : concatBytes(bytesOf("head"), reportData, bytesOf("tail")));
  },
};

export function sharedJob({ stages = 3, lost = 0, nonce = 7n, evidence = QUOTED }: SharedOptions = {}): SharedJob {
  const manifest = { ...sampleManifest(stages), acceptedMasks: 1 << ENCLAVE };
  const sample = sampleJob(manifest, 1);
  const policy = { ...sample.spec.policy, mask: ENCLAVE, flags: 0, window: 0 };
  const job: Job = { ...sample, nonce, spec: { ...sample.spec, policy } };
  const { spec } = job;
  const jobId = jobIdOf(DEPLOYMENT, job);
  const candidates = HOSTS.map((workerId): EnclaveSchedule["candidates"][number] => ({
    workerId,
    key: addressOfKey(enclaveKey(workerId)),
    vendor: evidence.vendorOf(workerId) | SIMULATED,
    status: evidence.vendorOf(workerId) === AWS ? 7 : evidence === QUOTED && workerId === 5 ? 1 : 0,
    expiry: spec.expiry + 1_000 * workerId,
  }));
  const one = { jobId, table: manifest.stages, expiry: spec.expiry };
  const request = enclavePlanRequest(one, candidates.map(plannedEnclave));
  let current: EnclavePlan = planEnclaves(request);
  const plans: EnclavePlan[] = [current];
  const dead: Hex[] = [];
  for (let i = 0; i < lost; i += 1) {
    dead.push(current.plan.runs.at(-1)?.worker ?? "0x");
    current = replanEnclaves(request, current.plan, stages - 1, dead);
    plans.push(current);
  }
  const last = plans.length - 1;
  const { plan } = current;
  const hostOf = (stage: number): number => {
    const run = plan.runs.find((each) => stage >= each.first && stage <= each.last);
    return HOSTS.find((id) => enclaveId(addressOfKey(enclaveKey(id))) === run?.worker) ?? 0;
  };
  const boundaries = manifest.stages.map((_, stage) => (stage === stages - 1 ? OUT_DIGEST : hashOf(`boundary ${stage}`))); // prettier-ignore
  const runtime = encodeRuntime({
    bundleDigest: hashOf("bundle"),
    modelId: modelIdOf(manifest),
    gpuDigest: ZERO_BYTES32,
    configDigest: enclaveConfigDigest({ ...DEPLOYMENT, registry: REGISTRY }),
  });
  const enclaves = manifest.stages.map((_, stage): EnclavedTally => {
    const [host, before] = [hostOf(stage), stage === 0 ? 0 : hostOf(stage - 1)];
    const key = addressOfKey(enclaveKey(host));
    const isFed = stage > 0 && before !== host;
    // What stood before the loss was signed under the first plan.
    const told = stage === stages - 1 ? last : 0;
    const scheduleHash = plans[told]?.planHash ?? ZERO_BYTES32;
    const wire = concatBytes(...[0, 1, 2, 3, 4].map((i) => bytesOf(`handshake ${nonce} ${stage} ${i}`)));
    const handshake = isFed ? wire.subarray(0, HANDSHAKE_BYTES) : new Uint8Array();
    const initiatorKey = addressOfKey(enclaveKey(before || host));
    const purpose = { chainId: DEPLOYMENT.chainId, registry: REGISTRY, jobId, fromStage: stage - 1, toStage: stage, initiatorKey, responderKey: key, scheduleHash }; // prettier-ignore
    const channelHash = isFed ? channelHashOf(purpose, channelKeyOf(host), handshake) : ZERO_BYTES32;
    const inDigest = stageInDigest(manifest.stages, stage, spec.inDigest, boundaries);
    const claim = { jobId, stage, inDigest, outDigest: boundaries[stage] ?? "0x", worker: signerOf(host) };
    const [epoch, sealKey, challenge] = [1, hashOf(`seal key ${host}`), hashOf(`challenge ${host}`)];
    const channelKey = channelKeyOf(host);
    const bound = { chainId: DEPLOYMENT.chainId, registry: REGISTRY, key, channelKey, sealKey, worker: addressWord(signerOf(host)), epoch, challenge }; // prettier-ignore
    return {
      tally: stage,
      channelHash,
      epoch,
      ...signDigest(enclaveResultDigest(DOMAIN, { claim, channelHash, epoch }), enclaveKey(host)),
      plan: told,
      handshake: toHex(handshake),
      registry: REGISTRY,
      key,
      channelKey,
      sealKey,
      challenge,
      runtime: toHex(runtime),
      registeredAt: REGISTERED_AT,
      simulated: true,
      ...evidence.show(evidence.vendorOf(host), bindReportData(bound, runtime)),
    };
  });
  const tallies = boundaries.map((digest, stage) => ({ stage, round: 0, seats: [hostOf(stage)], said: [digest], challenger: ZERO_ADDRESS, bond: 0n })); // prettier-ignore
  const committees = boundaries.map((outDigest, stage) => ({ fast: true, seats: [{ ...NO_EVIDENCE, signer: signerOf(hostOf(stage)), opened: true, outDigest }] })); // prettier-ignore
  const record = { seats: CANDIDATES, boundaries, tallies, decided: 0 };
  const base = receiptOfJob({ deployment: DEPLOYMENT, job, manifest, reason: 0, record, committees });
  const schedule = [{ plans: plans.map(({ bytes }) => toHex(bytes)), candidates }];
  return { receipt: settled({ ...base, enclaves, schedule }), request, plans };
}
