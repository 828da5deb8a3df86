// SPDX-License-Identifier: GPL-3.0-or-later
// usage: node examples/verify-receipt.ts job.receipt     (no chain, no server)
import { readFileSync } from "node:fs";
import { decodeReceipt } from "../offchain/core/receipt.ts";
import { verifyReceipt } from "../offchain/core/verify-receipt.ts";

const receipt = decodeReceipt(new Uint8Array(readFileSync(process.argv[2] ?? "")));
const { ok, checks } = verifyReceipt(receipt);
for (const check of checks) console.log(check.ok ? "ok    " : "FAILED", check.name, "-", check.detail);
process.exitCode = ok ? 0 : 1;
