// SPDX-License-Identifier: MIT

export type PlatformKind = "intel-tdx" | "intel-sgx" | "amd-snp" | "aws-nitro" | "nvidia-gpu";

/** From best to worst: the worst of a platform's parts is the platform's. The order is hashed into plans; the chain counts alike. */
export const TCB_STATUSES = [
  "UpToDate",
  "SWHardeningNeeded",
  "ConfigurationNeeded",
  "ConfigurationAndSWHardeningNeeded",
  "OutOfDate",
  "OutOfDateConfigurationNeeded",
  "Revoked",
] as const;
/** `VendorManaged`: AWS Nitro and NVIDIA report none; the vendor patches or a list of measurements decides. */
export type TcbStatus = (typeof TCB_STATUSES)[number] | "VendorManaged";

/** As the registry of enclaves has it (`EnclaveLib`); undefined for a number that it never has. */
export const tcbStatusOf = (number: number): TcbStatus | undefined =>
  number === TCB_STATUSES.length ? "VendorManaged" : TCB_STATUSES[number];

/** Set in a registered key's vendor: made without hardware, proves nothing (`EnclaveLib.SIMULATED`). */
const SIMULATED = 0x80;
export const isSimulatedVendor = (vendor: number): boolean => (vendor & SIMULATED) !== 0;
/** The vendor's number, whether simulated or not. */
export const plainVendor = (vendor: number): number => vendor & ~SIMULATED;

const VENDORS = [undefined, "intel-sgx", "intel-tdx", "amd-snp", "aws-nitro"] as const;
/** The platform of a registered key's vendor, whether simulated or not. */
export const platformOf = (vendor: number): Exclude<PlatformKind, "nvidia-gpu"> | undefined =>
  VENDORS[plainVendor(vendor)];
