// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { toHex, type Hex } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";
import { RECORD, SPEC, type Deployment, type Job, type Record, type Spec } from "./types.ts";

/** keccak256(abi.encode("assay.v1.spec", spec)). Error: ABI_VALUE naming a field out of range. */
export function specHash(spec: Spec): Hex {
  return toHex(keccak256(encodeAbi(["string", SPEC], ["assay.v1.spec", spec])));
}

/** keccak256(abi.encode("assay.v1.job", chainId, hub, requester, nonce, specHash)): known before the request is sent. */
export function jobId({ chainId, hub }: Deployment, job: Job): Hex {
  const types = ["string", "uint256", "address", "address", "uint96", "bytes32"] as const;
  return toHex(
    keccak256(encodeAbi(types, ["assay.v1.job", chainId, hub, job.requester, job.nonce, specHash(job.spec)])),
  );
}

/** `Slot.word` once seats are pinned. */
export function recordHash(record: Record): Hex {
  return toHex(keccak256(encodeAbi([RECORD], [record])));
}

/** `Slot.word` at FINAL: 192 bits of keccak256(abi.encode(outDigest, recordHash)), then 64 zero bits (one slot holds it with the state). */
export function finalWord(outDigest: Hex, record: Hex): Hex {
  const hash = keccak256(encodeAbi(["bytes32", "bytes32"], [outDigest, record])).slice();
  return toHex(hash.fill(0, 24));
}
