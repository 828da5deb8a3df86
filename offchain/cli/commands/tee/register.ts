// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { readEnclaveContracts } from "../../../adapters/chain/enclave-contracts.ts";
import { fromHex } from "../../../core/bytes.ts";
import { registerEnclave } from "../../../node/enclave/register-enclave.ts";
import { asOperator, withKeys } from "../../../node/stake/connect-stake.ts";
import { defineCommand } from "../../command.ts";
import { readJson } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { chainEvidenceOptions, evidenceArgs, readChainEvidence } from "./evidence-options.ts";

const bytes = (count: number) =>
  z.templateLiteral(["0x", z.string().regex(new RegExp(`^[0-9a-fA-F]{${2 * count}}$`, "u"))]);

/** What the enclave says about its quote. */
const bindingSchema = z.strictObject({
  key: bytes(20),
  channelKey: bytes(32),
  sealKey: bytes(32),
  epoch: z.number().int().min(1).max(65_535),
  challengeBlock: z.number().int().nonnegative(),
  runtime: bytes(160),
});

export const teeRegister = defineCommand({
  name: "tee register",
  summary: "Register the key of an Intel enclave on the chain, or renew it, and bring the collateral it rests on.",
  details:
    "The quote is verified here first. Collateral that the chain does not know yet is brought in as many transactions as it takes; anyone else's " +
    "quotes use it too. The worker's operator key signs, and its worker must not run meanwhile: the quote is bound to that account. --binding is a " +
    "JSON object of key, channelKey, sealKey, epoch, challengeBlock and runtime, as the enclave gave them with its quote. A key lives for a " +
    "week at most, and no longer than anything it rests on.",
  examples: [
    "assay tee register quote.bin --collateral collateral.json --binding binding.json --config worker/assay.toml",
  ],
  args: evidenceArgs,
  options: {
    ...chainEvidenceOptions,
    binding: required("file", "JSON file of what the quote binds.", text),
    ...configOptions,
  },
  async run(input, io) {
    const parsed = bindingSchema.safeParse(readJson(input.binding));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new CliError("FILE_UNREADABLE", {
        path: input.binding,
        why: `${issue?.path.join(".")}: ${issue?.message}`,
      });
    }
    const { runtime, challengeBlock, ...keys } = parsed.data;
    const { evidence, endorsements, roots } = readChainEvidence(input);
    const { config } = loadNodeConfig(input);
    const progress = io.progress("register");
    try {
      const made = await withKeys(config, async (ring) =>
        asOperator(config, ring, io.signal, async (chain) =>
          registerEnclave({
            chain,
            contracts: await readEnclaveContracts(chain, input.enclaves),
            evidence: { ...evidence, runtime: fromHex(runtime) },
            endorsements,
            roots,
            binding: { ...keys, challengeBlock: BigInt(challengeBlock) },
            onStep: (step) => progress.step(step),
          }),
        ),
      );
      const { verdict, expiry } = made;
      const until = new Date(expiry * 1000).toISOString().replace(".000", "");
      const mark = verdict.root === "simulated" ? "SIMULATED: this proves nothing about hardware\n" : "";
      progress.done("registered");
      io.result(
        {
          ok: true,
          key: made.key,
          expiry,
          status: verdict.tcb.status,
          root: verdict.root,
          brought: made.brought,
          hash: made.hash,
        },
        `${mark}${made.key}  ${verdict.platform}  ${verdict.tcb.status}  until ${until}`,
      );
      return EXIT.done;
    } catch (error) {
      progress.failed("not registered");
      throw error;
    }
  },
});
