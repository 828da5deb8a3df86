// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import { boundaryDigest, decodeBatch, encodeBatch } from "../core/batch-tensors.ts";
import type { Check } from "../core/check.ts";
import type { ClientStatement } from "../core/client-part.ts";
import { isAssayError } from "../core/errors.ts";
import { digestParts, openParts } from "../core/input-parts.ts";
import { areLanes } from "../core/join.ts";
import { hasClientStages, networkPart } from "../core/network-part.ts";
import { createClientPart } from "../core/program/open-client-part.ts";
import { encodeReceipt, receiptHash, receiptOutput, type Receipt } from "../core/receipt.ts";
import { boundarySalt, INPUT_BOUNDARY, LANES } from "../core/salts.ts";
import { decodeSealedInput, type InputPart, type SealedInput } from "../core/sealed-input.ts";
import { sketchA, withinTau } from "../core/sketch.ts";
import { decodeTensor, encodeTensor, MAX_TENSOR_BYTES } from "../core/tensor.ts";
import { KIND_BLINDED, type DigestKind, type StageInfo } from "../core/types.ts";
import { checkFloatInput } from "../engines/program/float/float-executor.ts";
import { runFloatReference } from "../engines/program/float/float-graph.ts";
import type { LoadedFloatModel } from "../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { loadMaskedStage, runLane } from "../engines/program/masked-lane.ts";
import { createReferenceExecutor } from "../engines/program/reference-executor.ts";
import { runStages } from "../engines/program/run-model.ts";

/** What the requester opens to an auditor. */
export interface OpenedJob {
  /**
   * The input tensor's canonical bytes, raw where the client ran first stages itself; of a batch, the batch's; of an input in parts its
   * `opening`, as `joinResults` and `requestMasked` return it.
   */
  readonly input: Uint8Array;
  /** The job's secret, from which all salts follow; not needed where the model's boundaries are public. */
  readonly secret?: Uint8Array | undefined;
}

function openedDigest(bytes: Uint8Array, kind: DigestKind, boundary: number, inputs: number, { secret }: OpenedJob) {
  return boundaryDigest(kind, bytes, secret && boundarySalt(secret, boundary, kind), inputs);
}

/** The same program on the same input must give the agreed digest, bit for bit. */
async function repeatProgram(
  receipt: Receipt,
  { stages }: Pick<LoadedModel, "stages">,
  table: readonly StageInfo[],
  opened: OpenedJob,
): Promise<{ readonly bytes: Uint8Array; readonly checks: readonly Check[] }> {
  const inputs = batchCount(receipt.job.spec.policy.flags);
  const outputs: Uint8Array[] = [];
  for (const one of inputs === 0 ? [opened.input] : decodeBatch(opened.input)) {
    const { output } = await runStages(stages, table, decodeTensor(one), createReferenceExecutor());
    outputs.push(encodeTensor(output));
  }
  const bytes = inputs === 0 ? (outputs[0] ?? new Uint8Array()) : encodeBatch(outputs);
  const outKind = (table.at(-1)?.outKind ?? 0) as DigestKind;
  const outDigest = openedDigest(bytes, outKind, table.length - 1, inputs, opened);
  const ok = outDigest === receipt.outDigest;
  const detail = `running the program again gives ${ok ? "the agreed digest" : outDigest}`;
  const checks = [{ name: "re-execution", ok, detail }];
  const included = receiptOutput(receipt);
  if (included !== undefined) {
    const isEqual = Buffer.compare(included, bytes) === 0;
    checks.push(agrees("re-execution output", isEqual, "and the included output", "but not the included output"));
  }
  return { bytes, checks };
}

/**
 * Another machine's floats must lie within the model's tolerance of the delivered ones. Of more than 16 outputs sums are compared, with signs
 * drawn from the receipt's hash: nobody could know them before the output was fixed.
 */
