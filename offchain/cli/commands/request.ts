// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from "node:fs";
import { exposureText, worstFigures } from "../../core/planning/leakage-limits.ts";
import { loadAnyModel } from "../../engines/program/load-any-model.ts";
import type { LoadedFloatModel } from "../../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../../engines/program/load-program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { encodeReceipt } from "../../core/receipt.ts";
import { interpretOutput } from "../../core/program/preprocess.ts";
import { interpretReals } from "../../core/program/real-input.ts";
import { verifyReceipt } from "../../core/verify-receipt.ts";
import { connectWallet, type AssayWallet } from "../../sdk/node/connect.ts";
import type { JobWishes } from "../../sdk/plan-job.ts";
import { clientPartOf } from "../client-part-of.ts";
import { defineCommand } from "../command.ts";
import { connectionOptions, readPrivateKey, resolveConnection } from "../connection.ts";
import { enclaveOptions, enclaveWishes } from "../enclave-options.ts";
import { CliError } from "../errors.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { amount, choice, flag, integer, optional, required, text } from "../fields.ts";
import type { Io } from "../io.ts";
import { keepOpening, keepParcels } from "../job-opening.ts";
import { readModelInputs } from "../model-input.ts";
import { progressText } from "../progress-text.ts";
import { encryptedInput, releaseLabels } from "../request-cipher.ts";
import { runRefreshed } from "../request-refreshed.ts";
import { isScenario, scenarioOptions, wishesOf } from "./policy/scenario-options.ts";

