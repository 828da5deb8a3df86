// SPDX-License-Identifier: MIT
import { agreementOf, answerWord, type Agreement } from "../../core/agreement.ts";
import { toHex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { encodeTensor, type Tensor } from "../../core/tensor.ts";
import type { Word } from "../../core/tagged-hash.ts";
import type { WalletLike } from "../send.ts";
import {
  requestInferenceSync,
  type RequestInferenceSyncParameters,
  type RequestInferenceSyncReturnType,
} from "./request-inference-sync.ts";

export interface RequestAgreementParameters extends Omit<RequestInferenceSyncParameters, "input" | "nonce" | "secret"> {
  /** The same question under different seeds: each seed with the input that it makes. */
  readonly runs: readonly { readonly seed: Word; readonly input: Tensor }[];
  /** Reads the answer out of an output; without it outputs count as equal if every byte is. */
  readonly answerOf?: ((output: Tensor) => string) | undefined;
}

export interface RequestAgreementReturnType {
  readonly agreement: Agreement;
  readonly runs: readonly RequestInferenceSyncReturnType[];
}

const bytesWord = (tensor: Tensor): Word => toHex(keccak256(encodeTensor(tensor)));

/**
 * Asks the same question with several seeds, one job a seed, one after another, and says how far the model agrees with
 * itself: agreement, never correctness. Each job is paid and settled as if it were alone. Nothing is requested if seeds
 * or inputs repeat, for replicas agree whatever they answer. Errors: AGREEMENT_INVALID, those of `requestInferenceSync`.
 *
 * @example
 * const { agreement } = await requestAgreement(wallet, { hub, manifest, runs, answerOf, crypto: nodeCrypto });
 */
export async function requestAgreement(
  client: WalletLike,
  { runs, answerOf, ...parameters }: RequestAgreementParameters,
): Promise<RequestAgreementReturnType> {
  const word = (output: Tensor): Word => (answerOf === undefined ? bytesWord(output) : answerWord(answerOf(output)));
  // Both checks before anything is paid.
  agreementOf(runs.map(({ seed }) => ({ seed, answer: seed })));
  agreementOf(runs.map(({ input }) => ({ seed: bytesWord(input), answer: bytesWord(input) })));
  const done: RequestInferenceSyncReturnType[] = [];
  for (const { input } of runs) done.push(await requestInferenceSync(client, { ...parameters, input }));
  const answers = done.map(({ output }, i) => ({ seed: runs[i]?.seed ?? "0x", answer: word(output) }));
  return { agreement: agreementOf(answers), runs: done };
}
