// SPDX-License-Identifier: GPL-3.0-or-later
import { encryptedInput, releaseLabels } from "../../offchain/cli/request-cipher.ts";
import type { RequestCipherParameters, RequestCipherReturnType } from "../../offchain/sdk/actions/request-cipher.ts";
import { fromHex, type Hex } from "../../offchain/core/bytes.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import type { PlannedCipher } from "./plan-ciphers.ts";
import type { SecretWatch } from "./secret-watch.ts";

export interface AskEncryptedOptions {
  readonly wallet: AssayWallet;
  readonly hub: Hex;
  /** Told what must be found nowhere. */
  readonly watch?: SecretWatch | undefined;
}

export interface EncryptedAnswer {
  readonly done: RequestCipherReturnType;
  /** One each, or `undecided`. */
  readonly labels: readonly string[];
  /** Every decrypted accumulator lies within the registered tolerance of the exact program's. */
  readonly isWithin: boolean;
}

/** One job under `critical-cipher`: fresh keys, which end with it; encrypted here, decrypted here when the job is final. */
export async function askEncrypted(
  { folder, model, inputs, accumulators }: PlannedCipher,
  { wallet, hub, watch }: AskEncryptedOptions,
  wishes: Omit<RequestCipherParameters, "keys" | "samples" | "hub" | "crypto">,
): Promise<EncryptedAnswer> {
  const encrypted = await encryptedInput({ model: folder, input: folder, hub }, wallet, model, inputs);
  const { keys, samples } = encrypted;
  try {
    watch?.plant("secret key", keys.exportRoot());
    for (const { data } of inputs) watch?.plant("input", new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const done = await wallet.requestCipher({
      ...wishes,
      keys,
      samples,
      onProgress: (step) => {
        // Public: what shows that the search finds what is there.
        if (step.stage === "requested") watch?.mark(fromHex(step.jobId));
        wishes.onProgress?.(step);
      },
    });
    const { tolerance, program } = keys.model;
    const most = tolerance * program.plan.outputScale;
    const isWithin = done.opened
      .values()
      .reveal()
      .every((one, sample) => one.every((value, i) => Math.abs(value - (accumulators[sample]?.[i] ?? NaN)) <= most));
    return { done, labels: await releaseLabels(done.opened, model.output, encrypted), isWithin };
  } finally {
    keys.forget();
  }
}