export const request = defineCommand({
  name: "request",
  summary: "Ask for an inference, or for many in one job, and wait for the checked result.",
  details:
    "The input is a JSON array of raw numbers (pixels, measurements), which the model's own preprocessing turns into integers, or a " +
    "canonical tensor file. It is sealed to the drawn seats and never leaves this machine in clear. Many inputs, a JSON array of such " +
    "arrays or a folder of files, go as one job: its seats vote once on all, so that each costs a part of the fees. Stages that a model " +
    "keeps with its client run here; what operators see of the others' boundaries is not encrypted, and the answer names the measured recovery. Under critical-cipher operators see " +
    "ciphertexts only: keys are made for this job and forgotten after it, and an answer that noise could have changed is `undecided`.",
  examples: [
    "assay request models/tumor-mlp patient.json --devnet build/devnet.json",
    "assay request models/tumor-mlp patients/ --devnet build/devnet.json --json",
    "assay request models/tumor-mlp patient.json --devnet build/devnet.json --receipt job.receipt --opening job",
    "assay request models/tumor-mlp patient.json --devnet build/devnet.json --criticality critical",
    "assay request models/tumor-mlp patient.json --preset fast-enclave --committee standard --rpc https://… --hub 0x… --key-file requester.key",
    "assay request models/tumor-mlp patient.json --preset critical-enclave --rpc https://… --hub 0x… --key-file requester.key",
    "assay request models/digits-mlp-poly digit.json --preset critical-cipher --devnet build/devnet.json",
    "assay request models/digits-mlp digit.json --refreshed --receipt digit.refreshed --devnet build/devnet.json",
    "assay request models/digits-cnn digit.json --rpc http://127.0.0.1:8545 --hub 0x… --key-file requester.key --receipt job.receipt",
  ],
  args: {
    model: required("folder", "Model folder with manifest.json, model.json and program.", text),
    input: required(
      "path",
      "JSON array of raw numbers, or a canonical tensor; for many inputs an array of arrays, or a folder of files.",
      text,
    ),
  },
  options: {
    ...connectionOptions,
    keyFile: optional("file", "Private key that pays (mode 0600).", text),
    preset: optional(
      "name",
      "What the answer rests on: general-vote (a staked committee), general-split (a committee a stage, behind stages that run here), economy (one staked operator, audited by chance and open to challenge), fast-enclave (one attested enclave, audited by chance), critical-proof (a proof of every stage), critical-enclave (enclaves of two vendors agree, and one proves it inside) or critical-cipher (a committee a stage, on encrypted inputs: the model's `cipher` folder). By default general-vote, general-split for models that keep stages with their client.",
      choice(
        "general-vote",
        "general-split",
        "economy",
        "fast-enclave",
        "critical-proof",
        "critical-enclave",
        "critical-cipher",
      ),
    ),
    refreshed: flag(
      "On encrypted inputs, of integer models with any activation: a critical-cipher job for each linear step (`assay model refresh`), decrypted, checked, rounded and encrypted again here between two; the answer is the integer program's, bit for bit.",
    ),
    checks: optional(
      "file",
      "With --refreshed, of private weights: what `assay cipher check` got from their owner; without it quorum alone vouches for a step.",
      text,
    ),
    ...enclaveOptions,
    ...scenarioOptions,
    acceptDowngrade: flag(
      "Of critical scenarios with a preset of your own: consent on the chain, in your own transaction, to evidence that proves less.",
    ),
    seatReward: optional("amount", "Reward of a seat, token base units.", amount),
    insure: optional("amount", "Value at risk that the committee's stake must cover.", amount),
    auditBps: optional(
      "share",
      "Of economy: share of answers that are audited, in basis points; more insures more.",
      integer(0, 10_000),
    ),
    window: optional("seconds", "How long the result can be challenged before it is final.", integer(0, 604_800)),
    acceptExposure: flag(
      "Of models that keep stages here: accept, on the chain, that operators see more than the leakage limits allow.",
    ),
    standbys: flag("Fill seats whose workers stay away, once a stage, instead of ending the job (general-vote)."),
    receipt: optional("file", "Where to write the receipt.", text),
    opening: optional(
      "folder",
      "Where to keep, before anything is sent, the job's secret and input: what an auditor needs to do the inference again. Under critical-cipher: ciphertext and evaluation keys, after it (with --refreshed in a folder a job).",
      text,
    ),
    deposit: flag("Deposit what is missing from the account's tokens first, with a permit where the token takes one."),
    timeout: optional(
      "seconds",
      "Give up waiting after this long; 600 and the window by default.",
      integer(1, 604_800),
    ),
  },
  async run(input, io) {
    const connection = resolveConnection(input);
    const wallet = connectWallet({
      ...connection,
      privateKey: readPrivateKey(input.keyFile ?? connection.devKeyFile),
      pollMs: 250,
      signal: io.signal,
    });
    const enclaves = enclaveWishes(input);
    const policy = {
      ...(input.auditBps === undefined ? {} : { auditBps: input.auditBps }),
      ...(input.window === undefined ? {} : { window: input.window }),
    };
    if (input.refreshed) return runRefreshed(input, io, { wallet, hub: connection.hub, policy });
    if (input.checks !== undefined) throw new CliError("USAGE", { why: "--checks goes with --refreshed" });
    const model = await loadAnyModel(input.model);
    const manifest = model.manifest.model;
    const clientPart = clientPartOf(model);
    const wishes = {
      preset: input.preset,
      scenario: isScenario(input) ? wishesOf(input) : undefined,
      acceptDowngrade: input.acceptDowngrade,
      seatReward: input.seatReward,
      insuredValue: input.insure,
      standbys: input.standbys,
      acceptExposure: input.acceptExposure,
      clientPart,
      policy,
    };
    const inputs = readModelInputs(input.input, model);
    if (input.preset === "critical-cipher")
      return runEncrypted(input, io, { wallet, model, inputs, hub: connection.hub, wishes });
    const count = Array.isArray(inputs) ? { inputs: inputs.length } : {};
    const quote = await wallet.quoteInference({ manifest, requester: wallet.account.address, ...count, ...wishes });
    const { time } = await wallet.quoteTime({ manifest, spec: quote.spec, ...count, signal: io.signal });
    const startedMs = performance.now();
    let finalSec: number | null = null;
    const secret = input.opening === undefined ? undefined : keepOpening(input.opening, inputs);
    const progress = io.progress("job");
    const done = await wallet.requestInferenceSync({
      manifest,
      input: inputs,
      ...wishes,
      ...enclaves,
      secret,
      deposit: input.deposit,
      timeoutMs: (input.timeout ?? 600 + quote.spec.policy.window) * 1_000,
      signal: io.signal,
      onProgress: (told) => {
        if (told.stage === "final") finalSec = (performance.now() - startedMs) / 1_000;
        progress.step(progressText(told));
      },
    });
    progress.done("result opened and checked");
    const answers = done.outputs.flatMap((output) =>
      "tolerance" in model ? interpretReals(model.output, output) : interpretOutput(model.output, output),
    );
    const { jobId, clientClaims } = done;
    // Of a model with client stages the network's result is an inner boundary, and nobody else's business.
    const result = clientPart === undefined ? done.result : undefined;
    const receipt = await wallet.getReceipt({ jobId, manifest, result, clientClaims });
    const { recordHash, outDigest } = done.view;
    // The chain's own word on the record: seats that posted their commitments themselves left no signature.
    const { ok, coverage } = verifyReceipt(receipt, {
      hub: connection.hub,
      jobId,
      modelId: receipt.job.spec.modelId,
      ...(recordHash === null ? {} : { recordHash }),
      ...(outDigest === null ? {} : { outDigest }),
    });
    if (input.receipt !== undefined) writeFileSync(input.receipt, encodeReceipt(receipt), { mode: 0o600 });
    const returned = receipt.settlement[0]?.requester ?? 0n;
    const paid = {
      quoted: quote.escrow,
      escrow: done.escrow,
      returned,
      fee: done.escrow - returned,
      likely: quote.likely,
    };
    const seconds = { finalSec, quotedSec: time.finalSec };
    const unproven = coverage.filter(({ kind }) => kind === "CLIENT_UNPROVEN").map(({ stage }) => stage);
    const exposed = clientPart === undefined ? null : worstFigures(clientPart.exposure);
    const exposure = exposed === null ? null : exposureText(exposed);
    const notes = exposure === null ? "" : `\nstages ${unproven.join(", ")} ran here, unproven; ${exposure}`;
    io.result(
      {
        jobId,
        ...(Array.isArray(inputs) ? { answers } : { answer: answers[0] }),
        outDigest: receipt.outDigest,
        ...paid,
        ...seconds,
        receiptValid: ok,
        receipt: input.receipt ?? null,
        ...(exposure === null ? {} : { unprovenStages: unproven, exposure }),
      },
      `${answers.map(({ label }) => label).join("\n")}\njob ${jobId}\nfee ${paid.fee} (quoted ${paid.likely}, at most ${paid.quoted}; ${paid.returned} came back)\nfinal after ${secondsText(finalSec)} (quoted ${secondsText(time.finalSec)})\nreceipt ${ok ? "valid" : "INVALID"}${notes}`,
    );
    return ok ? EXIT.done : EXIT.failed;
  },
});

