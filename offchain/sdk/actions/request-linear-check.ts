// SPDX-License-Identifier: MIT
import type { Account, Address } from "viem";
import { fromHex, type Hex } from "../../core/bytes.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { domainSeparator } from "../../core/eip712.ts";
import { isAssayError } from "../../core/errors.ts";
import { modelId } from "../../core/model.ts";
import { jobTable } from "../../core/network-part.ts";
import type { LinearOperator } from "../../core/program/linear-operators.ts";
import type { ModelManifest } from "../../core/types.ts";
import { linearFactors, SEED_BYTES, type LinearCheckProof } from "../../core/zk/linear-check.ts";
import {
  encodeLinearCall,
  LINEAR_CHECK_PROTOCOL,
  linearAnswerBytes,
  linearRequestMessage,
  MAX_REQUEST_LIFE,
  openLinearAnswer,
  sealLinearRequest,
} from "../../core/zk/linear-check-wire.ts";
import { assertKeyClass, openKey } from "../../core/zk/verifying-key.ts";
import { LinearCheck } from "../../engines/she/client/linear-check.ts";
import { readKeyRecords } from "../collect-proofs.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { pollUntil } from "../poll-until.ts";
import { callSeat, isTimeout } from "../seat-call.ts";
import { accountOf, type WalletLike } from "../send.ts";
import { signCompact } from "../sign-compact.ts";
import { getWorkerProfiles } from "./get-worker-profiles.ts";

export interface RequestLinearCheckParameters {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  /** The worker of the model's owner. */
  readonly workerId: number;
  /** Of the model with private weights. */
  readonly manifest: ModelManifest;
  readonly stage: number;
  /** Of the stage's architecture in linear-check mode, from whom the caller believes: another circuit's proof says something else. */
  readonly circuit: { readonly circuitHash: Hex; readonly operators: readonly LinearOperator[] };
  /** Operators to be checked, ascending. */
  readonly ops: readonly number[];
  /** 32 bytes, the client's secret; of an answer that was lost, its own: that costs none of the allowance. Drawn if left out. */
  readonly seed?: Uint8Array | undefined;
  /** Whose allowance is used; the client's by default. */
  readonly account?: Account | Address | undefined;
  /** First block to search for the worker's profile. */
  readonly fromBlock?: bigint | undefined;
  /** At most ten minutes; one by default. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RequestLinearCheckReturnType {
  /** By operator, for `RefreshSession`. Secret: whoever evaluates the stage and knows one can lie to it. */
  readonly checks: ReadonlyMap<number, LinearCheck>;
  /** Secret likewise. */
  readonly seed: Uint8Array;
  readonly proof: LinearCheckProof;
}

const TYPES = {
  LinearCheckRequest: [
    { name: "modelId", type: "bytes32" },
    { name: "stage", type: "uint16" },
    { name: "client", type: "address" },
    { name: "seedHash", type: "bytes32" },
    { name: "opsHash", type: "bytes32" },
    { name: "replyKey", type: "bytes32" },
    { name: "deadline", type: "uint64" },
  ],
} as const;
const CALL_MS = 35_000;
const AGAIN_MS = 1_000;

/**
 * Asks a model's owner for checks of its private weights, and verifies the owner's proof that they are of the weights committed on chain:
 * with them a `RefreshSession` finds a wrong encrypted linear stage by itself. Asks again with the same bytes while the owner is busy or
 * slow.
 * Errors: ACCOUNT_MISSING, PROFILE_MISSING, LINEAR_CHECK_REFUSED with the owner's code in `why` (CHECKS_SPENT, LINEAR_CHECK_STRANGER, …),
 * SEAT_REFUSED with LINEAR_CHECK_BUSY or SEAT_SLOW where the time is over,
 * NOT_SUPPORTED for a stage without a registered key, KEY_DEVELOPMENT, those of `openLinearAnswer` and `LinearCheck.proven`.
 *
 * @example
 * const { checks } = await requestLinearCheck(wallet, { hub, crypto, workerId, manifest, stage: 0, circuit, ops: [0] });
 */
