// SPDX-License-Identifier: GPL-3.0-or-later
import type { SealScope } from "../../offchain/core/seal.ts";

const SENDER = `0x${"11".repeat(20)}` as const;

/** What the benchmark's blobs are sealed for. */
export const BENCH_SCOPE: SealScope = {
  chainId: 31_337n,
  hub: SENDER,
  jobId: `0x${"22".repeat(32)}`,
  boundary: 0,
  lane: 0,
  sender: SENDER,
};