const secondsText = (seconds: number | null): string => (seconds === null ? "unknown" : `${seconds.toFixed(1)} s`);
/** On ciphertexts: what is asked, checked and written is the same, what is told less. */
async function runEncrypted(
  input: {
    readonly model: string;
    readonly input: string;
    readonly deposit: boolean;
    readonly timeout: number | undefined;
    readonly receipt: string | undefined;
    readonly opening: string | undefined;
  },
  io: Io,
  {
    wallet,
    model,
    inputs,
    hub,
    wishes,
  }: {
    readonly wallet: AssayWallet;
    readonly model: LoadedModel | LoadedFloatModel;
    readonly inputs: Tensor | readonly Tensor[];
    readonly hub: `0x${string}`;
    readonly wishes: Pick<JobWishes, "seatReward" | "insuredValue" | "policy">;
  },
): Promise<ExitCode> {
  if ("tolerance" in model) throw new CliError("USAGE", { why: "critical-cipher takes a polynomial model" });
  const progress = io.progress("job");
  progress.step("making keys");
  const encrypted = await encryptedInput({ ...input, hub }, wallet, model, inputs);
  const { keys, samples } = encrypted;
  const manifest = keys.model.manifest.model;
  const { seatReward, insuredValue, policy } = wishes;
  const terms = { seatReward, insuredValue, policy };
  try {
    const quote = await wallet.quoteInference({
      manifest,
      requester: wallet.account.address,
      preset: "critical-cipher",
      ...terms,
    });
    const done = await wallet.requestCipher({
      keys,
      samples,
      ...terms,
      deposit: input.deposit,
      timeoutMs: (input.timeout ?? 600 + quote.spec.policy.window) * 1_000,
      signal: io.signal,
      onProgress: (told) => progress.step(progressText(told)),
    });
    if (input.opening !== undefined) keepParcels(input.opening, done.parcels);
    const labels = await releaseLabels(done.opened, model.output, encrypted);
    progress.done("result decrypted and checked");
    const receipt = await wallet.getReceipt({ jobId: done.jobId, manifest });
    const { recordHash, outDigest } = done.view;
    const { ok } = verifyReceipt(receipt, {
      hub,
      jobId: done.jobId,
      modelId: receipt.job.spec.modelId,
      ...(recordHash === null ? {} : { recordHash }),
      ...(outDigest === null ? {} : { outDigest }),
    });
    if (input.receipt !== undefined) writeFileSync(input.receipt, encodeReceipt(receipt), { mode: 0o600 });
    const client = "she-client: unreviewed";
    io.result(
      { jobId: done.jobId, answers: labels, outDigest, receiptValid: ok, receipt: input.receipt ?? null, client },
      `${labels.join("\n")}\njob ${done.jobId}\nreceipt ${ok ? "valid" : "INVALID"}\n${client}`,
    );
    return ok ? EXIT.done : EXIT.failed;
  } finally {
    keys.forget();
  }
}
