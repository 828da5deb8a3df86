// SPDX-License-Identifier: MIT
import { equalBytes, fromHex, type Hex } from "../bytes.ts";
import { cipherHeader, type CipherStage } from "./cipher-stage.ts";
import { CHUNK_RESIDUES, cipherLeaf, climbPath, digestOfBody, treeDepth } from "./digest.ts";
import { SheError } from "./errors.ts";
import type { SheHashes } from "./hashes.ts";
import { decodeRowOperation, operandsAt, valueAt, type OperandPlace } from "./row-operation.ts";

/** A chunk of a row, with its siblings up to the root of whatever the row is in. */
export interface Opening {
  /** 256 residues as u32le. */
  readonly chunk: Uint8Array;
  readonly path: readonly Hex[];
}

/** What shows one residue of a trace to be right: the operation, and the residues that it is computed from. */
export interface StepProof {
  readonly record: Uint8Array;
  readonly recordPath: readonly Hex[];
  /** The chunk in question. */
  readonly chunk: Uint8Array;
  /** As `operandsAt` lists them. */
  readonly operands: readonly Opening[];
}

/** What the game has settled before: which residue of which trace of which stage's evaluation. */
export interface DisputedStep {
  readonly stage: CipherStage;
  readonly inDigest: Hex;
  readonly keySetRoot: Hex;
  readonly traceRoot: Hex;
  readonly row: number;
  /** Hash of the chunk in question; the row's leaf, if the operation is none. */
  readonly node: Hex;
  /** In the row. */
  readonly coordinate: number;
  /** The game ended at the row's leaf: there is no row. */
  readonly isRow: boolean;
}

const refuse = (reason: string) => new SheError("STEP_REFUSED", { reason });
const words = (path: readonly Hex[]) => path.map((word) => fromHex(word, 32));

function residueOf(chunk: Uint8Array, coordinate: number, prime: number): number {
  const at = 4 * (coordinate % CHUNK_RESIDUES);
  const residue = new DataView(chunk.buffer, chunk.byteOffset).getUint32(at, true);
  if (residue >= prime) throw refuse(`residue ${residue} is not below its prime`);
  return residue;
}

function rootOf({ row }: OperandPlace, step: DisputedStep): Hex {
  const { stage } = step;
  if (row.source === "keys") return step.keySetRoot;
  if (row.source === "weights") return stage.weightRoot;
  if (row.source === "trace") {
    // The leftmost difference concedes earlier rows only.
    if (row.depth !== stage.depth || row.position >= step.row)
      throw refuse("an operand is no earlier row of the trace");
    return step.traceRoot;
  }
  if (row.depth !== treeDepth(2 * stage.levelIn)) throw refuse("an operand is no row of the input");
  return "0x";
}

/** The referee's last check; mirror of contracts/evidence/cipher/RowStepLib.sol. Error: STEP_REFUSED. */
export function judgeStep(step: DisputedStep, proof: StepProof, hashes: SheHashes): void {
  const { stage, row, coordinate } = step;
  const { profile } = stage;
  const record = decodeRowOperation(proof.record, profile);
  const opRoot = climbPath(cipherLeaf(proof.record, hashes), row, words(proof.recordPath), hashes);
  if (proof.recordPath.length !== stage.depth || !equalBytes(opRoot, fromHex(stage.opRoot, 32)))
    throw refuse("the record is not the stage's");
  const node = fromHex(step.node, 32);
  if (record.op === "none") {
    if (!step.isRow || node.some((byte) => byte !== 0)) throw refuse("a row where there is none");
    return;
  }
  if (step.isRow) throw refuse("there is a row, and the game has not reached a residue of it");
  if (proof.chunk.length !== 4 * CHUNK_RESIDUES || !equalBytes(cipherLeaf(proof.chunk, hashes), node))
    throw refuse("the chunk is not the one in question");
  const places = operandsAt(record, coordinate, profile.degree);
  if (proof.operands.length !== places.length) throw refuse(`${proof.operands.length} operands`);
  const chunkDepth = treeDepth(profile.degree / CHUNK_RESIDUES);
  const values = places.map((place, i) => {
    const { chunk = new Uint8Array(0), path = [] } = proof.operands[i] ?? {};
    const depth = place.row.depth + chunkDepth;
    if (chunk.length !== 4 * CHUNK_RESIDUES || path.length !== depth) throw refuse(`operand ${i} is malformed`);
    const index = place.row.position * 2 ** chunkDepth + Math.floor(place.coordinate / CHUNK_RESIDUES);
    const root = climbPath(cipherLeaf(chunk, hashes), index, words(path), hashes);
    const wanted = rootOf(place, step);
    const isOpen =
      place.row.source === "input"
        ? digestOfBody(cipherHeader(profile, stage.levelIn), root, hashes) === step.inDigest
        : equalBytes(root, fromHex(wanted, 32));
    if (!isOpen) throw refuse(`operand ${i} is not what was committed`);
    return residueOf(chunk, place.coordinate, profile.primes[place.prime] ?? 0);
  });
  const have = residueOf(proof.chunk, coordinate, profile.primes[record.prime] ?? 0);
  const need = valueAt(record, coordinate, values, profile);
  if (have !== need) throw refuse(`the residue is ${have}, the operation gives ${need}`);
}
