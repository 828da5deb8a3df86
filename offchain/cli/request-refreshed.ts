// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "../core/bytes.ts";
import type { ManifestFile } from "../core/manifest.ts";
import { interpretOutput } from "../core/program/preprocess.ts";
import { encodeRefreshedReceipt, verifyRefreshed } from "../core/refreshed-receipt.ts";
import type { Tensor } from "../core/tensor.ts";
import { loadModel } from "../engines/program/load-program.ts";
import { loadUsage, type ModelUsage } from "../engines/program/load-usage.ts";
import { MemoryKeyLedger } from "../engines/she/client/key-ledger.ts";
import { LinearCheck } from "../engines/she/client/linear-check.ts";
import { RefreshKeySet } from "../engines/she/client/refresh-key-set.ts";
import { openRefreshModel, type RefreshModelStep } from "../engines/she/client/refresh-model.ts";
import { compileRefresh } from "../engines/she/compile/refresh-plan.ts";
import { nodeKernel } from "../engines/she/kernel/node-kernel.ts";
import { loadRefreshModels } from "../engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../engines/she/node-hashes.ts";
import { cipherFinality } from "../sdk/cipher-finality.ts";
import type { AssayWallet } from "../sdk/node/connect.ts";
import { nodeCrypto } from "../sdk/node/node-crypto.ts";
import type { JobWishes } from "../sdk/plan-job.ts";
import { provenChecks, readCheckFile } from "./check-file.ts";
import { CliError } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { keepParcels } from "./job-opening.ts";
import { readModelInputs } from "./model-input.ts";
import { progressText } from "./progress-text.ts";

const randomBytes = (length: number): Uint8Array => nodeCrypto.randomBytes(length);

interface RefreshedInput {
  readonly model: string;
  readonly input: string;
  readonly checks: string | undefined;
  readonly preset: string | undefined;
  readonly seatReward: bigint | undefined;
  readonly insure: bigint | undefined;
  readonly deposit: boolean;
  readonly timeout: number | undefined;
  readonly receipt: string | undefined;
  readonly opening: string | undefined;
}

type At = { readonly hub: Hex; readonly chainId: number };
type Checks = readonly (LinearCheck | undefined)[];

const isPrivate = ({ model }: ManifestFile): boolean => model.stages.some(({ weightsX }) => BigInt(weightsX) !== 0n);

/**
 * A check a step: of public weights made here, of private ones by their owner's proof. Errors: USAGE, those of `loadModel`, `readCheckFile`
 * and `provenChecks`.
 */
async function checksOf(
  input: RefreshedInput,
  file: ManifestFile,
  steps: readonly RefreshModelStep[],
  at: At,
): Promise<Checks> {
  if (isPrivate(file)) {
    if (input.checks === undefined) return steps.map(() => undefined);
    const proven = provenChecks(input.checks, readCheckFile(input.checks), file.model, at);
    return steps.map(({ op }) => (op === null ? undefined : proven.get(op)));
  }
  if (input.checks !== undefined)
    throw new CliError("USAGE", { why: "the weights are public, and checked without --checks" });
  const [stage] = (await loadModel(input.model)).stages;
  return stage === undefined
    ? []
    : compileRefresh(stage.program).map(({ map }) => LinearCheck.prepare(map, randomBytes));
}

/** Fresh keys for all steps of a model's folder. Errors: USAGE, those of `loadRefreshModels` and `checksOf`. */
async function refreshKeys(
  input: RefreshedInput,
  { manifest }: ModelUsage,
  finality: ReturnType<typeof cipherFinality>,
  at: At,
): Promise<{ readonly keys: RefreshKeySet; readonly checked: readonly number[] }> {
  const models = await loadRefreshModels(input.model);
  if (models.some((step) => step.manifest.tools.cipher?.plain !== manifest.modelId))
    throw new CliError("USAGE", {
      why: `the folder refresh in ${input.model} is another model's: make it by \`assay model refresh ${input.model}\``,
    });
  const checks = await checksOf(input, manifest, openRefreshModel(models), at);
  const ledger = new MemoryKeyLedger();
  const ports = { finality, ledger, kernel: nodeKernel(), hashes: nodeHashes, randomBytes };
  const checked = [...checks.entries()].flatMap(([step, check]) => (check === undefined ? [] : [step]));
  return { keys: new RefreshKeySet({ models, checks, ...ports }), checked };
}

