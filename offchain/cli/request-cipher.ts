// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import type { OutputMeaning } from "../core/program/preprocess.ts";
import type { Finish } from "../core/program/types.ts";
import type { Tensor } from "../core/tensor.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { CipherKeySet } from "../engines/she/client/cipher-key-set.ts";
import { finishOf } from "../engines/she/client/cipher-model.ts";
import { MAX_RELEASES, type OpenedResult } from "../engines/she/client/cipher-session.ts";
import { MemoryKeyLedger } from "../engines/she/client/key-ledger.ts";
import { boundaryOf, type Released, type ReleaseRule } from "../engines/she/client/release.ts";
import { nodeKernel } from "../engines/she/kernel/node-kernel.ts";
import { CIPHER_FOLDER } from "../engines/she/model/folders.ts";
import { loadCipherModel } from "../engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../engines/she/node-hashes.ts";
import { hasCode } from "../core/errors.ts";
import { cipherFinality } from "../sdk/cipher-finality.ts";
import type { AssayWallet } from "../sdk/node/connect.ts";
import { nodeCrypto } from "../sdk/node/node-crypto.ts";
import { CliError } from "./errors.ts";

/** What is printed where the noise does not let anything be told. */
export const UNDECIDED = "undecided";

export interface EncryptedInput {
  readonly keys: CipherKeySet;
  readonly samples: readonly ArrayLike<number>[];
  readonly finish: Finish;
}

/**
 * Fresh keys for one job, and the inputs as the integers that the plain program takes. The keys live no longer than this process: a result
 * that it does not read is lost. Errors: INPUT_INVALID, those of `loadCipherModel`.
 */
export async function encryptedInput(
  path: { readonly model: string; readonly input: string; readonly hub: `0x${string}` },
  wallet: AssayWallet,
  model: LoadedModel,
  given: Tensor | readonly Tensor[],
): Promise<EncryptedInput> {
  const samples = (Array.isArray(given) ? (given as readonly Tensor[]) : [given as Tensor]).map(({ data }) =>
    Array.from(data, Number),
  );
  if (samples.length > MAX_RELEASES)
    throw new CliError("INPUT_INVALID", {
      path: path.input,
      why: `one key set answers ${MAX_RELEASES} inputs at most`,
    });
  const cipher = await loadCipherModel(join(path.model, CIPHER_FOLDER));
  const finish = finishOf(cipher, model.program);
  const keys = new CipherKeySet({
    model: cipher,
    finish,
    finality: cipherFinality(wallet, { hub: path.hub }),
    ledger: new MemoryKeyLedger(),
    kernel: nodeKernel(),
    hashes: nodeHashes,
    randomBytes: (length) => nodeCrypto.randomBytes(length),
  });
  return { keys, samples, finish };
}

/** The question that a model's decision asks of a decrypted result. */
function ruleOf({ decision, step }: OutputMeaning, finish: Finish): ReleaseRule {
  if (decision.kind === "argmax") return { kind: "argmax" };
  if (decision.kind === "threshold")
    return { kind: "threshold", at: boundaryOf(finish, Math.ceil(decision.at / step)) };
  return { kind: "values" };
}

function labelOf({ labels, decision }: OutputMeaning, told: Released): string {
  const indexOf = (): number | undefined => {
    if (told.kind === "argmax") return told.index;
    if (told.kind === "threshold") return told.isReached ? 1 : 0;
    return told.kind === "values" && decision.kind === "index" ? told.values[0] : undefined;
  };
  const index = indexOf();
  return index === undefined ? UNDECIDED : (labels[index] ?? `${index}`);
}

/** A label for each input, or `undecided`; the first of these retires the keys, and nothing more is told under them. */
export async function releaseLabels(
  opened: OpenedResult,
  meaning: OutputMeaning,
  { samples, finish }: EncryptedInput,
): Promise<string[]> {
  const rule = ruleOf(meaning, finish);
  const labels: string[] = [];
  for (const sample of samples.keys())
    labels.push(
      await opened.release(rule, sample).then(
        (told) => labelOf(meaning, told),
        (error: unknown) => {
          if (hasCode(error, "KEYS_RETIRED")) return UNDECIDED;
          throw error;
        },
      ),
    );
  return labels;
}
