// SPDX-License-Identifier: GPL-3.0-or-later
import { checkNewFile, writeNewFile } from "../new-file.ts";
import { randomBytes } from "node:crypto";
import { readSecret } from "../../audit/verify-receipt-file.ts";
import { toHex } from "../../core/bytes.ts";
import { interpretOutput } from "../../core/program/preprocess.ts";
import { ZERO_ADDRESS } from "../../core/types.ts";
import { encodeProofFile, verifyProofFile } from "../../core/zk/proof-file.ts";
import { loadModel } from "../../engines/program/load-program.ts";
import { PROVER_CHOICES } from "../../engines/zk/prover/choose-prover.ts";
import { readOpenings } from "../../engines/zk/weights/opening-files.ts";
import { defineCommand } from "../command.ts";
import { readFileBytes } from "../connection.ts";
import { EXIT } from "../exit-code.ts";
import { address, choice, defaulted, hash, integer, optional, required, text } from "../fields.ts";
import { readModelInput } from "../model-input.ts";
import { proveModel } from "../prove-model.ts";

const LOCAL_CHAIN = 31_337;

export const prove = defineCommand({
  name: "prove",
  summary: "Run a model on an input and prove it, stage by stage; the proofs go into one file that anyone can verify.",
  details:
    "Without a ceremony's key, and for chain 31337 only, a development key is made: anyone can forge proofs under it, and every " +
    "verifier says so. What is not public is committed to with salts from a secret, which is written beside the file: it opens input and result.",
  examples: [
    "assay prove models/tumor-mlp patient.json --out patient.proof",
    "assay prove models/digits-mlp digit.json --ends public --job 0x… --out digit.proof",
  ],
  args: {
    model: required("folder", "Model folder with manifest.json, model.json and program.", text),
    input: required("file", "JSON array of raw numbers, or a canonical tensor.", text),
  },
  options: {
    out: required("file", "Where to write the proofs.", text),
    ends: defaulted(
      "ends",
      "Input and result: as the model says, public, or salted.",
      choice("model", "public", "salted"),
      "model",
    ),
    job: optional("hash", "What the proofs are good for: a job's id, or 32 bytes that the verifier chose.", hash),
    chainId: defaulted("id", "Chain of the job.", integer(1, Number.MAX_SAFE_INTEGER), LOCAL_CHAIN),
    hub: defaulted("address", "Hub of the job.", address, ZERO_ADDRESS),
    worker: defaulted("address", "Signing address of who proves.", address, ZERO_ADDRESS),
    secretFile: optional("file", "The job's secret as 0x and 64 digits; a fresh one otherwise.", text),
    keys: defaulted("folder", "Ceremonies' keys, one folder each.", text, "circuits/keys"),
    cache: defaulted("folder", "Where gadgets and development keys are kept.", text, "build/zk"),
    prover: defaulted(
      "prover",
      "auto is native where it is built; see ASSAY_ZK_PROVER.",
      choice(...PROVER_CHOICES),
      "auto",
    ),
    memory: defaulted("MiB", "Most memory for keys.", integer(64, 1_048_576), 2_048),
  },
  async run(input, io) {
    const secretPath = `${input.out}.secret`;
    for (const path of input.secretFile === undefined ? [input.out, secretPath] : [input.out]) checkNewFile(path);
    const model = await loadModel(input.model);
    const tensor = readModelInput(input.input, model);
    const secret =
      input.secretFile === undefined
        ? new Uint8Array(randomBytes(32))
        : readSecret(new TextDecoder().decode(readFileBytes(input.secretFile, 1024)));
    const progress = io.progress("prove");
    const started = performance.now();
    let last = "";
    const { file, output, salted, prover } = await proveModel({
      model,
      input: tensor,
      secret,
      ends: input.ends,
      chainId: BigInt(input.chainId),
      hub: input.hub,
      jobId: input.job ?? toHex(new Uint8Array(randomBytes(32))),
      worker: input.worker,
      keyFolder: input.keys,
      cacheFolder: input.cache,
      memoryMiB: input.memory,
      prover: input.prover,
      openings: readOpenings(input.model, model.stages.length),
      signal: io.signal,
      onProgress: (step) => {
        if (step !== last) progress.step(step);
        last = step;
      },
    });
    const report = verifyProofFile(file);
    progress.done(
      `stages proven: ${file.stages.length}, with ${prover}, in ${((performance.now() - started) / 1_000).toFixed(1)} s`,
    );
    if (report.development)
      io.note("DEVELOPMENT KEY: anyone can forge proofs like this one. Worthless off the local chain.");
    writeNewFile(input.out, encodeProofFile(file));
    const fresh = salted && input.secretFile === undefined ? secretPath : undefined;
    if (fresh !== undefined) writeNewFile(fresh, `${toHex(secret)}\n`, 0o600);
    const [answer] = interpretOutput(model.output, output);
    io.result(
      {
        file: input.out,
        secretFile: fresh ?? input.secretFile ?? null,
        jobId: file.jobId,
        inDigest: file.inDigest,
        outDigest: report.outDigest,
        keyIds: report.keyIds,
        development: report.development,
        stages: file.stages.length,
        prover,
        answer,
        ok: report.ok,
      },
      `${answer?.label ?? "?"}\njob ${file.jobId}\nresult ${report.outDigest}\n${input.out}${fresh === undefined ? "" : `\n${fresh} (keep it to yourself)`}`,
    );
    return report.ok ? EXIT.done : EXIT.failed;
  },
});
