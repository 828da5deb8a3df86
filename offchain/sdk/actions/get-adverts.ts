// SPDX-License-Identifier: MIT
import { ed25519 } from "@noble/curves/ed25519.js";
import type { Address, Client, Hex } from "viem";
import { getContractEvents } from "viem/actions";
import { stakeVaultAbi } from "../../adapters/chain/abi/stake-vault.ts";
import {
  ADVERT_PROTOCOL,
  ADVERT_SIGNATURE_BYTES,
  ADVERT_WORK,
  advertStatement,
  decodeAdvert,
  MAX_ADVERT_BYTES,
  type Advert,
  type AdvertEntry,
} from "../../core/advert.ts";
import { fromHex } from "../../core/bytes.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { isAssayError } from "../../core/errors.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { callSeat } from "../seat-call.ts";
import { getWorkerProfiles, type WorkerProfile } from "./get-worker-profiles.ts";

export interface GetAdvertsParameters {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  readonly modelId: Hex;
  /** Chain time, Unix seconds: adverts that are much older or newer are not used. */
  readonly time: number;
  /** Workers that are asked, drawn at random; 5 by default. */
  readonly sample?: number | undefined;
  readonly fromBlock?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The median worker's times of one stage. */
export type MeasuredStage = AdvertEntry & { readonly workers: number };

export interface GetAdvertsReturnType {
  /** Workers whose signed advert was used, and those that gave none. */
  readonly answered: readonly number[];
  readonly silent: readonly number[];
  /** Medians over those that answered, by stage and kind of work. */
  readonly stages: readonly MeasuredStage[];
  /** Stages that run or wait at the median worker for each that may run at once. */
  readonly load: number;
}

const SAMPLE = 5;
/** Longer than a calibration of the largest zoo model takes. */
const TIMEOUT_MS = 8_000;
const MAX_AGE_SEC = 600;

/**
 * Asks some workers how fast they were for a model. Each answer is signed by the worker's transport key and a claim about itself: the
 * median of several is used, for quotes only. Error: RPC_UNAVAILABLE; workers that do not answer well are listed, not thrown.
 *
 * @example
 * const { stages } = await getAdverts(client, { hub, crypto, modelId, time });
 */
export async function getAdverts(client: Client, parameters: GetAdvertsParameters): Promise<GetAdvertsReturnType> {
  const { hub, crypto, fromBlock = 0n } = parameters;
  const { chainId, vault } = await getDeployment(client, hub);
  const registered = await checked("WorkerRegistered", async () =>
    getContractEvents(client, {
      address: vault,
      abi: stakeVaultAbi,
      eventName: "WorkerRegistered",
      fromBlock,
      strict: true,
    }),
  );
  const ids = shuffled(
    registered.map(({ args }) => args.workerId),
    crypto,
  ).slice(0, parameters.sample ?? SAMPLE);
  const profiles = await getWorkerProfiles(client, { hub, workerIds: ids, fromBlock });
  const asked = await Promise.all(
    [...profiles.values()].map(async (profile) => ({
      workerId: profile.workerId,
      advert: await askOne(parameters, profile, BigInt(chainId)).catch((error: unknown) => {
        if (isAssayError(error) && error.code !== "INTERRUPTED") return null;
        throw error;
      }),
    })),
  );
  const adverts = asked.flatMap(({ advert }) => (advert === null ? [] : [advert]));
  return {
    answered: asked.filter(({ advert }) => advert !== null).map(({ workerId }) => workerId),
    silent: ids.filter((id) => !asked.some(({ workerId, advert }) => workerId === id && advert !== null)),
    stages: mediansOf(adverts),
    load: medianOf(adverts.map(({ load, capacity }) => load / Math.max(1, capacity))),
  };
}

async function askOne(
  { crypto, hub, modelId, time, signal }: GetAdvertsParameters,
  profile: WorkerProfile,
  chainId: bigint,
): Promise<Advert> {
  const reply = await callSeat(crypto, {
    profile,
    protocol: ADVERT_PROTOCOL,
    request: fromHex(modelId, 32),
    maxReplyBytes: MAX_ADVERT_BYTES,
    timeoutMs: TIMEOUT_MS,
    signal,
  });
  return openAdvert(reply, { worker: profile.workerId, transportId: profile.transportId, chainId, hub, modelId, time });
}

/** An advert out of a reply. Errors: those of `decodeAdvert`; ADVERT_INVALID for another's signature, chain, model or time. */
export function openAdvert(
  reply: Uint8Array,
  expected: {
    readonly worker: number;
    readonly transportId: Hex;
    readonly chainId: bigint;
    readonly hub: Hex;
    readonly modelId: Hex;
    readonly time: number;
  },
): Advert {
  const refuse = (why: string) => new SdkError("ADVERT_INVALID", { worker: expected.worker, why });
  const bytes = reply.slice(0, -ADVERT_SIGNATURE_BYTES);
  const signature = reply.slice(-ADVERT_SIGNATURE_BYTES);
  const advert = decodeAdvert(bytes);
  if (!isSigned(signature, advertStatement(bytes), expected.transportId)) throw refuse("its signature does not verify");
  if (advert.chainId !== expected.chainId || advert.hub !== expected.hub.toLowerCase())
    throw refuse("it is for another deployment");
  if (advert.modelId !== expected.modelId.toLowerCase()) throw refuse("it is about another model");
  if (Math.abs(Number(advert.time) - expected.time) > MAX_AGE_SEC) throw refuse("it is of another time");
  return advert;
}

function isSigned(signature: Uint8Array, statement: Uint8Array, id: Hex): boolean {
  try {
    return ed25519.verify(signature, statement, fromHex(id, 32));
  } catch {
    return false; // not a point: nobody's identity
  }
}

function mediansOf(adverts: readonly Advert[]): readonly MeasuredStage[] {
  const byKey = Map.groupBy(
    adverts.flatMap(({ entries }) => entries),
    ({ stage, work }) => stage * ADVERT_WORK.length + ADVERT_WORK.indexOf(work),
  );
  return [...byKey]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([, entries]) => {
      const [first] = entries;
      if (first === undefined) return [];
      const of = (pick: (entry: AdvertEntry) => number): number => medianOf(entries.map(pick));
      return [
        {
          stage: first.stage,
          work: first.work,
          workers: entries.length,
          samples: entries.reduce((sum, { samples }) => sum + samples, 0),
          p50Us: of(({ p50Us }) => p50Us),
          p99Us: of(({ p99Us }) => p99Us),
        },
      ];
    });
}

/** The upper one of two: a quote rather promises too little. */
const medianOf = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** So that no worker is asked by everybody, and none can arrange to be. */
function shuffled(ids: readonly number[], crypto: CryptoPort): number[] {
  const keyed = [...new Set(ids)].map((id) => ({
    id,
    key: new DataView(crypto.randomBytes(4).slice().buffer).getUint32(0),
  }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ id }) => id);
}