export async function requestLinearCheck(
  client: WalletLike,
  parameters: RequestLinearCheckParameters,
): Promise<RequestLinearCheckReturnType> {
  const { hub, crypto, workerId, manifest, stage, circuit, ops, fromBlock, signal, timeoutMs = 60_000 } = parameters;
  const account = accountOf(client, parameters.account, "requestLinearCheck");
  const info = jobTable(manifest)[stage];
  if (info === undefined) throw new SdkError("NOT_SUPPORTED", { what: `a linear check of stage ${stage}` });
  const [{ chainId }, profiles, records] = await Promise.all([
    getDeployment(client, hub),
    getWorkerProfiles(client, { hub, workerIds: [workerId], fromBlock }),
    readKeyRecords(client, hub, [info.keyId]),
  ]);
  const profile = profiles.get(workerId);
  if (profile === undefined) throw new SdkError("PROFILE_MISSING", { worker: workerId });
  const record = records.get(info.keyId) ?? "0x";
  if (record === "0x")
    throw new SdkError("NOT_SUPPORTED", { what: `a linear check under the unknown key ${info.keyId}` });
  const key = openKey(record, info.keyId);
  assertKeyClass(key, BigInt(chainId));

  const scope = { modelId: modelId(manifest), stage, client: account.address.toLowerCase() as Hex };
  const seed = parameters.seed ?? crypto.randomBytes(SEED_BYTES);
  const reply = crypto.generateX25519();
  const lifeMs = Math.min(timeoutMs, (MAX_REQUEST_LIFE - 30) * 1_000);
  const deadline = BigInt(Math.ceil((Date.now() + lifeMs) / 1_000));
  const request = { scope, seed, ops, replyKey: reply.publicKey, deadline };
  const signature = await signCompact(client, {
    account,
    domain: { name: "Assay", version: "1", chainId, verifyingContract: hub },
    types: TYPES,
    primaryType: "LinearCheckRequest",
    message: linearRequestMessage(request),
  });
  const domain = domainSeparator({ chainId: BigInt(chainId), hub });
  const sealed = sealLinearRequest(crypto, request, {
    domain,
    ownerKey: fromHex(profile.sealKey, 32),
    signature,
  });

  let failure: unknown;
  const answer = await pollUntil(
    async () => {
      try {
        return await callSeat(crypto, {
          profile,
          protocol: LINEAR_CHECK_PROTOCOL,
          request: encodeLinearCall(scope, sealed),
          maxReplyBytes: linearAnswerBytes(circuit.operators),
          timeoutMs: Math.min(CALL_MS, lifeMs),
          signal,
        });
      } catch (error) {
        if (!isAssayError(error)) throw error;
        if (isTimeout(error) || error.meta["why"] === "LINEAR_CHECK_BUSY") {
          failure = error;
          return undefined;
        }
        if (error.code !== "SEAT_REFUSED") throw error;
        const why = String(error.meta["why"]);
        throw new SdkError("LINEAR_CHECK_REFUSED", { worker: workerId, stage, why }, { cause: error });
      }
    },
    { doing: "asking for a linear check", everyMs: AGAIN_MS, timeoutMs: lifeMs, signal },
  );
  if (answer === undefined) throw failure;
  const { operators } = circuit;
  const opened = openLinearAnswer(crypto, answer, { domain, request, operators, privateKey: reply.privateKey });
  const proof: LinearCheckProof = {
    key,
    ...circuit,
    domain,
    statement: opened.statement,
    words: { r: linearFactors(seed, scope, operators, ops), u: opened.u },
    weights: { x: BigInt(info.weightsX), y: BigInt(info.weightsY) },
    proof: opened.proof,
  };
  return { checks: new Map(ops.map((op) => [op, LinearCheck.proven(proof, op)])), seed, proof };
}
