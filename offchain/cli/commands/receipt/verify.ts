// SPDX-License-Identifier: GPL-3.0-or-later
import { auditMarkdown } from "../../../audit/audit-markdown.ts";
import { readSecret, verifyReceiptFile } from "../../../audit/verify-receipt-file.ts";
import { MAX_RECEIPT_BYTES } from "../../../core/receipt.ts";
import { MAX_TENSOR_BYTES } from "../../../core/tensor.ts";
import { loadModel } from "../../../engines/program/load-program.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { address, flag, optional, required, text, url } from "../../fields.ts";

export const receiptVerify = defineCommand({
  name: "receipt verify",
  summary: "Check a receipt from its bytes alone; exit code 1 and the failed check's name if it does not hold.",
  details:
    "Offline unless --rpc is given. With the model's folder, the input tensor and the job's secret (from the requester) the inference is " +
    "also done again.",
  examples: [
    "assay receipt verify job.receipt",
    "assay receipt verify job.receipt --rpc http://127.0.0.1:8545 --hub 0x… --json",
  ],
  args: { file: required("file", "Receipt file.", text) },
  options: {
    rpc: optional("url", "Also compare with this chain.", url),
    hub: optional("address", "The hub that you believe in.", address),
    model: optional("folder", "The model's folder: its manifest must be the job's.", text),
    input: optional("file", "The opened input: canonical tensor bytes.", text),
    secretFile: optional("file", "The job's secret as 0x and 64 digits.", text),
    refuseDevelopment: flag("Refuse proofs under development keys on the local chain too; elsewhere they always are."),
  },
  async run(input, io) {
    // One byte more than allowed, so that a too large receipt is a finding and not a reading error.
    const bytes = readFileBytes(input.file, MAX_RECEIPT_BYTES + 1);
    const model = input.model === undefined ? undefined : await loadModel(input.model);
    const opened =
      input.input === undefined || input.secretFile === undefined
        ? undefined
        : {
            input: readFileBytes(input.input, MAX_TENSOR_BYTES + 64),
            secret: readSecret(new TextDecoder().decode(readFileBytes(input.secretFile, 1024))),
          };
    const report = await verifyReceiptFile(bytes, {
      ...(model === undefined ? {} : { model, manifest: model.manifest.model }),
      ...(opened === undefined ? {} : { opened }),
      ...(input.rpc === undefined ? {} : { rpcUrl: input.rpc }),
      ...(input.hub === undefined ? {} : { hub: input.hub }),
      refuseDevelopmentKeys: input.refuseDevelopment,
    });
    io.result(report, auditMarkdown(report).trimEnd());
    return report.ok ? EXIT.done : EXIT.failed;
  },
});
