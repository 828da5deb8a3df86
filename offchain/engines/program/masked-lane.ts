// SPDX-License-Identifier: GPL-3.0-or-later
import { ProgramError } from "../../core/program/errors.ts";
import { maskProgram, type MaskedProgram } from "../../core/masked/masked-program.ts";
import { digitPlanes, joinPlanes, type LaneInputs } from "../../core/masked/shares.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { LoadedStage, ProgramExecutor } from "./executor.ts";

/** A stage as a lane's worker runs it; made once, so that executors keep its session. */
export interface MaskedStage {
  readonly masked: MaskedProgram;
  /** The kernel on digit planes, as executors take it. */
  readonly kernel: LoadedStage;
}

/** Error: MASK_NOT_LINEAR. */
export function loadMaskedStage(stage: LoadedStage): MaskedStage {
  const masked = maskProgram(stage.program, stage.analysis);
  const { kernel: program, kernelAnalysis: analysis } = masked;
  return { masked, kernel: { bytes: stage.bytes, program, analysis, probe: null } };
}

/**
 * One lane's work: W·share modulo 2^32, exactly, on any executor; `addsBias` is true in lane A only. The executor's
 * largest batch must be four times the share's. Errors: SHARE_INVALID, BATCH_TOO_LARGE.
 */
export async function runLane(
  { masked, kernel }: MaskedStage,
  shares: LaneInputs,
  addsBias: boolean,
  executor: ProgramExecutor,
): Promise<Tensor> {
  const { outputs } = await executor.run(kernel, digitPlanes(masked, shares));
  const [planes] = outputs;
  if (planes === undefined) throw new ProgramError("EXECUTION_FAILED", { reason: "a lane has no output" });
  return joinPlanes(masked, planes, addsBias);
}
