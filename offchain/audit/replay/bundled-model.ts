// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import {
  isFloatManifest,
  loadFloatModel,
  type LoadedFloatModel,
} from "../../engines/program/float/load-float-model.ts";
import { loadModel, readManifest, type LoadedModel } from "../../engines/program/load-program.ts";
import type { Bundle } from "../bundle/open-bundle.ts";

/** A model from the files of a bundle, checked against its manifest. Errors: BUNDLE_INVALID and those of the two loaders. */
export async function loadBundledModel(bundle: Bundle, modelId: Hex): Promise<LoadedModel | LoadedFloatModel> {
  const path = (name: string): string => `models/${modelId}/${name}`;
  const need = (name: string): Uint8Array => bundle.read(path(name));
  const may = (name: string): Uint8Array | undefined => (bundle.has(path(name)) ? need(name) : undefined);
  const manifest = need("manifest.json");
  const usage = need("model.json");
  if (isFloatManifest(readManifest(manifest)))
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
