// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Deployment } from "./deploy-assay.ts";

/** Writes `<folder>/<id>/addresses.json` and returns its path. `id` names the deployment, e.g. "sepolia". */
export function writeDeployment(deployment: Deployment, id: string, folder = "deployments"): string {
  const path = join(folder, id, "addresses.json");
  mkdirSync(join(folder, id), { recursive: true });
  writeFileSync(path, `${JSON.stringify(deployment, undefined, 2)}\n`);
  return path;
}
