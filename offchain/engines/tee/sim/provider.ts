// SPDX-License-Identifier: GPL-3.0-or-later
import type { EnclaveProvider } from "../provider/port.ts";
import { EvidenceError } from "../errors.ts";
import type { Evidence, EvidenceFormat } from "../verdict.ts";
import type { SimulatedPlatform } from "./platform.ts";

/** SIMULATED evidence in one of the vendors' formats; `measurement` (48 bytes) stands for the measured bundle. */
export class SimulatedProvider implements EnclaveProvider {
  readonly kind = "simulated";
  readonly root = "simulated";
  readonly #platform: SimulatedPlatform;
  readonly #format: EvidenceFormat;
  readonly #measurement: Uint8Array;

  constructor(platform: SimulatedPlatform, format: EvidenceFormat, measurement: Uint8Array) {
    this.#platform = platform;
    this.#format = format;
    this.#measurement = measurement;
  }

  async quote(reportData: Uint8Array): Promise<Evidence> {
    if (reportData.length !== 64)
      throw new EvidenceError("BINDING", { detail: `report data of ${reportData.length} bytes, not 64` });
    const report = { reportData, measurement: this.#measurement };
    return Promise.resolve(this.#platform.attest(this.#format, report).evidence);
  }
}
