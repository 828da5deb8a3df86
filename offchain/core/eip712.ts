// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { concatBytes, fromHex, toHex, utf8, type Hex } from "./bytes.ts";
import { domainHash, keccak256 } from "./keccak.ts";
import type { Deployment } from "./types.ts";

const DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

export const typeHash = (type: string): Hex => toHex(keccak256(utf8(type)));

/** Domain {"Assay", "1", chainId, hub}: no message is valid for another chain or hub. */
export function domainSeparator({ chainId, hub }: Deployment): Hex {
  const types = ["bytes32", "bytes32", "bytes32", "uint256", "address"] as const;
  const [name, version] = [toHex(domainHash("Assay")), toHex(domainHash("1"))];
  return toHex(keccak256(encodeAbi(types, [typeHash(DOMAIN_TYPE), name, version, chainId, hub])));
}

/** keccak256(0x1901 ‖ domain separator ‖ struct hash): what is signed. */
export function typedDigest(domain: Hex, structHash: Hex): Uint8Array {
  return keccak256(concatBytes(Uint8Array.of(0x19, 0x01), fromHex(domain, 32), fromHex(structHash, 32)));
}
