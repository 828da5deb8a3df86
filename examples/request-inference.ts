// SPDX-License-Identifier: GPL-3.0-or-later
// usage: node examples/request-inference.ts build/devnet.json job.receipt     (the first is what `assay devnet --file …` writes)
import { readFileSync, writeFileSync } from "node:fs";
import { encodeReceipt } from "../offchain/core/receipt.ts";
import { loadModel } from "../offchain/engines/program/load-program.ts";
import { interpretOutput, prepareInput } from "../offchain/core/program/preprocess.ts";
import { verifyReceipt } from "../offchain/core/verify-receipt.ts";
import { connectWallet } from "../offchain/sdk/node/connect.ts";

const { rpcUrl, hub, requesterKeyFile } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const privateKey = readFileSync(requesterKeyFile, "utf8").trim() as `0x${string}`;
const wallet = connectWallet({ rpcUrl, hub, privateKey });

const model = await loadModel("models/tumor-mlp");
const patient = readFileSync("models/data/tumor-test.csv", "utf8").split("\n")[1]?.split(",").map(Number) ?? [];
const input = prepareInput(model.preprocess, patient.slice(0, 30));
const { jobId, output, result } = await wallet.requestInferenceSync({
  manifest: model.manifest.model,
  input,
  deposit: true,
  policy: { tWork: 40 },
  onProgress: console.log,
});
console.log(interpretOutput(model.output, output)[0]?.label);

const receipt = await wallet.getReceipt({ jobId, result });
console.log(verifyReceipt(receipt).ok ? "receipt valid" : "receipt NOT valid");
writeFileSync(process.argv[3] ?? "job.receipt", encodeReceipt(receipt), { mode: 0o600 });
