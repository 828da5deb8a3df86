// SPDX-License-Identifier: GPL-3.0-or-later
import { readEnclaveContracts } from "../../../adapters/chain/enclave-contracts.ts";
import { joinAttesters, readBoard, readTerms } from "../../../adapters/chain/verdict-board.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../../../engines/tee/roots.ts";
import { attestCases } from "../../../node/attester/attest-cases.ts";
import { fundBoard } from "../../../node/attester/register-by-board.ts";
import { asOperator, withKeys } from "../../../node/stake/connect-stake.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, integer, optional } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { chainEvidenceOptions, evidenceOptions } from "./evidence-options.ts";

export const teeAttest = defineCommand({
  name: "tee attest",
  summary: "Verify the evidence that the verdict board drew this worker for, and say what it states.",
  details:
    "AMD's, AWS's and NVIDIA's signatures are too dear for a chain: five drawn attesters verify the bytes that the board shows, and four equal " +
    "words are a verdict; eleven decide a challenge. Each word stakes what the board asks, and is paid; who says what is not so loses all. Run it " +
    "regularly: a vote lasts an hour, and a seat that stays away where a vote fails is fined. --join makes this worker an attester first, with its " +
    "reserve and the stakes of as many verdicts as --verdicts says. Roots are the vendors' own; a simulated one only counts on a local chain.",
  examples: [
    "assay tee attest --join --verdicts 4 --config worker/assay.toml",
    "assay tee attest --config worker/assay.toml",
  ],
  args: {},
  options: {
    join: flag("Become an attester first."),
    verdicts: optional(
      "count",
      "With --join: verdicts that may be open at once; 4 if left out.",
      integer(1, 1_000_000_000),
    ),
    simulatedRoot: evidenceOptions.simulatedRoot,
    enclaves: chainEvidenceOptions.enclaves,
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const pinned = input.simulatedRoot;
    const vendors = ["amd", "aws", "nvidia"] as const;
    const roots: TrustRoots =
      pinned === undefined
        ? PRODUCTION_ROOTS
        : {
            simulatedAllowed: true,
            roots: [
              ...PRODUCTION_ROOTS.roots,
              ...vendors.map((vendor) => ({ vendor, name: "SIMULATED ARK-Milan", kind: "simulated" as const, spkiSha256: pinned.slice(2) })), // prettier-ignore
            ],
          };
    const progress = io.progress("attest");
    try {
      const done = await withKeys(config, async (ring) =>
        asOperator(config, ring, io.signal, async (chain) => {
          const board = await readBoard(chain, await readEnclaveContracts(chain, input.enclaves));
          const account = chain.sender?.address;
          if (input.join && account !== undefined) {
            progress.step("join");
            const { stake } = await readTerms(chain, board, account);
            await fundBoard(chain, board, account, stake * BigInt(1 + (input.verdicts ?? 4)));
            await joinAttesters(chain, board);
          }
          progress.step("verify");
          return attestCases({ chain, board, roots, fromBlock: BigInt(config.chain.fromBlock) });
        }),
      );
      progress.done(`${done.length} verdicts`);
      const rows = done.map(({ caseId, round, word, refusal, hash }) => ({ case: Number(caseId), round, word, refusal, hash })); // prettier-ignore
      const lines = rows.map(
        (row) => `case ${row.case}  ${row.refusal === null ? row.word : `refused: ${row.refusal}`}`,
      );
      io.result({ ok: true, verdicts: rows }, lines.length === 0 ? "nothing to verify" : lines.join("\n"));
      return EXIT.done;
    } catch (error) {
      progress.failed("not attested");
      throw error;
    }
  },
});
