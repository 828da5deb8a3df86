// SPDX-License-Identifier: GPL-3.0-or-later
import type { Certificate } from "./bytes/certificate.ts";
import { EvidenceError } from "./errors.ts";
import type { EvidenceVendor } from "./verdict.ts";

export interface TrustRoot {
  readonly vendor: EvidenceVendor;
  readonly name: string;
  readonly kind: "production" | "simulated";
  /** Lower-case hex of the SHA-256 of the root's SubjectPublicKeyInfo, without 0x. */
  readonly spkiSha256: string;
}

export interface TrustRoots {
  readonly roots: readonly TrustRoot[];
  /** False wherever value is at stake. True only on a development chain. */
  readonly simulatedAllowed: boolean;
}

const production = (vendor: EvidenceVendor, name: string, spkiSha256: string): TrustRoot => ({
  vendor,
  name,
  kind: "production",
  spkiSha256,
});

/**
 * Vendors' roots, by key. Provenance: Intel SGX Root CA as published at certificates.trustedservices.intel.com; AMD ARKs as
 * in google/go-sev-guest @ af1c107a (verify/trust) and kdsintf.amd.com; AWS Nitro Enclaves Root G1 (certificate SHA-256
 * 641a0321…bb5b, printed in AWS's documentation); NVIDIA Device Identity CA (certificate SHA-256 102bf659…7b48) as in
 * NVIDIA/nvtrust @ 02817309. Changing one changes whom everybody trusts: compare with the vendor's own page first.
 */
export const PRODUCTION_ROOTS: TrustRoots = {
  simulatedAllowed: false,
  roots: [
    production("intel", "Intel SGX Root CA", "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e"),
    production("amd", "ARK-Milan", "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9"),
    production("amd", "ARK-Genoa", "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831"),
    production("amd", "ARK-Turin", "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08"),
    production("aws", "AWS Nitro Enclaves Root G1", "f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225"),
    production(
      "nvidia",
      "NVIDIA Device Identity CA",
      "a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4",
    ),
  ],
};

/** The pinned root that `certificate` is. Error: ROOT. */
export function findRoot(roots: TrustRoots, vendor: EvidenceVendor, certificate: Certificate): TrustRoot {
  const found = roots.roots.find((root) => root.vendor === vendor && root.spkiSha256 === certificate.spkiHash);
  if (found === undefined)
    throw new EvidenceError("ROOT", {
      detail: `${certificate.commonName} (key ${certificate.spkiHash}) is not pinned`,
    });
  return found;
}
