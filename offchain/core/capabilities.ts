// SPDX-License-Identifier: MIT

/**
 * Bits of a worker's `Profile.capabilities` by name. A ticket class may demand a set of them; the vault keeps who lacks one out. The low
 * byte has the bits of `Policy.mask`: which evidence a worker gives. What it declares is its own word: for a seat that it cannot fill it
 * abstains, or is fined for absence; evidence is checked where it is brought.
 */
const BITS = {
  vote: 0,
  proof: 1,
  enclave: 2,
  cipher: 3,
  optimistic: 4,
  /** Models of class T, which need onnxruntime. */
  floats: 8,
  sgx: 16,
  tdx: 17,
  snp: 18,
  nitro: 19,
  nvidia: 20,
} as const;

export type Capability = keyof typeof BITS;
export const CAPABILITIES = Object.keys(BITS) as Capability[];

/** What every worker of this software does. */
export const COMMON_CAPABILITIES: readonly Capability[] = ["vote", "optimistic", "floats"];

export const isCapability = (name: string): name is Capability => Object.hasOwn(BITS, name);

export const capabilityBits = (names: readonly Capability[]): bigint =>
  names.reduce((bits, name) => bits | (1n << BigInt(BITS[name])), 0n);

/** Names of the bits, ascending; bits without a name as `bit 40`. `bits`: u64. */
export function capabilityNames(bits: bigint): string[] {
  const names = new Map<number, string>(CAPABILITIES.map((name) => [BITS[name], name]));
  return Array.from({ length: 64 }, (_, bit) => bit).flatMap((bit) =>
    ((bits >> BigInt(bit)) & 1n) === 0n ? [] : [names.get(bit) ?? `bit ${bit}`],
  );
}
