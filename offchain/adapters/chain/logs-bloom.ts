// SPDX-License-Identifier: MIT
import { hexToBytes, keccak256, type Address, type Hex } from "viem";

const BYTES = 256;

/**
 * Whether a block may hold logs of an address, by its 2,048-bit logs bloom (yellow paper, section 4.3.1). False is certain, true is not.
 * Chains that leave the field empty are answered true: a missed log could cost a seat.
 */
export function mayHoldLogs(logsBloom: Hex | null, address: Address): boolean {
  if (logsBloom === null || logsBloom.length !== 2 + 2 * BYTES || /^0x0*$/.test(logsBloom)) return true;
  const bloom = hexToBytes(logsBloom);
  const hash = keccak256(hexToBytes(address), "bytes");
  return [0, 2, 4].every((at) => {
    const bit = (((hash[at] ?? 0) << 8) | (hash[at + 1] ?? 0)) & 2047;
    return ((bloom[BYTES - 1 - (bit >>> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
  });
}