function repeatFloats(receipt: Receipt, model: LoadedFloatModel, opened: OpenedJob): Check {
  const name = "re-execution";
  const included = receiptOutput(receipt);
  if (included === undefined)
    return { name, ok: false, detail: "the receipt does not hold the output to compare with" };
  const delivered = decodeTensor(included);
  const input = decodeTensor(opened.input);
  checkFloatInput(model.program, input, 1);
  const again = runFloatReference(model.program.graph, new Float32Array(input.data), "double");
  const isShape = delivered.dtype === "f32" && delivered.dims.join() === again.dims.join();
  if (!isShape) return { name, ok: false, detail: `the output is ${delivered.dtype}[${delivered.dims.join()}]` };
  const seed = receiptHash(encodeReceipt(receipt));
  const [there, here] = [delivered, again].map(({ data }) => sketchA(new Float32Array(data), model.tolerance, seed));
  const { tau } = model.tolerance;
  const ok = there !== undefined && here !== undefined && withinTau(here, there, tau);
  return {
    name,
    ok,
    detail: `running the model again gives an output ${ok ? "within" : "beyond"} its tolerance (${tau} steps) of the delivered one`,
  };
}

const agrees = (name: string, ok: boolean, yes: string, no: string): Check => ({ name, ok, detail: ok ? yes : no });

/** What the client claims about its stages, against what they give on the opened input. A receipt may have no claims: then nothing is said. */
function claimsCheck({ clientClaims }: Receipt, statements: readonly ClientStatement[]): Check[] {
  return statements.flatMap(({ stage, inDigest, outDigest }) => {
    const claim = clientClaims.find((one) => one.stage === stage);
    if (claim === undefined) return [];
    const ok = claim.inDigest === inDigest && claim.outDigest === outDigest;
    return agrees(
      `re-execution stage ${stage}`,
      ok,
      "the client's claim is what its stage gives",
      "the client's claim is not what its stage gives",
    );
  });
}

/** The opened input is the raw one: the client's stages are run, clipped and noised again, too. */
async function repeatSplit(receipt: Receipt, model: LoadedModel, opened: OpenedJob): Promise<Check[]> {
  const { manifest, job, outDigest } = receipt;
  const { secret, input } = opened;
  const network = networkPart(manifest.stages);
  if (secret === undefined || network === null)
    return [agrees("re-execution", false, "", "client stages are repeated under the job's secret only")];
  const inputs = batchCount(job.spec.policy.flags);
  const part = createClientPart({ manifest, programs: model.stages, leakage: model.leakage });
  const first = part.before({ secret, bytes: input, inputs });
  const inKind = (network.table[0]?.inKind ?? 0) as DigestKind;
  const isInput = openedDigest(first.bytes, inKind, INPUT_BOUNDARY, inputs, opened) === job.spec.inDigest;
  const found = agrees(
    "re-execution input",
    isInput,
    "the client's stages make the job's input of the opened one",
    "the client's stages do not make the job's input of the opened one",
  );
  const checks = [found, ...claimsCheck(receipt, first.statements)];
  if (!isInput) return checks;
  const middle = { ...model, stages: model.stages.slice(network.first, network.end) };
  const run = await repeatProgram(receipt, middle, network.table, { ...opened, input: first.bytes });
  checks.push(...run.checks);
  if (run.checks.some(({ ok }) => !ok)) return checks;
  const last = part.after({ secret, bytes: run.bytes, inputs, outDigest });
  return [...checks, ...claimsCheck(receipt, last.statements)];
}

/** Whether a job's input comes in parts, whose salts are those of other jobs or of two lanes. */
export const isInParts = ({ parents, manifest }: Pick<Receipt, "parents" | "manifest">): boolean =>
  parents.length > 0 || areLanes(manifest.stages);

/** A single part stands where an input like any other does. */
function partsOf({ parts, tensors: [only], salts: [salt] }: SealedInput): readonly InputPart[] {
  if (parts !== undefined) return parts;
  return only === undefined ? [] : [{ tensor: only.tensor, salt: salt?.salt ?? new Uint8Array() }];
}

