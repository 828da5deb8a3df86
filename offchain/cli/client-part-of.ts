// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClientPart } from "../core/client-part.ts";
import { hasClientStages } from "../core/network-part.ts";
import { createClientPart } from "../core/program/open-client-part.ts";
import type { LoadedFloatModel } from "../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";

/** Stages that run in this process; undefined where all are the network's. */
export function clientPartOf(model: LoadedModel | LoadedFloatModel): ClientPart | undefined {
  if ("tolerance" in model || !hasClientStages(model.manifest.model)) return undefined;
  const { manifest, stages: programs, leakage } = model;
  return createClientPart({ manifest: manifest.model, programs, leakage });
}
