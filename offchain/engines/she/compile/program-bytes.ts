// SPDX-License-Identifier: MIT
import { ByteReader } from "../../../core/byte-reader.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { concatBytes, toHex, utf8, type Hex } from "../../../core/bytes.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { dataPrimes, sheProfile, type SheProfile } from "../../../core/she/profiles.ts";
import { keysOf, type PlanStage, type PlanStep, type ShePlan } from "./plan.ts";

/** A SHE program: a plan, the root of each stage's weights, and the tolerance. What a model's manifest names by its id. */
export interface SheProgram {
  readonly plan: ShePlan;
  /** Per stage, by `objectsRoot` over its plaintexts. */
  readonly weightRoots: readonly Hex[];
  /** In units of 2^-32 of a slot; 1 to 2^32 - 1. */
  readonly toleranceUnits: number;
}

const MAGIC = utf8("ASHP");
const VERSION = 1;
const NONE = 0xffffffff;
const NO_DIAGONAL = 0xffff;
const ID_DOMAIN = concatBytes(Uint8Array.of(19), utf8("assay.v1.sheprogram"));
const LIMITS = { stages: 16, steps: 32, folds: 16, name: 64, diagonals: 0xfffe, scaleBits: 512 } as const;

const refuse = (reason: string) => new SheError("BYTES_REFUSED", { what: "SHE program", reason });
const isPowerOfTwo = (n: number) => n >= 1 && Number.isInteger(Math.log2(n));

function writeStep(writer: ByteWriter, step: PlanStep): void {
  const name = utf8(step.name);
  writer
    .u8(step.kind === "linear" ? 0 : 1)
    .u8(step.level)
    .u8(name.length)
    .raw(name);
  if (step.kind === "square") return;
  writer.u16le(step.babies).u16le(step.giants).u8(step.folds.length);
  for (const fold of step.folds) writer.u16le(fold);
  for (const diagonal of step.diagonals) writer.u16le(diagonal < 0 ? NO_DIAGONAL : diagonal);
}

/** Canonical bytes: keys, indices of plaintexts and levels follow from the steps and are not written. Errors: NUMBER_OUT_OF_RANGE. */
export function encodeSheProgram({ plan, weightRoots, toleranceUnits }: SheProgram): Uint8Array {
  const writer = new ByteWriter().raw(MAGIC).u8(VERSION).u16le(plan.profile.id).u16le(plan.interleave);
  writer.u16le(Math.log2(plan.inputScale)).u16le(Math.log2(plan.outputScale)).u32le(toleranceUnits);
  for (const index of plan.slotMap) writer.u32le(index < 0 ? NONE : index);
  writer.u16le(plan.outputUnits.length);
  for (const unit of plan.outputUnits) writer.u16le(unit);
  writer.u8(plan.stages[0]?.levelIn ?? 0).u8(plan.stages.length);
  for (const [i, { steps }] of plan.stages.entries()) {
    writer.fixed(weightRoots[i] ?? "0x", 32, "A weight root").u8(steps.length);
    for (const step of steps) writeStep(writer, step);
  }
  return writer.finish();
}

/** sha256(u8(19) ‖ "assay.v1.sheprogram" ‖ bytes). */
export const sheProgramId = (bytes: Uint8Array, hashes: SheHashes): Hex =>
  toHex(hashes.sha256(concatBytes(ID_DOMAIN, bytes)));

interface Walk {
  readonly profile: SheProfile;
  readonly units: number;
  level: number;
  /** Plaintexts of the stage so far. */
  plaintexts: number;
}

function readFolds(reader: ByteReader, units: number): number[] {
  const count = reader.u8();
  if (count > LIMITS.folds) throw refuse(`${count} folds`);
  return Array.from({ length: count }, () => {
    const fold = reader.u16le();
    if (!isPowerOfTwo(fold) || fold >= units) throw refuse(`a fold by ${fold}`);
    return fold;
  });
}

