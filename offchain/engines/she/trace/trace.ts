// SPDX-License-Identifier: MIT
import { fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import {
  checkCommitment,
  cipherHeader,
  type CipherStage,
  type TraceCommitment,
} from "../../../core/she/cipher-stage.ts";
import {
  bodyRoot,
  CHUNK_RESIDUES,
  chunkBytes,
  chunkHashes,
  cipherLeaf,
  digestOfBody,
  rowRoot,
  treeDepth,
  wordPath,
  wordTree,
} from "../../../core/she/digest.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import type { Opening, StepProof } from "../../../core/she/judge-step.ts";
import type { SheObject } from "../../../core/she/object.ts";
import { encodeRowOperation, operandsAt, type RowReference } from "../../../core/she/row-operation.ts";
import type { ShePlan } from "../compile/plan.ts";
import { interpretStage, type TraceSources } from "./interpret.ts";
import { lowerStage, type LoweredStage } from "./lower-stage.ts";

const ZERO = new Uint8Array(32);
/** Levels of a tree that one move of a game descends: 64 nodes. */
export const LEVELS_A_MOVE = 6;
/** Traces up to this size keep their rows. */
const KEPT_BYTES = 2 ** 26;

function opTree({ operations }: LoweredStage, hashes: SheHashes): Uint8Array[][] {
  return wordTree(
    operations.map((operation) => cipherLeaf(encodeRowOperation(operation), hashes)),
    hashes,
  );
}

/** What a model's author writes into its manifest about a stage, and every seat computes again before it serves the model. */
export function cipherStageOf(plan: ShePlan, stage: number, weightRoot: Hex, hashes: SheHashes): CipherStage {
  const lowered = lowerStage(plan, stage);
  const { levelIn = 0, levelOut = 0 } = plan.stages[stage] ?? {};
  const opRoot = toHex(opTree(lowered, hashes).at(-1)?.[0] ?? ZERO);
  return { profile: plan.profile, levelIn, levelOut, depth: lowered.depth, opRoot, weightRoot };
}

/**
 * One party's evaluation of a stage, row by row, with everything that a dispute about it asks for. Rows of large traces are not
 * kept: asking for chunks or a proof of another row evaluates again.
 */
export class StageTrace {
  readonly #lowered: LoweredStage;
  readonly #plan: ShePlan;
  readonly #stage: number;
  readonly #sources: TraceSources;
  readonly #hashes: SheHashes;
  readonly #tree: Uint8Array[][];
  readonly #visit: (row: number, values: Uint32Array) => void;
  readonly #keepsAll: boolean;
  #kept = new Map<number, Uint32Array>();
  #records: Uint8Array[][] | undefined;

  /** `visit` sees every row as it is made. Errors: PROGRAM_TOO_LARGE, KEY_MISSING. */
  constructor(
    plan: ShePlan,
    stage: number,
    sources: TraceSources,
    hashes: SheHashes,
    visit: (row: number, values: Uint32Array) => void = () => undefined,
  ) {
    [this.#plan, this.#stage, this.#sources, this.#hashes, this.#visit] = [plan, stage, sources, hashes, visit];
    this.#lowered = lowerStage(plan, stage);
    const roots: Uint8Array[] = this.#lowered.operations.map(() => ZERO);
    this.#keepsAll = 4 * roots.length * plan.profile.degree <= KEPT_BYTES;
    this.#interpret((row, values) => {
      roots[row] = rowRoot(values, hashes);
      if (this.#keepsAll) this.#kept.set(row, values.slice());
    });
    this.#tree = wordTree(roots, hashes);
  }

  /** Whether the stage has an operation there; else the leaf is the zero word. */
  hasRow(row: number): boolean {
    const operation = this.#lowered.operations[row];
    return operation !== undefined && operation.op !== "none";
  }

  get depth(): number {
    return this.#lowered.depth;
  }

  #interpret(visit: (row: number, values: Uint32Array) => void): void {
    interpretStage(this.#lowered.operations, this.#plan.profile, this.#sources, (row, values) => {
      this.#visit(row, values);
      visit(row, values);
    });
  }

  /** The rows as they are in this trace; evaluates again for those that are not kept. */
  #rows(wanted: readonly number[]): Uint32Array[] {
    if (!this.#keepsAll && wanted.some((row) => !this.#kept.has(row))) {
      const set = new Set(wanted.filter((row) => !this.#kept.has(row)));
      // Many games at once ask for rows of each: those of earlier ones stay as long as there is room.
      if (4 * (this.#kept.size + set.size) * this.#plan.profile.degree > KEPT_BYTES) {
        for (const row of wanted) set.add(row);
        this.#kept = new Map();
      }
      this.#interpret((row, values) => {
        if (set.has(row)) this.#kept.set(row, values.slice());
      });
    }
    return wanted.map((row) => this.#kept.get(row) ?? new Uint32Array(this.#plan.profile.degree));
  }

  /** Rows that an operation reads from the trace. */
  #operandRows(row: number): number[] {
    const operation = this.#lowered.operations[row];
    if (operation === undefined || operation.op === "none") return [];
    const places = operandsAt(operation, 0, this.#plan.profile.degree);
    return places.flatMap((place) => (place.row.source === "trace" ? [place.row.position] : []));
  }

  /** The output that this trace leads to. */
  output(): SheObject {
    const { levelOut = 0 } = this.#plan.stages[this.#stage] ?? {};
    const first = 2 ** this.depth - 2 ** treeDepth(2 * levelOut);
    const rows = this.#rows(Array.from({ length: 2 * levelOut }, (_, i) => first + i));
    const { profile } = this.#plan;
    const all = new Uint32Array(rows.length * profile.degree);
    for (const [i, row] of rows.entries()) all.set(row, i * profile.degree);
    return { header: cipherHeader(profile, levelOut), rows: all };
  }

  commitment(stage: CipherStage): TraceCommitment {
    const levels = treeDepth(2 * stage.levelOut);
    const body = this.#tree[levels]?.at(-1) ?? ZERO;
    const edge = wordPath(this.#tree.slice(levels), 2 ** (this.depth - levels) - 1).map(toHex);
    const traceRoot = toHex(this.#tree.at(-1)?.[0] ?? ZERO);
    const outDigest = digestOfBody(cipherHeader(stage.profile, stage.levelOut), body, this.#hashes);
    const commitment = { outDigest, traceRoot, outBody: toHex(body), edge };
    checkCommitment(stage, commitment, this.#hashes);
    return commitment;
  }

  /** The nodes below node `index` of the level that is `levels` above the rows, as many levels down as a move goes. */
  nodesBelow(levels: number, index: number): Hex[] {
    const step = Math.min(LEVELS_A_MOVE, levels);
    const width = 2 ** step;
    return (this.#tree[levels - step] ?? []).slice(index * width, (index + 1) * width).map(toHex);
  }

  chunkHashes(row: number): Hex[] {
    // The rest of the game will ask for these too: one evaluation for all.
    const [values = new Uint32Array(0)] = this.#rows([row, ...this.#operandRows(row)]);
    return chunkHashes(values, this.#hashes).map(toHex);
  }

  chunk(row: number, chunk: number): Uint8Array {
    const [values = new Uint32Array(0)] = this.#rows([row]);
    return chunkBytes(values, chunk);
  }

  /** Error: STEP_REFUSED if the trace has no such row. */
  proofOf(row: number, coordinate: number): StepProof {
    const operation = this.#lowered.operations[row];
    if (operation === undefined) throw new SheError("STEP_REFUSED", { reason: `there is no row ${row}` });
    const record = encodeRowOperation(operation);
    this.#records ??= opTree(this.#lowered, this.#hashes);
    const recordPath = wordPath(this.#records, row).map(toHex);
    if (operation.op === "none") return { record, recordPath, chunk: new Uint8Array(0), operands: [] };
    const places = operandsAt(operation, coordinate, this.#plan.profile.degree);
    const [values = new Uint32Array(0)] = this.#rows([row, ...this.#operandRows(row)]);
    const operands = places.map(({ row: from, coordinate: at }) => this.#open(from, Math.floor(at / CHUNK_RESIDUES)));
    return { record, recordPath, chunk: chunkBytes(values, Math.floor(coordinate / CHUNK_RESIDUES)), operands };
  }

  #open(reference: RowReference, chunk: number): Opening {
    const { position, depth, source } = reference;
    if (source === "trace") {
      const [values = new Uint32Array(0)] = this.#rows([position]);
      return this.#opening(values, chunk, wordPath(this.#tree, position));
    }
    const { input, keys, weights } = this.#sources;
    const objects = source === "input" ? [input] : source === "keys" ? keys : weights;
    const above = treeDepth(objects.length);
    const index = Math.floor(position / 2 ** (depth - above));
    const row = position % 2 ** (depth - above);
    const object = objects[index];
    if (object === undefined) throw new SheError("STEP_REFUSED", { reason: `there is no object ${index}` });
    const { degree } = object.header.profile;
    const roots = Array.from({ length: 2 ** (depth - above) }, (_, i) =>
      (i + 1) * degree > object.rows.length
        ? ZERO
        : rowRoot(object.rows.subarray(i * degree, (i + 1) * degree), this.#hashes),
    );
    const bodies = source === "input" ? [ZERO] : this.#bodies(source);
    const path = [...wordPath(wordTree(roots, this.#hashes), row), ...wordPath(wordTree(bodies, this.#hashes), index)];
    return this.#opening(object.rows.subarray(row * degree, (row + 1) * degree), chunk, path);
  }

  /** Body roots of all keys or weights, padded to a power of two. */
  #bodies(source: "keys" | "weights"): Uint8Array[] {
    const { keys, keyBodies, weights } = this.#sources;
    const roots =
      source === "keys"
        ? keyBodies.map((body) => fromHex(body, 32))
        : weights.map((object) => bodyRoot(object, this.#hashes));
    const width = 2 ** treeDepth(source === "keys" ? keys.length : weights.length);
    return Array.from({ length: width }, (_, i) => roots[i] ?? ZERO);
  }

  #opening(values: Uint32Array, chunk: number, above: readonly Uint8Array[]): Opening {
    const tree = wordTree(chunkHashes(values, this.#hashes), this.#hashes);
    return { chunk: chunkBytes(values, chunk), path: [...wordPath(tree, chunk), ...above].map(toHex) };
  }
}
