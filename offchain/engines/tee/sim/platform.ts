// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { EvidenceError } from "../errors.ts";
import { PRODUCTION_ROOTS, type TrustRoot, type TrustRoots } from "../roots.ts";
import type { Endorsements, Evidence, EvidenceFormat, EvidenceVendor } from "../verdict.ts";
import { SimulatedAmd, type AmdOptions } from "./amd.ts";
import { SimulatedAws, type AwsOptions } from "./aws.ts";
import { SimulatedIntel, type IntelOptions } from "./intel.ts";
import type { SimulatedKey } from "./keys.ts";
import { SimulatedNvidia, type NvidiaOptions } from "./nvidia.ts";
import type { Period, SimulatedReport } from "./report.ts";

export interface SimulatedOptions {
  readonly intel?: IntelOptions;
  readonly amd?: AmdOptions;
  readonly aws?: AwsOptions;
  readonly nvidia?: NvidiaOptions;
}

const NAMES: Readonly<Record<EvidenceVendor, string>> = {
  intel: "SIMULATED SGX Root CA",
  amd: "SIMULATED ARK-Milan",
  aws: "SIMULATED Nitro Root",
  nvidia: "SIMULATED NVIDIA Root",
};
const spkiHash = (key: SimulatedKey): string => createHash("sha256").update(key.spki).digest("hex");

/**
 * SIMULATED enclaves of every vendor, from one seed: the same bytes as real evidence, the same verifiers, other roots. It
 * proves nothing about hardware. Development and tests only: refused where NODE_ENV is "production", by verifiers without
 * `simulatedAllowed`, and by its label in every CA certificate. Error: ROOT.
 */
export class SimulatedPlatform {
  readonly #seed: Uint8Array;
  readonly #period: Period;
  readonly #options: SimulatedOptions;

  /** `seed`: 32 bytes. */
  constructor(seed: Uint8Array, period: Period, options: SimulatedOptions = {}) {
    if (process.env["NODE_ENV"] === "production")
      throw new EvidenceError("ROOT", { detail: "the simulated platform does not run in production" });
    if (seed.length !== 32)
      throw new EvidenceError("ROOT", { detail: "a simulated platform needs a seed of 32 bytes" });
    this.#seed = seed;
    this.#period = period;
    this.#options = options;
  }

  #intel?: SimulatedIntel;
  #amd?: SimulatedAmd;
  #aws?: SimulatedAws;
  #nvidia?: SimulatedNvidia;
  get intel(): SimulatedIntel {
    return (this.#intel ??= new SimulatedIntel(this.#seed, this.#period, this.#options.intel));
  }
  get amd(): SimulatedAmd {
    return (this.#amd ??= new SimulatedAmd(this.#seed, this.#period, this.#options.amd));
  }
  get aws(): SimulatedAws {
    return (this.#aws ??= new SimulatedAws(this.#seed, this.#period, this.#options.aws));
  }
  get nvidia(): SimulatedNvidia {
    return (this.#nvidia ??= new SimulatedNvidia(this.#seed, this.#period, this.#options.nvidia));
  }

  /** Roots of a development verifier: the vendors' and these. AMD's takes seconds to make, so leave it out if unused. */
  roots(vendors: readonly EvidenceVendor[] = ["intel", "amd", "aws", "nvidia"]): TrustRoots {
    const simulated = vendors.map((vendor): TrustRoot => {
      const key = this.#rootKey(vendor);
      return { vendor, name: NAMES[vendor], kind: "simulated", spkiSha256: spkiHash(key) };
    });
    return { simulatedAllowed: true, roots: [...PRODUCTION_ROOTS.roots, ...simulated] };
  }

  #rootKey(vendor: EvidenceVendor): SimulatedKey {
    if (vendor === "intel") return this.intel.keys.root;
    if (vendor === "amd") return this.amd.keys.ark;
    return vendor === "aws" ? this.aws.keys.root : this.nvidia.keys.root;
  }

  /** Evidence over 64 bytes of report data, and what a verifier needs beside it. */
  attest(
    format: EvidenceFormat,
    report: SimulatedReport,
    runtime: Uint8Array = new Uint8Array(),
  ): { readonly evidence: Evidence; readonly endorsements: Endorsements } {
    const [bytes, endorsements] = this.#attest(format, report);
    return { evidence: { format, bytes, runtime }, endorsements };
  }

  #attest(format: EvidenceFormat, report: SimulatedReport): [Uint8Array, Endorsements] {
    switch (format) {
      case "dcap-sgx-v3":
      case "dcap-tdx-v4":
      case "dcap-tdx-v5":
        return [this.intel.quote(format, report), this.intel.collateral(format !== "dcap-sgx-v3")];
      case "snp-report":
        return [this.amd.report(report), this.amd.endorsements];
      case "nitro-cose":
        return [this.aws.document(report), { kind: "none" }];
      case "nvidia-spdm11":
        return [this.nvidia.report(report), { kind: "nvidia", chain: this.nvidia.chain }];
    }
  }
}
