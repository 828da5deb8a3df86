// SPDX-License-Identifier: GPL-3.0-or-later
import { fromUtf8, type Hex } from "../../core/bytes.ts";
import {
  isFloatManifest,
  loadFloatModel,
  type LoadedFloatModel,
} from "../../engines/program/float/load-float-model.ts";
import { loadModel, readManifest, type LoadedModel } from "../../engines/program/load-program.ts";
import { openCipherModel, type CipherModel } from "../../engines/she/client/cipher-model.ts";
import { weightsFile } from "../../engines/she/model/build-cipher-model.ts";
import { nodeHashes } from "../../engines/she/node-hashes.ts";
import type { Bundle } from "../bundle/open-bundle.ts";

/** A model over ciphertexts with the weights of its stages. */
export interface BundledCipherModel extends CipherModel {
  readonly weights: readonly Uint8Array[];
}
export type BundledModel = LoadedModel | LoadedFloatModel | BundledCipherModel;

export const isCipherModel = (model: BundledModel): model is BundledCipherModel => "weights" in model;

/** A model from the files of a bundle, checked against its manifest. Errors: BUNDLE_INVALID and those of the three loaders. */
export async function loadBundledModel(bundle: Bundle, modelId: Hex): Promise<BundledModel> {
  const path = (name: string): string => `models/${modelId}/${name}`;
  const need = (name: string): Uint8Array => bundle.read(path(name));
  const may = (name: string): Uint8Array | undefined => (bundle.has(path(name)) ? need(name) : undefined);
  const manifest = need("manifest.json");
  const read = readManifest(manifest);
  if (read.tools.cipher !== undefined) {
    const files = { manifest: fromUtf8(manifest, "manifest.json"), program: need("program") };
    return { ...openCipherModel(files, nodeHashes), weights: read.model.stages.map((_, i) => need(weightsFile(i))) };
  }
  const usage = need("model.json");
  if (isFloatManifest(read))
    return loadFloatModel({
      "manifest.json": manifest,
      "model.json": usage,
      "model.onnx": need("model.onnx"),
      "report.json": need("report.json"),
    });
  const tokens = may("tokens");
  return loadModel({
    "manifest.json": manifest,
    program: need("program"),
    "model.json": usage,
    "report.json": need("report.json"),
    "leakage.json": may("leakage.json"),
    ...(tokens === undefined ? {} : { tokens }),
  });
}
