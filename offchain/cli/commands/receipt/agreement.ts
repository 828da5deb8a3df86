// SPDX-License-Identifier: GPL-3.0-or-later
import { agreementOfReceipts } from "../../../audit/agreement-of-receipts.ts";
import { describeAgreement } from "../../../core/agreement.ts";
import { interpretOutput } from "../../../core/program/preprocess.ts";
import { interpretReals } from "../../../core/program/real-input.ts";
import { MAX_RECEIPT_BYTES } from "../../../core/receipt.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { loadAnyModel } from "../../../engines/program/load-any-model.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { address, list, optional, text, url } from "../../fields.ts";

async function answersOf(folder: string) {
  const model = await loadAnyModel(folder);
  const answerOf = (output: Tensor): string => {
    const [answer] =
      "tolerance" in model ? interpretReals(model.output, output) : interpretOutput(model.output, output);
    return answer?.label ?? "";
  };
  return { answerOf, manifest: model.manifest.model };
}

export const receiptAgreement = defineCommand({
  name: "receipt agreement",
  summary: "How far a seeded model agrees with itself over several jobs: agreement, never correctness.",
  details:
    "Give the receipts of one question asked with several seeds. Every receipt is checked first. With the model's folder answers are " +
    "compared as read; without it, output digests are, which only exact models repeat. The number says how determined the question " +
    "is for this model, not whether the answer is right, and no vote, payment or slash depends on it.",
  examples: [
    "assay receipt agreement runs/*.receipt --model models/mail-letters",
    "assay receipt agreement runs/*.receipt --hub 0x… --json",
  ],
  args: { files: list("file", "Receipt files, one a seed.", text) },
  options: {
    rpc: optional("url", "Also compare with this chain.", url),
    hub: optional("address", "The hub that you believe in.", address),
    model: optional("folder", "The model's folder: reads the answers, and must be the jobs'.", text),
  },
  async run(input, io) {
    const files = input.files.map((path) => readFileBytes(path, MAX_RECEIPT_BYTES + 1));
    const report = await agreementOfReceipts(files, {
      ...(input.model === undefined ? {} : await answersOf(input.model)),
      ...(input.rpc === undefined ? {} : { rpcUrl: input.rpc }),
      ...(input.hub === undefined ? {} : { hub: input.hub }),
    });
    const { agreement, receipts, skipped } = report;
    const failed = receipts.flatMap(({ ok }, i) => (ok ? [] : [input.files[i] ?? ""]));
    const lines =
      agreement === null
        ? [`nothing measured: ${failed.length} of ${receipts.length} receipts do not hold`, ...failed]
        : [describeAgreement(agreement), `Not checked: ${skipped.join("; ")}`];
    io.result({ ok: report.ok, agreement, failed, skipped }, lines.join("\n"));
    return report.ok ? EXIT.done : EXIT.failed;
  },
});
