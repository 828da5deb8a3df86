// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence } from "../verdict.ts";

/** What makes evidence inside an enclave: the only part of a worker that differs from platform to platform. */
export interface EnclaveProvider {
  readonly kind: "tsm" | "nitro" | "simulated";
  /** `simulated`: proves nothing about hardware, and says so in every verdict. */
  readonly root: "production" | "simulated";
  /** Evidence over exactly these 64 bytes, with an empty runtime. Errors: PROVIDER, BINDING, and what the platform's own answers are refused with. */
  quote(reportData: Uint8Array): Promise<Evidence>;
}
