// SPDX-License-Identifier: GPL-3.0-or-later
import { hasClientStages } from "../../core/network-part.ts";
import { bad, good, unknown, type Finding } from "../replay/claims.ts";
import type { EvidenceClass, JobContext } from "./evidence-class.ts";

function checkClient({ receipt, report, path }: JobContext): Finding {
  const failed = report.checks.find(({ name, ok }) => !ok && (name === "client claims" || name === "chain"));
  if (failed !== undefined) return bad(`${path}, ${failed.name}`, failed.detail);
  const { length } = receipt.clientClaims;
  if (length === 0) return unknown("the client gave no claims about its own stages; nothing is known of them");
  return good(`${length} claims, signed by the client; nothing but its word stands behind what its stages did`);
}

/** Stages that run where the input is. */
export const clientEvidence: EvidenceClass = {
  name: "CLIENT",
  applies: ({ manifest }) => hasClientStages(manifest),
  claims: [
    { name: "client claims", says: "the client's claims close the chain to the network's stages", check: checkClient },
  ],
};