/** Of an input in parts: other jobs' results one behind the other, or one share a lane. */
async function repeatParts(receipt: Receipt, model: LoadedModel, opened: OpenedJob): Promise<readonly Check[]> {
  const { stages } = receipt.manifest;
  const parts = partsOf(decodeSealedInput(opened.input));
  const isInput = digestParts((stages[0]?.inKind ?? 0) as DigestKind, parts) === receipt.job.spec.inDigest;
  const found = agrees(
    "re-execution input",
    isInput,
    "the opened parts are the job's input",
    "the opened parts have another digest",
  );
  if (!isInput) return [found];
  if (areLanes(stages)) return [found, ...(await repeatLanes(receipt, model, parts, opened))];
  const input = openParts(parts, stages, 0, MAX_TENSOR_BYTES);
  if (input === undefined)
    return [found, agrees("re-execution", false, "", "a part is not opened, or none fits behind another")];
  return [found, ...(await repeatProgram(receipt, model, stages, { ...opened, input })).checks];
}

async function repeatLanes(
  { record, outDigest }: Receipt,
  { stages: [stage] }: LoadedModel,
  parts: readonly InputPart[],
  opened: OpenedJob,
): Promise<Check[]> {
  const agreed = [record.boundaries[0], outDigest];
  const checks: Check[] = [];
  for (const [lane, part] of parts.entries()) {
    const name = `re-execution lane ${"AB"[lane]}`;
    if (!("tensor" in part) || stage === undefined) {
      checks.push(agrees(name, false, "", "its share is not opened"));
      continue;
    }
    const masked = loadMaskedStage(stage);
    const sum = await runLane(masked, [decodeTensor(part.tensor)], lane === 0, createReferenceExecutor());
    const salt = opened.secret && boundarySalt(opened.secret, lane, KIND_BLINDED, lane === 0 ? LANES.A : LANES.B);
    const ok = boundaryDigest(KIND_BLINDED, encodeTensor(sum), salt, 0) === agreed[lane];
    checks.push(agrees(name, ok, "its share gives the agreed digest", "its share gives another digest"));
  }
  return checks;
}

/** Does a receipt's whole inference again in plain TypeScript. Hostile receipts and inputs give failed checks, not errors. */
export async function reExecute(
  receipt: Receipt,
  model: LoadedModel | LoadedFloatModel,
  opened: OpenedJob,
): Promise<readonly Check[]> {
  const { modelId } = model.manifest;
  const isModel = modelId === receipt.job.spec.modelId;
  const checks: Check[] = [
    {
      name: "re-execution model",
      ok: isModel,
      detail: isModel ? "the model's files are the job's model" : `the files are model ${modelId}`,
    },
  ];
  if (!isModel) return checks;
  try {
    if (!("tolerance" in model) && hasClientStages(receipt.manifest))
      return [...checks, ...(await repeatSplit(receipt, model, opened))];
    if (!("tolerance" in model) && isInParts(receipt))
      return [...checks, ...(await repeatParts(receipt, model, opened))];
    const inputs = batchCount(receipt.job.spec.policy.flags);
    const inKind = (receipt.manifest.stages[0]?.inKind ?? 0) as DigestKind;
    const ok = openedDigest(opened.input, inKind, INPUT_BOUNDARY, inputs, opened) === receipt.job.spec.inDigest;
    const detail = ok ? "the opened input is the job's" : "the opened input has another digest";
    checks.push({ name: "re-execution input", ok, detail });
    if (!ok) return checks;
    if ("tolerance" in model) checks.push(repeatFloats(receipt, model, opened));
    else checks.push(...(await repeatProgram(receipt, model, receipt.manifest.stages, opened)).checks);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    checks.push({ name: "re-execution", ok: false, detail: `${error.code}: ${error.message}` });
  }
  return checks;
}
