// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { readEnclaveContracts } from "../../../adapters/chain/enclave-contracts.ts";
import { fromHex } from "../../../core/bytes.ts";
import { boardVendor } from "../../../engines/tee/board.ts";
import { openBoardCase, registerBoardKey } from "../../../node/attester/register-by-board.ts";
import { registerEnclave } from "../../../node/enclave/register-enclave.ts";
import { asOperator, withKeys } from "../../../node/stake/connect-stake.ts";
import { defineCommand } from "../../command.ts";
import { readJson } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-code.ts";
import { integer, optional, required, text } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { chainEvidenceOptions, evidenceArgs, evidenceOptions, readQuestion } from "./evidence-options.ts";

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
  summary: "Register an enclave's key on the chain, or renew it, and bring what it rests on.",
  details:
    "The quote is verified here first. Collateral that the chain does not know yet is brought in as many transactions as it takes; anyone else's " +
    "quotes use it too. The worker's operator key signs, and its worker must not run meanwhile: the quote is bound to that account. --binding is a " +
    "JSON object of key, channelKey, sealKey, epoch, challengeBlock and runtime, as the enclave gave them with its quote. A key lives for a " +
    "week at most, and no longer than anything it rests on. An AMD report or AWS document is shown to the verdict board, which costs five " +
    "rewards: the command prints its case and exits with 75; once the verdict stands, the same command with --case registers the key.",
  examples: [
    "assay tee register quote.bin --collateral collateral.json --binding binding.json --config worker/assay.toml",
    "assay tee register report.bin --vcek vcek.der --amd-chain chain.pem --binding binding.json --case 7 --config worker/assay.toml",
  ],
  args: evidenceArgs,
  options: {
    ...chainEvidenceOptions,
    vcek: evidenceOptions.vcek,
    amdChain: evidenceOptions.amdChain,
    case: optional("number", "AMD, AWS: the case whose verdict stands.", integer(1, 1_000_000_000)),
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
    const { evidence: bare, endorsements, roots } = readQuestion({ ...input, chain: undefined, now: 0n });
    const evidence = { ...bare, runtime: fromHex(runtime) };
    const binding = { ...keys, challengeBlock: BigInt(challengeBlock) };
    const { config } = loadNodeConfig(input);
    const progress = io.progress("register");
    try {
      const made = await withKeys(config, async (ring) =>
        asOperator(config, ring, io.signal, async (chain) => {
          const contracts = await readEnclaveContracts(chain, input.enclaves);
          const shown = { chain, contracts, evidence, endorsements, roots, binding };
          if (boardVendor(evidence.format) === undefined)
            return registerEnclave({ ...shown, onStep: (step) => progress.step(step) });
          if (input.case === undefined) return openBoardCase(shown);
          return { brought: [], ...(await registerBoardKey({ ...shown, caseId: BigInt(input.case) })) };
        }),
      );
      const { verdict } = made;
      const mark = verdict.root === "simulated" ? "SIMULATED: this proves nothing about hardware\n" : "";
      if ("caseId" in made) {
        progress.done("shown");
        const caseId = Number(made.caseId);
        io.result({ ok: true, case: caseId, board: made.board, root: verdict.root }, `${mark}case ${caseId}  ${verdict.platform}  waits for its verdict`); // prettier-ignore
        return EXIT.later;
      }
      const until = new Date(made.expiry * 1000).toISOString().replace(".000", "");
      progress.done("registered");
      io.result(
        {
          ok: true,
          key: made.key,
          expiry: made.expiry,
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
