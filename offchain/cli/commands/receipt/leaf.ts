// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from "node:fs";
import { MAX_BATCH_INPUTS } from "../../../core/batch-tensors.ts";
import { batchCount } from "../../../core/batch.ts";
import { fromHex } from "../../../core/bytes.ts";
import { encodeLeaf, leafOfReceipt } from "../../../core/inference-leaf.ts";
import { decodeReceipt, MAX_RECEIPT_BYTES } from "../../../core/receipt.ts";
import { decodeTensor } from "../../../core/tensor.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { integer, required, text } from "../../fields.ts";

export const receiptLeaf = defineCommand({
  name: "receipt leaf",
  summary: "Take one inference out of the receipt of a job of many inputs, to show it without the others.",
  details:
    "The file holds that one output with its own salt, the Merkle siblings that lead from it to the job's result, and the receipt without " +
    "its outputs: `assay receipt verify` checks it alone, offline or against a chain. A consumer on chain takes the same siblings " +
    "(`verifyInference` of the hub's lens). It is only taken out here, and not judged.",
  examples: [
    "assay receipt leaf job.receipt --index 3 --out patient-3.leaf",
    "assay receipt verify patient-3.leaf --rpc http://127.0.0.1:8545 --hub 0x…",
  ],
  args: { file: required("file", "Receipt of the job, with its outputs.", text) },
  options: {
    index: required("n", "Which input, from 0 in the order of the request.", integer(0, MAX_BATCH_INPUTS - 1)),
    out: required("file", "Where to write it.", text),
  },
  async run({ file, index, out }, io) {
    const receipt = decodeReceipt(readFileBytes(file, MAX_RECEIPT_BYTES));
    const leaf = leafOfReceipt(receipt, index);
    writeFileSync(out, encodeLeaf(leaf), { mode: 0o600 });
    const { dtype, dims } = decodeTensor(fromHex(leaf.tensor));
    const { jobId, outDigest } = receipt;
    const count = batchCount(receipt.job.spec.policy.flags);
    io.result(
      { jobId, outDigest, index, count, siblings: leaf.siblings, tensor: leaf.tensor, salt: leaf.salt, file: out },
      `output ${index} of ${count} (${dtype} ${dims.join(" × ")}) of job ${jobId}\nwritten to ${out}`,
    );
    return EXIT.done;
  },
});
