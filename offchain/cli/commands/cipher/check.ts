// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import { decodeProgram, MAX_PROGRAM_BYTES } from "../../../core/program/decode-program.ts";
import { decodeStages } from "../../../core/program/container.ts";
import { SEED_BYTES } from "../../../core/zk/linear-check.ts";
import { readManifest } from "../../../engines/program/load-program.ts";
import { compileCircuit } from "../../../engines/zk/circuit/compile-circuit.ts";
import { connectWallet } from "../../../sdk/node/connect.ts";
import { nodeCrypto } from "../../../sdk/node/node-crypto.ts";
import { createCheckFile, readCheckFile, replaceCheckFile, toldOf, type CheckFile } from "../../check-file.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, readFileBytes, readPrivateKey, resolveConnection } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, integer, optional, required, text, type Parsed } from "../../fields.ts";

const operators = (value: string): Parsed<readonly number[]> => {
  const numbers = value.split(",").map(Number);
  return numbers.every((op, i) => Number.isInteger(op) && op >= 0 && op < 1 << 16 && (numbers[i - 1] ?? -1) < op)
    ? { value: numbers }
    : { why: "must be numbers of operators, ascending, such as 0,1" };
};
const MAX_MANIFEST = 4 << 20;

type Wish = Omit<CheckFile, "version" | "seed" | "told">;

/** An older file that was asked with and not answered, about the same stage, address and operators. Error: FILE_EXISTS. */
function unanswered(path: string, wish: Wish): CheckFile | undefined {
  if (!existsSync(path)) return undefined;
  const file = readCheckFile(path);
  const names = ["chainId", "hub", "modelId", "stage", "client", "ops"] as const satisfies readonly (keyof Wish)[];
  const isSame = names.every((name) => String(file[name]) === String(wish[name]));
  if (file.told !== null || !isSame) throw new CliError("FILE_EXISTS", { path });
  return file;
}

export const cipherCheck = defineCommand({
  name: "cipher check",
  summary: "Ask the owner of private weights for a linear check of them, and verify the owner's proof of it.",
  details:
    "With the check `assay request --refreshed --checks` finds by itself, and names, an encrypted stage that was evaluated wrongly, whoever sits " +
    "in its committee. The owner's worker serves addresses that it knows (`checks.clients`), a few checks each, for every check tells some of " +
    "the weights. The proof is of the weights committed on chain, in the circuit of --architecture: a folder whose `program` has the same " +
    "shapes, shifts and tables, with whatever weights. The file is a secret: whoever evaluates the stage and knows it can lie to you. " +
    "Interrupted, run it again with the same --out: a lost answer costs no second check. Exit code 1: the owner refused, or its proof does not hold.",
  examples: [
    "assay cipher check models/private-mlp --worker 7 --architecture models/digits-mlp --out stage-0.check --devnet build/devnet.json",
    "assay request models/private-mlp digit.json --refreshed --checks stage-0.check --devnet build/devnet.json",
  ],
  args: { model: required("folder", "Folder with the model's manifest.json; no weights are needed.", text) },
  options: {
    ...connectionOptions,
    keyFile: optional("file", "Private key of the address that the owner knows (mode 0600).", text),
    worker: required("id", "Worker of the model's owner.", integer(1, 2 ** 31 - 1)),
    stage: defaulted("n", "Which stage.", integer(0, 255), 0),
    architecture: optional(
      "folder",
      "Folder with a `program` of the same architecture; the model's own by default.",
      text,
    ),
    op: optional("numbers", "Operators to check; all with weights by default.", operators),
    out: required("file", "Where to keep the check (mode 0600).", text),
    cache: defaulted("folder", "Where gadgets of circuits are kept.", text, "build/zk"),
    timeout: defaulted("seconds", "How long to wait for the owner's proof.", integer(1, 600), 60),
  },
  async run(input, io) {
    const connection = resolveConnection(input);
    const wallet = connectWallet({
      ...connection,
      privateKey: readPrivateKey(input.keyFile ?? connection.devKeyFile),
      signal: io.signal,
    });
    const { modelId, model: manifest } = readManifest(readFileBytes(join(input.model, "manifest.json"), MAX_MANIFEST));
    const from = join(input.architecture ?? input.model, "program");
    const bytes = decodeStages(readFileBytes(from, MAX_PROGRAM_BYTES))[input.stage];
    if (bytes === undefined) throw new CliError("INPUT_INVALID", { path: from, why: `it has no stage ${input.stage}` });
    const progress = io.progress("check");
    try {
      const circuit = await compileCircuit(decodeProgram(bytes).program, {
        weights: "private",
        linearCheck: true,
        inKinds: ["SALTED"],
        outKind: "SALTED",
        cacheFolder: join(input.cache, "circuits"),
        signal: io.signal,
        onProgress: (step) => progress.step(`compile, ${step}`),
      });
      const chainId = await wallet.getChainId();
      const { stage, worker, out } = input;
      const ops = input.op ?? circuit.checks.map(({ op }) => op);
      const scope = { chainId, hub: connection.hub.toLowerCase() as Hex, modelId, stage, client: wallet.account.address.toLowerCase() as Hex, ops: [...ops] }; // prettier-ignore
      const kept = unanswered(out, scope);
      const file = kept ?? { version: 1, ...scope, seed: toHex(nodeCrypto.randomBytes(SEED_BYTES)), told: null };
      if (kept === undefined) createCheckFile(out, file);
      progress.step("waiting for the owner's proof");
      const { proof } = await wallet.requestLinearCheck({
        workerId: worker,
        manifest,
        stage,
        circuit: { circuitHash: circuit.circuitHash, operators: circuit.checks },
        ops,
        seed: fromHex(file.seed),
        timeoutMs: input.timeout * 1_000,
        signal: io.signal,
      });
      replaceCheckFile(out, { ...file, told: toldOf(proof) });
      progress.done("the owner's proof holds");
      io.result(
        { ok: true, modelId, stage, ops, worker, circuitHash: circuit.circuitHash, file: out },
        `stage ${stage}: operators ${ops.join(", ")} can be checked, for the weights committed on chain\nkept in ${out}: a secret`,
      );
      return EXIT.done;
    } catch (error) {
      progress.failed("no check");
      throw error;
    }
  },
});
