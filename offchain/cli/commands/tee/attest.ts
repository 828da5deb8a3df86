// SPDX-License-Identifier: GPL-3.0-or-later
import { readEnclaveContracts } from "../../../adapters/chain/enclave-contracts.ts";
import { joinAttesters, readBoard, readTerms } from "../../../adapters/chain/verdict-board.ts";
import { PromMetrics } from "../../../adapters/observe/prom-metrics.ts";
import { silentLogger } from "../../../adapters/observe/silent-logger.ts";
import { systemClock } from "../../../adapters/observe/system-clock.ts";
import { attesterOptions, configuredRoots } from "../../../node/attester/open-attester.ts";
import { Attester } from "../../../node/attester/serve-attester.ts";
import { fundBoard } from "../../../node/attester/register-by-board.ts";
import { openJournal } from "../../../node/open-journal.ts";
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
    "words are a verdict; eleven decide a challenge. Each word stakes what the board asks, and is paid; who says what is not so loses all. This is one " +
    "pass; a worker with attester.duty `on` does it by itself: a vote lasts an hour, and a seat that stays " +
    "away where a vote fails is fined. --join makes this worker an attester first, with its " +
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
      "With --join: verdicts that may be open at once; attester.verdicts if left out.",
      integer(1, 1_000_000_000),
    ),
    simulatedRoot: evidenceOptions.simulatedRoot,
    enclaves: chainEvidenceOptions.enclaves,
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const attester = {
      ...config.attester,
      ...(input.enclaves === undefined ? {} : { registry: input.enclaves }),
      ...(input.simulatedRoot === undefined ? {} : { simulatedRoot: input.simulatedRoot }),
    };
    const progress = io.progress("attest");
    try {
      const done = await withKeys(config, async (ring) =>
        asOperator(config, ring, io.signal, async (chain) => {
          const account = chain.sender?.address;
          if (input.join && account !== undefined) {
            progress.step("join");
            const { registry } = attesterOptions({ ...config, attester });
            const board = await readBoard(chain, await readEnclaveContracts(chain, registry));
            const { stake } = await readTerms(chain, board, account);
            await fundBoard(chain, board, account, stake * BigInt(1 + (input.verdicts ?? attester.verdicts)));
            await joinAttesters(chain, board);
          }
          progress.step("verify");
          const journal = openJournal(config, ring);
          try {
            // One pass: money is the standing duty's.
            const options = { ...attesterOptions({ ...config, attester }), payEverySec: 0 };
            const modules = { chain, journal, clock: systemClock, logger: silentLogger, metrics: new PromMetrics(), random: Math.random }; // prettier-ignore
            const one = await Attester.open(options, { ...modules, roots: configuredRoots({ attester }) });
            return await one.pass();
          } finally {
            journal.close();
          }
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
