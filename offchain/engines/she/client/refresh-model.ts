// SPDX-License-Identifier: MIT
import type { FinishRecord, RefreshRecord } from "../../../core/manifest.ts";
import type { Finish } from "../../../core/program/types.ts";
import { SheError } from "../../../core/she/errors.ts";
import { EXACT_WITHIN, REFRESH_PROFILE, type RefreshStep } from "../compile/refresh-plan.ts";
import type { CipherModel } from "./cipher-model.ts";

/** One encrypted linear step of an integer program: a registered model, and what the key holder does behind it. */
export interface RefreshModelStep extends RefreshStep {
  readonly model: CipherModel;
  /** Number of the plain program's operator, as linear checks name it; null where it joins several. */
  readonly op: number | null;
}

const refuse = (reason: string) => new SheError("BYTES_REFUSED", { what: "refreshed model", reason });

const finishOf = (finish: FinishRecord): Finish =>
  finish.kind === "exact" ? finish : { ...finish, table: finish.table === null ? null : Int8Array.from(finish.table) };

function stepOf(model: CipherModel, refresh: RefreshRecord): RefreshModelStep {
  const { plan } = model.program;
  const { channels, inner, largest, op, step } = refresh;
  const refuseStep = (reason: string) => refuse(`step ${step}: ${reason}`);
  if (plan.profile.id !== REFRESH_PROFILE) throw refuseStep(`its profile ${plan.profile.name} is not exact`);
  if (plan.stages.length !== 1 || plan.interleave !== 1) throw refuseStep("it is not one stage over one sample");
  if (plan.outputUnits.length !== channels * inner) throw refuseStep(`it has not ${channels} times ${inner} outputs`);
  if (largest > plan.outputScale) throw refuseStep("its accumulators are beyond its scale");
  if (model.tolerance * plan.outputScale >= EXACT_WITHIN) throw refuseStep("noise reaches its accumulators");
  return { model, compiled: { plan }, finish: finishOf(refresh.finish), channels, inner, largest, op };
}

/**
 * The steps of an integer program, in order, from the models that say so of themselves: all of one plain model, none missing, each exact
 * and as wide as the next takes. Errors: BYTES_REFUSED.
 */
export function openRefreshModel(models: readonly CipherModel[]): readonly RefreshModelStep[] {
  const [first] = models;
  const steps = models.map((model, i): RefreshModelStep => {
    const { cipher } = model.manifest.tools;
    if (cipher?.refresh === undefined) throw refuse(`${model.manifest.model.name} is no step of a refreshed program`);
    if (cipher.refresh.step !== i || cipher.refresh.steps !== models.length)
      throw refuse(`step ${cipher.refresh.step} of ${cipher.refresh.steps} in place ${i} of ${models.length}`);
    const isSame =
      cipher.plain === first?.manifest.tools.cipher?.plain &&
      model.manifest.model.programRoot === first.manifest.model.programRoot;
    if (!isSame) throw refuse(`step ${i} is of another program than the first`);
    return stepOf(model, cipher.refresh);
  });
  for (const [i, { compiled, channels, inner }] of steps.entries()) {
    const next = steps[i + 1]?.compiled.plan.slotMap;
    if (next !== undefined && next.some((index) => index >= channels * inner))
      throw refuse(`step ${i + 1} takes more than step ${i} gives`);
    if (compiled.plan.stages[0] === undefined) throw refuse(`step ${i} has no stage`);
  }
  if (steps.length === 0) throw refuse("it has no steps");
  return steps;
}