/** A job on ciphertexts for each linear step, refreshed here between two of them; the answer is the integer program's own. */
export async function runRefreshed(
  input: RefreshedInput,
  io: Io,
  { wallet, hub, policy }: { readonly wallet: AssayWallet; readonly hub: Hex } & Pick<JobWishes, "policy">,
): Promise<ExitCode> {
  if (input.preset !== undefined && input.preset !== "critical-cipher")
    throw new CliError("USAGE", { why: "--refreshed is critical-cipher: leave --preset out" });
  const model = await loadUsage(input.model);
  const given = readModelInputs(input.input, model);
  if (Array.isArray(given))
    throw new CliError("INPUT_INVALID", { path: input.input, why: "a refreshed program takes one input" });
  const sample = Array.from((given as Tensor).data, Number);
  const progress = io.progress("job");
  progress.step("making keys");
  const at = { hub, chainId: await wallet.getChainId() };
  const { keys, checked } = await refreshKeys(input, model, cipherFinality(wallet, { hub }), at);
  const terms = { seatReward: input.seatReward, insuredValue: input.insure, policy };
  const total = keys.steps.length;
  try {
    const requester = wallet.account.address;
    let windowSec = 0;
    // Before anything is sent: a step that no policy serves is found while it costs nothing.
    for (const { model: own } of keys.steps) {
      const manifest = own.manifest.model;
      const { spec } = await wallet.quoteInference({ manifest, requester, preset: "critical-cipher", ...terms });
      windowSec = Math.max(windowSec, spec.policy.window);
    }
    let running = 0;
    const done = await wallet.requestRefreshed({
      keys,
      sample,
      ...terms,
      deposit: input.deposit,
      timeoutMs: (input.timeout ?? 600 + windowSec) * 1_000,
      signal: io.signal,
      onStep: (step) => (running = step),
      onProgress: (told) => progress.step(`step ${running + 1} of ${total}: ${progressText(told)}`),
    });
    const [answer] = interpretOutput(model.output, { dtype: "i32", dims: [1, done.output.length], data: done.output });
    progress.done("last result decrypted, checked and rounded");
    if (input.opening !== undefined)
      for (const { jobId, parcels } of done.jobs) keepParcels(join(input.opening, jobId), parcels);
    const { ok, coverage } = verifyRefreshed(done.receipt, {
      hub,
      plain: model.manifest.modelId,
      // The chain's own word on the records: seats that posted their commitments themselves left no signature.
      records: done.jobs.map(({ view }) => view.recordHash ?? undefined),
    });
    if (input.receipt !== undefined)
      writeFileSync(input.receipt, encodeRefreshedReceipt(done.receipt), { mode: 0o600 });
    const returned = done.receipt.steps.reduce(
      (sum, { receipt }) => sum + (receipt.settlement[0]?.requester ?? 0n),
      0n,
    );
    const escrow = done.jobs.reduce((sum, job) => sum + job.escrow, 0n);
    const [jobs, client] = [done.jobs.map(({ jobId }) => jobId), "she-client: unreviewed"];
    io.result(
      {
        jobs,
        answer,
        fee: escrow - returned,
        linearChecks: checked,
        receiptValid: ok,
        receipt: input.receipt ?? null,
        coverage,
        client,
      },
      `${answer?.label ?? ""}\n${jobs.map((job, step) => `step ${step}: job ${job}`).join("\n")}\nfee ${escrow - returned}\n` +
        `steps checked here by a secret linear check: ${checked.join(", ") || "none"}; refreshes ran here, unproven\n` +
        `receipt ${ok ? "valid" : "INVALID"}\n${client}`,
    );
    return ok ? EXIT.done : EXIT.failed;
  } catch (error) {
    progress.failed("not answered");
    throw error;
  } finally {
    keys.forget();
  }
}
