// SPDX-License-Identifier: MIT

/** EIP-712 types of a claim, as `core/claim.ts` hashes it. */
export const CLAIM_TYPES = {
  Claim: [
    { name: "jobId", type: "bytes32" },
    { name: "stage", type: "uint16" },
    { name: "inDigest", type: "bytes32" },
    { name: "outDigest", type: "bytes32" },
    { name: "worker", type: "address" },
  ],
} as const;
