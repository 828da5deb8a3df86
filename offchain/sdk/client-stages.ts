// SPDX-License-Identifier: MIT
import type { Account, Address, Hex } from "viem";
import { decodeBatch } from "../core/batch-tensors.ts";
import type { ClientPart, ClientRun, ClientStatement } from "../core/client-part.ts";
import { modelId as modelIdOf } from "../core/model.ts";
import { hasClientStages } from "../core/network-part.ts";
import { releaseRho } from "../core/noise/mechanism.ts";
import type { PrivacyLedger, PrivacyRelease } from "../core/ports/privacy-ledger.ts";
import type { ClientClaim } from "../core/receipt.ts";
import type { Word } from "../core/tagged-hash.ts";
import { decodeTensor, type Tensor } from "../core/tensor.ts";
import type { ModelManifest } from "../core/types.ts";
import { signClientClaims } from "./actions/sign-client-claims.ts";
import { SdkError } from "./errors.ts";
import type { WalletLike } from "./send.ts";

/** Who keeps account of what noised boundaries give away. */
export interface PrivacyWishes {
  readonly ledger: PrivacyLedger;
  /** Whom or what the input is about: a hash under the client's own secret, never a name. */
  readonly subject: Word;
  /** `rhoBudget` of the epsilon that the subject may lose in all. */
  readonly budgetMicro: bigint;
}

/**
 * The client's stages of this model, or undefined where it keeps none. Whoever would send such a model's raw input is stopped here.
 * Error: CLIENT_PART.
 */
export function clientPartOf(manifest: ModelManifest, part: ClientPart | undefined): ClientPart | undefined {
  if (!hasClientStages(manifest)) return undefined;
  const modelId = modelIdOf(manifest);
  if (part === undefined) throw new SdkError("CLIENT_PART", { modelId, why: "none were passed" });
  if (part.modelId !== modelId)
    throw new SdkError("CLIENT_PART", { modelId, why: `those that were passed are of model ${part.modelId}` });
  return part;
}

/**
 * What must be booked before a noised input leaves; undefined where nothing is noised. The release is named by the input's salted digest:
 * a retry with the same secret is the same release, and every input of a batch counts. Error: NOISE_REQUIRED.
 */
export function releaseOf(
  part: ClientPart | undefined,
  privacy: PrivacyWishes | undefined,
  { inDigest, inputs }: { readonly inDigest: Word; readonly inputs: number },
): PrivacyRelease | undefined {
  if (part === undefined || part.noise === null) return undefined;
  if (privacy === undefined) throw new SdkError("NOISE_REQUIRED", { modelId: part.modelId });
  const rhoMicro = releaseRho(part.noise) * BigInt(Math.max(1, inputs));
  return { subject: privacy.subject, release: inDigest, rhoMicro };
}

/**
 * Runs the client's last stages on the job's result, and signs what the client says about all of its stages: claims that close the chain
 * of a receipt, and prove nothing.
 */
export async function finishClientStages(
  client: WalletLike,
  {
    part,
    run,
    statements,
    ...job
  }: {
    readonly hub: Address;
    readonly jobId: Hex;
    readonly account: Account;
    readonly part: ClientPart;
    readonly run: ClientRun & { readonly outDigest: Hex };
    /** About its first stages, of `prepareInference`. */
    readonly statements: readonly ClientStatement[];
  },
): Promise<{ output: Tensor; outputs: readonly Tensor[]; clientClaims: readonly ClientClaim[] }> {
  const { bytes, statements: last } = part.after(run);
  const outputs = (run.inputs === 0 ? [bytes] : decodeBatch(bytes)).map((one) => decodeTensor(one));
  const [output] = outputs;
  if (output === undefined) throw new SdkError("CLIENT_PART", { modelId: part.modelId, why: "they gave nothing" });
  return {
    output,
    outputs,
    clientClaims: await signClientClaims(client, { ...job, statements: [...statements, ...last] }),
  };
}
