// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from "node:fs";
import type { Hex } from "../core/bytes.ts";
import { interpretOutput } from "../core/program/preprocess.ts";
import { encodeRefreshedReceipt, verifyRefreshed } from "../core/refreshed-receipt.ts";
import type { Tensor } from "../core/tensor.ts";
import type { LoadedFloatModel } from "../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { MemoryKeyLedger } from "../engines/she/client/key-ledger.ts";
import { LinearCheck } from "../engines/she/client/linear-check.ts";
import { RefreshKeySet } from "../engines/she/client/refresh-key-set.ts";
import { compileRefresh } from "../engines/she/compile/refresh-plan.ts";
import { nodeKernel } from "../engines/she/kernel/node-kernel.ts";
import { loadRefreshModels } from "../engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../engines/she/node-hashes.ts";
import { cipherFinality } from "../sdk/cipher-finality.ts";
import type { AssayWallet } from "../sdk/node/connect.ts";
import { nodeCrypto } from "../sdk/node/node-crypto.ts";
import type { JobWishes } from "../sdk/plan-job.ts";
import { CliError } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { progressText } from "./progress-text.ts";

const randomBytes = (length: number): Uint8Array => nodeCrypto.randomBytes(length);

/** Fresh keys for all steps, with a check of each by the plain program's own weights. Errors: USAGE, those of `loadRefreshModels`. */
async function refreshKeys(
  folder: string,
  model: LoadedModel,
  finality: ReturnType<typeof cipherFinality>,
): Promise<RefreshKeySet> {
  const models = await loadRefreshModels(folder);
  const [stage] = model.stages;
  const isOwn = models.every(({ manifest }) => manifest.tools.cipher?.plain === model.manifest.modelId);
  if (stage === undefined || model.stages.length > 1 || !isOwn)
    throw new CliError("USAGE", {
      why: `the folder refresh in ${folder} is not this model's: make it by \`assay model refresh ${folder}\``,
    });
  const checks = compileRefresh(stage.program).map(({ map }) => LinearCheck.prepare(map, randomBytes));
  const ledger = new MemoryKeyLedger();
  return new RefreshKeySet({
    models,
    checks,
    finality,
    ledger,
    kernel: nodeKernel(),
    hashes: nodeHashes,
    randomBytes,
  });
}

/** A job on ciphertexts for each linear step, refreshed here between two of them; the answer is the integer program's own. */
export async function runRefreshed(
  input: {
    readonly model: string;
    readonly input: string;
    readonly deposit: boolean;
    readonly timeout: number | undefined;
    readonly receipt: string | undefined;
    readonly opening: string | undefined;
  },
  io: Io,
  given: {
    readonly wallet: AssayWallet;
    readonly model: LoadedModel | LoadedFloatModel;
    readonly inputs: Tensor | readonly Tensor[];
    readonly hub: Hex;
    readonly wishes: Pick<JobWishes, "preset" | "seatReward" | "insuredValue" | "policy">;
  },
): Promise<ExitCode> {
  const { wallet, model, inputs, hub, wishes } = given;
  if (wishes.preset !== undefined && wishes.preset !== "critical-cipher")
    throw new CliError("USAGE", { why: "--refreshed is critical-cipher: leave --preset out" });
  if ("tolerance" in model || input.opening !== undefined)
    throw new CliError("USAGE", {
      why: "--refreshed takes an integer model, and keeps no opening: only its keys open the jobs",
    });
  if (Array.isArray(inputs))
    throw new CliError("INPUT_INVALID", { path: input.input, why: "a refreshed program takes one input" });
  const progress = io.progress("job");
  progress.step("making keys");
  const keys = await refreshKeys(input.model, model, cipherFinality(wallet, { hub }));
  const { seatReward, insuredValue, policy } = wishes;
  const terms = { seatReward, insuredValue, policy };
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
    let at = 0;
    const done = await wallet.requestRefreshed({
      keys,
      sample: Array.from((inputs as Tensor).data, Number),
      ...terms,
      deposit: input.deposit,
      timeoutMs: (input.timeout ?? 600 + windowSec) * 1_000,
      signal: io.signal,
      onStep: (step) => (at = step),
      onProgress: (told) => progress.step(`step ${at + 1} of ${total}: ${progressText(told)}`),
    });
    const [answer] = interpretOutput(model.output, { dtype: "i32", dims: [1, done.output.length], data: done.output });
    progress.done("last result decrypted, checked and rounded");
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
        linearChecks: total,
        receiptValid: ok,
        receipt: input.receipt ?? null,
        coverage,
        client,
      },
      `${answer?.label ?? ""}\n${jobs.map((job, step) => `step ${step}: job ${job}`).join("\n")}\nfee ${escrow - returned}\n` +
        `all ${total} steps checked here by a secret linear check; refreshes ran here, unproven\n` +
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