function readStep(reader: ByteReader, walk: Walk): PlanStep {
  const [kind, level, length] = [reader.u8(), reader.u8(), reader.u8()];
  if (kind > 1) throw refuse(`step kind ${kind}`);
  if (level !== walk.level) throw refuse(`a step at level ${level} where ${walk.level} are left`);
  if (length > LIMITS.name) throw refuse(`a name of ${length} bytes`);
  const bytes = reader.raw(length);
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) throw refuse("a name is not printable ASCII");
  const name = String.fromCharCode(...bytes);
  walk.level -= kind === 1 ? 1 : walk.profile.linearDrop;
  if (walk.level < 1) throw refuse("it has more steps than levels");
  if (kind === 1) return { kind: "square", name, level };
  const [babies, giants] = [reader.u16le(), reader.u16le()];
  if (!isPowerOfTwo(babies) || !isPowerOfTwo(giants) || babies * giants > walk.units)
    throw refuse(`${babies} times ${giants} diagonals`);
  const folds = readFolds(reader, walk.units);
  reader.count(babies * giants, LIMITS.diagonals, 2);
  const diagonals = Array.from({ length: babies * giants }, () => {
    const index = reader.u16le();
    if (index === NO_DIAGONAL) return -1;
    // In order, so that one program has one encoding.
    if (index !== walk.plaintexts) throw refuse(`plaintext ${index} where ${walk.plaintexts} is next`);
    walk.plaintexts++;
    return index;
  });
  if (babies * giants === 1 && diagonals[0] === -1) throw refuse("a map without weights");
  return { kind: "linear", name, level, babies, giants, folds, diagonals, bias: walk.plaintexts++ };
}

function readStage(reader: ByteReader, walk: Walk, interleave: number): { stage: PlanStage; root: Hex } {
  const root = reader.hex(32);
  const count = reader.u8();
  if (count < 1 || count > LIMITS.steps) throw refuse(`a stage of ${count} steps`);
  const levelIn = walk.level;
  walk.plaintexts = 0;
  const steps = Array.from({ length: count }, () => readStep(reader, walk));
  if (steps.at(-1)?.kind !== "linear") throw refuse("a stage that ends in a square has no exact scale");
  return { root, stage: { levelIn, levelOut: walk.level, steps, keys: keysOf(steps, walk.profile, interleave) } };
}

/**
 * Reads and checks a SHE program: levels follow each other down to at least 2, rotations fit the slots, plaintexts are counted in
 * order, and one program has one encoding. Errors: BYTES_REFUSED, PROFILE_UNKNOWN, BYTES_TRUNCATED, BYTES_TRAILING.
 */
export function decodeSheProgram(bytes: Uint8Array): SheProgram {
  const reader = new ByteReader(bytes, "SHE program");
  if (reader.raw(4).some((byte, i) => byte !== MAGIC[i])) throw refuse("it does not begin with ASHP");
  if (reader.u8() !== VERSION) throw refuse("unknown version");
  const profile = sheProfile(reader.u16le());
  const [interleave, inputBits, outputBits] = [reader.u16le(), reader.u16le(), reader.u16le()];
  const units = profile.degree / 2 / interleave;
  if (!isPowerOfTwo(interleave) || units < 1) throw refuse(`${interleave} samples in a ciphertext`);
  if (inputBits > LIMITS.scaleBits || outputBits > LIMITS.scaleBits) throw refuse("a scale beyond 2^512");
  const toleranceUnits = reader.u32le();
  if (toleranceUnits === 0) throw refuse("no tolerance");
  reader.count(units, units, 4);
  const slotMap = Array.from({ length: units }, () => {
    const index = reader.u32le();
    if (index >= profile.degree && index !== NONE) throw refuse(`input ${index} of a slot`);
    return index === NONE ? -1 : index;
  });
  const outputs = reader.count(reader.u16le(), units, 2);
  const outputUnits = Array.from({ length: outputs }, () => {
    const unit = reader.u16le();
    if (unit >= units) throw refuse(`an output in slot ${unit}`);
    return unit;
  });
  if (outputs === 0 || new Set(outputUnits).size !== outputs) throw refuse("no output, or two in one slot");
  const [levelIn, stageCount] = [reader.u8(), reader.u8()];
  if (levelIn > dataPrimes(profile)) throw refuse(`input level ${levelIn}`);
  if (stageCount < 1 || stageCount > LIMITS.stages) throw refuse(`${stageCount} stages`);
  const walk: Walk = { profile, units, level: levelIn, plaintexts: 0 };
  const read = Array.from({ length: stageCount }, () => readStage(reader, walk, interleave));
  reader.end();
  if (walk.level < 2) throw refuse(`it ends at level ${walk.level}, 2 are needed`);
  const [inputScale, outputScale] = [2 ** inputBits, 2 ** outputBits];
  const stages = read.map(({ stage }) => stage);
  const plan: ShePlan = { profile, interleave, slotMap, inputScale, outputUnits, outputScale, stages };
  return { plan, weightRoots: read.map(({ root }) => root), toleranceUnits };
}
