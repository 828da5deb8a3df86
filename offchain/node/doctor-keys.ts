// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { KIND_PUBLIC } from "../core/types.ts";
import type { CheckedCeremony } from "./ceremony-check.ts";
import type { Check } from "./doctor.ts";
import { fine, poor, type Finding } from "./finding.ts";
import { keyCheckOptions, KeyChecks, type KeyedStage } from "./key-checks.ts";
import { FolderModelShelf } from "./model-shelf.ts";
import type { NodeConfig } from "./settings.ts";
import { isCommitted } from "./stage-circuits.ts";

const faulty = (text: string, error: unknown): Finding =>
  poor(
    `${text}: ${error instanceof Error ? error.message : String(error)}`,
    isAssayError(error) ? error.fix : "See the worker's log.",
  );

function judgeKey({ state, contributors = [], error }: CheckedCeremony, text: string, isJudge: boolean): Finding {
  switch (state) {
    case "verified":
      return fine(`${text} verified (${contributors.join(", ")})`);
    case "waiting":
      return fine(`${text} is verified when the worker starts`);
    case "development":
      return fine(`${text} is for development`);
    case "missing": {
      const fix = "Fetch the ceremony's key, run `assay zk verify-setup` on it, and put it into prove.keys.";
      return isJudge
        ? { ok: false, detail: `${text} is not here, and may overrule votes: the worker abstains`, fix }
        : fine(`${text} is not here: nothing is proven with it`);
    }
    case "unverified":
    case "refused":
      return faulty(`${text} ${state}`, error);
  }
}

/** One line of all findings; the first thing to repair is the fix. */
function summary(name: string, findings: readonly Finding[], none: string): Check {
  const bad = findings.find(({ ok }) => !ok);
  const details = findings.map(({ detail }) => detail).join("; ");
  return { name, ok: bad === undefined, detail: findings.length === 0 ? none : details, fix: bad?.fix ?? "" };
}

/**
 * The state of every key that the models name, without verifying ceremonies, and whether every commitment to private weights opens.
 * Errors: MODEL_INVALID.
 */
export async function checkKeys(config: NodeConfig, modules: { readonly logger: Logger }): Promise<readonly Check[]> {
  // Also the models that the worker leaves out for want of their keys.
  const options = { folders: config.work.models, executor: "reference", threads: 1, judges: null } as const;
  const programs = await FolderModelShelf.open(options, modules);
  const checks = new KeyChecks(keyCheckOptions(config), { programs, ...modules });
  const keys: Finding[] = [];
  const weights: Finding[] = [];
  const place = ({ modelId, stage }: KeyedStage) => `${programs.name(modelId) ?? modelId} stage ${stage}`;
  for (const keyed of checks.keyed()) {
    const { modelId, stage, info } = keyed;
    const text = `${place(keyed)}: key ${info.keyId.slice(0, 10)}…`;
    keys.push(judgeKey(await checks.ceremonies.look(modelId, stage), text, info.outKind === KIND_PUBLIC));
    if (!isCommitted(info)) continue;
    const { state, error } = await checks.weights.check(modelId, stage);
    weights.push(state === "opened" ? fine(`${place(keyed)}: opened`) : faulty(`${place(keyed)} ${state}`, error));
  }
  checks.close();
  return [
    summary("proving keys", keys, "no model has keys"),
    summary("private weights", weights, "no model has private weights"),
  ];
}
