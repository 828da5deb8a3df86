// SPDX-License-Identifier: MIT
import { parseEventLogs, type Account, type Address, type Hex, type Log } from "viem";
import { simulateContract, writeContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { splitBlob } from "../../core/blob.ts";
import { encodeBatch } from "../../core/batch-tensors.ts";
import { toHex } from "../../core/bytes.ts";
import type { ClientPart, ClientStatement } from "../../core/client-part.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { jobId as jobIdOf } from "../../core/job.ts";
import { parentsRef } from "../../core/join.ts";
import { modelId as modelIdOf } from "../../core/model.ts";
import { jobTable } from "../../core/network-part.ts";
import type { PrivacyRelease } from "../../core/ports/privacy-ledger.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../../core/tensor.ts";
import { KIND_CIPHER, KIND_PUBLIC, ZERO_BYTES32, type Job, type ModelManifest } from "../../core/types.ts";
import { checked } from "../checked.ts";
import { clientPartOf, releaseOf, type PrivacyWishes } from "../client-stages.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { createJobSecret, inputDigest, inputKind, randomNonce, resultKeyPair, type JobSecret } from "../job-secret.ts";
import { isJoinedInput, type JoinedInput } from "../joined-input.ts";
import { defaultParamsVersion, planJob, type JobWishes } from "../plan-job.ts";
import { readMarket } from "../read-market.ts";
import { accountOf, type TransactionHash, type WalletLike } from "../send.ts";
import { getBalance } from "./get-balance.ts";

export type InferenceInput = Tensor | Uint8Array | readonly (Tensor | Uint8Array)[] | JoinedInput;

export interface PrepareInferenceParameters extends JobWishes {
  readonly hub: Address;
  /** First block to search for workers' records, the deployment's; 0 by default. */
  readonly fromBlock?: bigint | undefined;
  readonly manifest: ModelManifest;
  /**
   * The model's input, as a tensor or its canonical bytes. Never leaves this process in clear, unless the model's input is PUBLIC. A list is
   * a batch: many inputs in one job, for the fees of one and the seats' work on all (voted jobs of exact models only). Results of other
   * jobs: what `joinResults` returns.
   */
  readonly input: InferenceInput;
  /** Of models that keep stages with their client: `openClientPart` of the model's files. They run in this process. */
  readonly clientPart?: ClientPart | undefined;
  /** Of models that add noise to what leaves the client: it is booked before anything is sent. */
  readonly privacy?: PrivacyWishes | undefined;
  /** Of models over ciphertexts, whose input is one: `requestCipher` gives it. */
  readonly cipher?: CipherParcels | undefined;
  readonly crypto: CryptoPort;
  /** A secret to use again, for instance after a crash; a fresh one by default. One job, one secret. */
  readonly secret?: JobSecret | undefined;
  /** Random by default. */
  readonly nonce?: bigint | undefined;
}
/** Keys of a job over ciphertexts. */
export interface CipherParcels {
  readonly keySetRoot: Hex;
  /** For the seats of a stage: its keys, and the ciphertext that it takes where it is the first. */
  readonly parcel: (stage: number, input: Uint8Array | null) => Uint8Array;
}

export interface RequestInferenceParameters extends PrepareInferenceParameters {
  readonly account?: Account | Address | undefined;
  /** Wraps the sending of the transaction: for callers that request many jobs at once and must keep nonces in order. */
  readonly send?: (<T>(action: () => Promise<T>) => Promise<T>) | undefined;
}

export interface PreparedInference {
  readonly jobId: Hex;
  readonly job: Job;
  /** Keep it until the result is read: salts and result key follow from it. */
  readonly secret: JobSecret;
  /**
   * The job's input, for `deliverInput`: canonical tensor bytes, of a batch all of them (`encodeBatch`), after the client's first stages; or
   * the parts of a joined input.
   */
  readonly input: Uint8Array | JoinedInput;
  /** What the client will sign about its first stages. */
  readonly statements: readonly ClientStatement[];
  /** To be booked before the request is sent, where the input is noised. */
  readonly release?: PrivacyRelease | undefined;
  readonly escrow: bigint;
}
export interface RequestInferenceReturnType extends PreparedInference {
  readonly hash: TransactionHash;
}

const isList = (input: InferenceInput): input is readonly (Tensor | Uint8Array)[] => Array.isArray(input);
const canonical = (input: Tensor | Uint8Array): Uint8Array =>
  encodeTensor(input instanceof Uint8Array ? decodeTensor(input) : input);

function toInput(input: InferenceInput): Uint8Array | JoinedInput {
  if (isList(input)) return encodeBatch(input.map(canonical));
  return isJoinedInput(input) ? input : canonical(input);
}

/** Inputs of a batch; 0 for a single input. */
export const countInputs = (input: InferenceInput): number => (isList(input) ? input.length : 0);

/**
 * Builds a job without sending it: spec, digest of the input under a fresh secret, job id. What a contract that requests on its own
 * account takes as argument (`requester` is then the contract, `wishes.client` who seals the input). `release` is then its caller's to book.
 * Errors: MODEL_UNKNOWN, CLIENT_PART, NOISE_REQUIRED, LEAKAGE_ABOVE_LIMIT, LEAKAGE_UNKNOWN, NOT_SUPPORTED (a batch under a policy that takes none too), TENSOR_INVALID, POLICY_UNSAFE, SPEC_INVALID, POOL_TOO_SMALL, RPC_UNAVAILABLE.
 */
export async function prepareInference(
  client: WalletLike,
  parameters: PrepareInferenceParameters & { readonly requester: Address },
): Promise<PreparedInference> {
  const { hub, manifest, crypto, requester } = parameters;
  const { chainId } = await getDeployment(client, hub);
  const paramsVersion = parameters.paramsVersion ?? defaultParamsVersion(chainId);
  const inputs = countInputs(parameters.input);
  const raw = toInput(parameters.input);
  const secret = parameters.secret ?? createJobSecret(crypto);
  const part = clientPartOf(manifest, parameters.clientPart);
  const { input, statements } = runFirstStages(part, raw, secret, inputs);
  const inDigest = isJoinedInput(input) ? input.digest : inputDigest(manifest, input, secret, inputs);
  const release = releaseOf(part, parameters.privacy, { inDigest, inputs });
  const modelId = modelIdOf(manifest);
  const ticketClass = parameters.ticketClass ?? 0;
  const market = await readMarket(client, {
    hub,
    modelId,
    paramsVersion,
    ticketClass,
    withWorkers: parameters.scenario !== undefined,
    fromBlock: parameters.fromBlock,
  });
  const { spec, escrow } = planJob(parameters, market, {
    modelId,
    ...(isJoinedInput(input)
      ? { inDigest, inputRef: inputRefOf(input), joins: input.parents.length > 0 }
      : { inDigest, inputRef: referenceOf(manifest, input, parameters.cipher) }),
    client: requester,
    resultKey: toHex(resultKeyPair(crypto, secret).publicKey),
    paramsVersion,
    inputs,
    isSplit: part !== undefined,
    exposure: part?.exposure,
  });
  const job: Job = { requester, nonce: parameters.nonce ?? randomNonce(crypto), spec };
  return { jobId: jobIdOf({ chainId: BigInt(chainId), hub }, job), job, secret, input, statements, release, escrow };
}

/**
 * Opens a job, paid from the account's free balance, and returns at once with the transaction's hash. The seats become known two
 * blocks later; then `deliverInput` seals the input to them.
 * Errors: those of `prepareInference`; BALANCE_TOO_LOW and PRIVACY_BUDGET_EXCEEDED before anything is sent; REVERTED; ACCOUNT_MISSING.
 *
 * @example
 * const { jobId, hash, secret, input } = await requestInference(wallet, { hub, manifest, input: tensor, crypto: nodeCrypto });
 */
export async function requestInference(
  client: WalletLike,
  parameters: RequestInferenceParameters,
): Promise<RequestInferenceReturnType> {
  const { hub } = parameters;
  const account = accountOf(client, parameters.account, "requestInference");
  const prepared = await prepareInference(client, { ...parameters, requester: account.address });
  const free = await getBalance(client, { hub, account: account.address });
  if (free < prepared.escrow) throw new SdkError("BALANCE_TOO_LOW", { have: free, need: prepared.escrow });
  bookRelease(prepared, parameters.privacy);
  const { send = async (action) => action() } = parameters;
  const hash = await send(async () =>
    checked("request", async () =>
      isJoinedJob(prepared.input)
        ? writeContract(client, {
            ...joinedCall(hub, parameters.manifest, prepared),
            account,
            chain: client.chain ?? null,
          })
        : writeContract(client, {
            address: hub,
            abi: assayHubAbi,
            functionName: "request",
            args: [prepared.job.nonce, prepared.job.spec],
            account,
            chain: client.chain ?? null,
          }),
    ),
  );
  return { ...prepared, hash };
}

/** What a job of this model takes, of what its client was given. Error: CLIENT_PART for other jobs' results, which are no raw input. */
function runFirstStages(
  part: ClientPart | undefined,
  raw: Uint8Array | JoinedInput,
  secret: JobSecret,
  inputs: number,
): { readonly input: Uint8Array | JoinedInput; readonly statements: readonly ClientStatement[] } {
  if (part === undefined) return { input: raw, statements: [] };
  if (isJoinedInput(raw))
    throw new SdkError("CLIENT_PART", { modelId: part.modelId, why: "other jobs' results are no raw input" });
  const { bytes, statements } = part.before({ secret: secret.reveal(), bytes: raw, inputs });
  return { input: bytes, statements };
}

/** What the job says of its input beside the digest: where a public one is found; the keys of one that is encrypted. */
function referenceOf(manifest: ModelManifest, input: Uint8Array, cipher: CipherParcels | undefined): Hex {
  const kind = inputKind(manifest);
  if ((kind === KIND_CIPHER) !== (cipher !== undefined))
    throw new SdkError("NOT_SUPPORTED", { what: "a ciphertext without keys, or keys without one (see requestCipher)" });
  if (cipher !== undefined) return cipher.keySetRoot;
  return kind === KIND_PUBLIC ? splitBlob(input).root : ZERO_BYTES32;
}

/** Lanes have no parents. */
const inputRefOf = ({ parents }: JoinedInput): Hex => (parents.length === 0 ? ZERO_BYTES32 : parentsRef(parents));

const isJoinedJob = (input: Uint8Array | JoinedInput): boolean => isJoinedInput(input) && input.parents.length > 0;

const joinedCall = (hub: Address, manifest: ModelManifest, { job, input }: PreparedInference) =>
  ({
    address: hub,
    abi: assayHubAbi,
    functionName: "requestJoined",
    args: [job.nonce, job.spec, jobTable(manifest), isJoinedInput(input) ? input.parents : []],
  }) as const;
/** Durably, before anything leaves. Errors: PRIVACY_BUDGET_EXCEEDED, RELEASE_CHANGED. */
export function bookRelease({ release }: Pick<PreparedInference, "release">, privacy: PrivacyWishes | undefined): void {
  if (release !== undefined) privacy?.ledger.book(release, privacy.budgetMicro);
}

/** Dry run: everything that the request would check, on the chain's present state; sends nothing. */
requestInference.call = async (
  client: WalletLike,
  parameters: RequestInferenceParameters,
): Promise<PreparedInference> => {
  const account = accountOf(client, parameters.account, "requestInference");
  const prepared = await prepareInference(client, { ...parameters, requester: account.address });
  if (isJoinedJob(prepared.input)) {
    const call = joinedCall(parameters.hub, parameters.manifest, prepared);
    await checked("requestJoined", async () => simulateContract(client, { ...call, account }));
    return prepared;
  }
  await checked("request", async () =>
    simulateContract(client, {
      address: parameters.hub,
      abi: assayHubAbi,
      functionName: "request",
      args: [prepared.job.nonce, prepared.job.spec],
      account,
    }),
  );
  return prepared;
};

/** The request's event in a transaction's logs: id and spec of the job, also where a contract requested it. */
requestInference.extractEvent = (logs: Log[]) =>
  parseEventLogs({ abi: assayHubAbi, eventName: "JobRequested", logs })[0];
