// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { toHex, type Hex } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";
import { MODEL_MANIFEST, STAGE_INFO, type ModelManifest, type StageInfo } from "./types.ts";

/** keccak256(abi.encode(StageInfo[])): what the registry keeps of the stage table. */
export function stagesHash(stages: readonly StageInfo[]): Hex {
  return toHex(keccak256(encodeAbi([{ array: STAGE_INFO }], [stages])));
}

/** keccak256(abi.encode("assay.v1.model", manifest)): any changed bit is another model. */
export function modelId(manifest: ModelManifest): Hex {
  return toHex(keccak256(encodeAbi(["string", MODEL_MANIFEST], ["assay.v1.model", manifest])));
}
