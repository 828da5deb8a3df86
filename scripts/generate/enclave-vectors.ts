// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/enclave.json: SIMULATED quotes, all that they rest on, and what the off-chain verifier says of them.
// List i belongs to list i of the others: SGX version 3, TDX version 4, TDX version 5.
import { writeFileSync } from "node:fs";
import { toHex } from "../../offchain/core/bytes.ts";
import { readPem } from "../../offchain/engines/tee/bytes/pem.ts";
import { packQuote } from "../../offchain/engines/tee/dcap/pack.ts";
import { TCB_STATUSES } from "../../offchain/core/enclave-status.ts";
import type { IntelCollateral } from "../../offchain/engines/tee/verdict.ts";
import { NOW, REPORT, simulated, verifySimulated } from "../../test/support/tee/simulated.ts";

const platform = simulated();
const cases = (["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5"] as const).map((format) => {
  const { evidence, endorsements } = platform.attest(format, REPORT);
  return {
    quote: packQuote(evidence),
    collateral: endorsements as IntelCollateral,
    verdict: verifySimulated(format),
  };
});
const [{ quote, collateral, verdict }] = cases as [(typeof cases)[number]];
const [signer = new Uint8Array()] = readPem(collateral.tcbInfoChain);
const r = (signature: Uint8Array) => toHex(signature.subarray(0, 32));
const s = (signature: Uint8Array) => toHex(signature.subarray(32));
const text = (json: string) => toHex(new TextEncoder().encode(json));

writeFileSync(
  "test/fixtures/vectors/enclave.json",
  `${JSON.stringify(
    {
      about:
        "SIMULATED Intel platform of seed 0x11...: certificates, lists, signed texts, packed quotes and their verdicts",
      now: String(NOW),
      rootId: verdict.rootId,
      root: toHex(quote.root),
      ca: toHex(quote.ca),
      pck: toHex(quote.pck),
      signer: toHex(signer),
      rootCrl: toHex(collateral.rootCrl),
      caCrl: toHex(collateral.pckCrl),
      tcbInfo: cases.map((one) => text(one.collateral.tcbInfo)),
      tcbInfoR: cases.map((one) => r(one.collateral.tcbInfoSignature)),
      tcbInfoS: cases.map((one) => s(one.collateral.tcbInfoSignature)),
      identity: cases.map((one) => text(one.collateral.qeIdentity)),
      identityR: cases.map((one) => r(one.collateral.qeIdentitySignature)),
      identityS: cases.map((one) => s(one.collateral.qeIdentitySignature)),
      packed: cases.map((one) => toHex(one.quote.packed)),
      measurementId: cases.map((one) => one.verdict.measurementId),
      platformId: cases.map((one) => one.verdict.platformId),
      reportData: cases.map((one) => one.verdict.reportData),
      status: cases.map((one) => String(TCB_STATUSES.findIndex((status) => status === one.verdict.tcb.status))),
      evaluation: cases.map((one) => String(one.verdict.tcb.evaluation)),
      notAfter: cases.map((one) => String(one.verdict.notAfter)),
    },
    null,
    1,
  )}\n`,
);
