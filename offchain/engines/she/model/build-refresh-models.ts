// SPDX-License-Identifier: MIT
import type { FinishRecord } from "../../../core/manifest.ts";
import { finishAccumulator } from "../../../core/program/run/linear.ts";
import type { Finish } from "../../../core/program/types.ts";
import { SheError } from "../../../core/she/errors.ts";
import { runLayers } from "../compile/read-program.ts";
import { compileRefresh, EXACT_WITHIN } from "../compile/refresh-plan.ts";
import {
  modelOfPlan,
  type BuildCipherModelParameters,
  type BuildModules,
  type CipherModelFiles,
} from "./build-cipher-model.ts";

const finishRecord = (finish: Finish): FinishRecord =>
  finish.kind === "exact"
    ? finish
    : { ...finish, shifts: [...finish.shifts], table: finish.table === null ? null : [...finish.table] };

/**
 * Makes the models over ciphertexts of an integer program, one a linear step: between two of them the key holder decrypts, rounds, applies
 * the program's own rounding and activation, and encrypts afresh. Each is measured on the program's own activations.
 * Errors: those of `compileRefresh`; PROGRAM_TOO_LARGE where accumulators would not come back exactly; TOLERANCE_THIN.
 */
export function buildRefreshModels(
  { plain, program, evaluation, least }: Pick<BuildCipherModelParameters, "plain" | "program" | "evaluation" | "least">,
  modules: BuildModules,
): readonly CipherModelFiles[] {
  const { onProgress = () => undefined } = modules;
  onProgress("compiling");
  const stages = compileRefresh(program);
  let inputs = evaluation;
  return stages.map(({ name, compiled, finish, channels, inner, largest, op }, step) => {
    const own = inputs;
    inputs = own.map((x) => {
      const [accumulators = []] = runLayers(compiled.layers, x).slice(-1);
      return finishAccumulator(Int32Array.from(accumulators), finish, channels, inner);
    });
    const refresh = { step, steps: stages.length, op, channels, inner, largest, finish: finishRecord(finish) };
    const made = modelOfPlan(
      {
        name: `${plain.model.name}-refresh-${step}`,
        plain,
        compiled,
        refresh,
        evaluation: own,
        ...(least && { least }),
      },
      { ...modules, onProgress: (text) => onProgress(`step ${step + 1} of ${stages.length}: ${text}`) },
    );
    if (made.report.tolerance * compiled.plan.outputScale >= EXACT_WITHIN)
      throw new SheError("PROGRAM_TOO_LARGE", { reason: `${name}: noise reaches its accumulators` });
    return made;
  });
}
