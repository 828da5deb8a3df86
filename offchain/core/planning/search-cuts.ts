// SPDX-License-Identifier: MIT
import type { Analysis } from "../program/analyse.ts";
import type { Program } from "../program/types.ts";
import { KIND_SALTED, PRODUCER_INPUT, type DigestKind } from "../types.ts";
import { PlanError } from "./errors.ts";
import { withinLeakage, type LeakageFigures, type LeakageLimits } from "./leakage-limits.ts";
import { entryNs, stageNs } from "./plan-costs.ts";
import { runBytes } from "./plan-constraints.ts";
import { lastInputUse, legalCuts, programAtoms, type Atom, type LegalCut } from "./program-atoms.ts";
import { MAX_PLAN_STAGES, OP_CLASSES, type OpClass, type PlanBoundary, type PlanStage, type Rates } from "./types.ts";

/** Poseidon takes a millisecond a kilobyte: larger SALTED boundaries are refused (split.md §2). */
export const MAX_SALTED_BOUNDARY = 256 << 10;
export const MAX_OTHER_BOUNDARY = 16 << 20;

/** What two x86-64 cores took in our measurements, onnxruntime on one thread. Only their proportions matter to a search. */
export const REFERENCE_RATES: Rates = {
  rateClass: 0,
  rttNs: 2_000_000,
  bytesPerSecond: 100_000_000,
  psPerMac: { dense: 400, conv: 20, attention: 500, other: 500, cipher: 1_000_000 },
  keccakPsPerByte: 9_000,
  poseidonPsPerByte: 909_000,
};

/** The worker that a model's author cuts for: all stages run on such ones. */
export interface ReferenceProfile {
  readonly rates: Rates;
  readonly memoryBytes: number;
  readonly kind: DigestKind;
  readonly batch: number;
}

export interface CutOptions {
  readonly stages: number;
  readonly profile: ReferenceProfile;
  /** What the leakage report says about a cut, by its operator; needed if there are limits. */
  readonly leakage?: ReadonlyMap<number, LeakageFigures>;
  /** Given for SPLIT stages: cuts above them, or with the program's input read behind them, are not legal. */
  readonly limits?: LeakageLimits;
}

/** A row of the author's table. */
export interface CutRow extends LegalCut {
  /** Multiply-adds of the batch before the cut, all classes together. */
  readonly macsBefore: number;
  readonly leakage: LeakageFigures | null;
  /** Why a plan may not cut here, or null. */
  readonly refused: "size" | "leakage" | null;
  /** The search cut here. */
  readonly isChosen: boolean;
}

export interface CutResult {
  /** Operators after which to cut, ascending; one fewer than stages. */
  readonly cuts: readonly number[];
  /** Time of each stage on the reference worker, digests and transfer included. */
  readonly stageNs: readonly number[];
  readonly table: readonly CutRow[];
}

const sumMacs = (atoms: readonly Atom[], batch: number): Record<OpClass, number> =>
  Object.fromEntries(
    OP_CLASSES.map((name) => [name, batch * atoms.reduce((sum, { macs }) => sum + macs[name], 0)]),
  ) as Record<OpClass, number>;

/** Atoms [from, to) as one stage. */
function stageOf(atoms: readonly Atom[], from: number, to: number, { kind, batch }: ReferenceProfile): PlanStage {
  const part = atoms.slice(from, to);
  const boundary = (bytes: number): PlanBoundary => ({ bytes: batch * bytes, kind, leakage: null });
  const sources = part.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0);
  const crossing = atoms[from - 1]?.outputBytes ?? 0;
  return {
    stage: 0,
    producers: [PRODUCER_INPUT],
    inputs: [crossing, sources].filter((bytes) => bytes > 0).map(boundary),
    output: boundary(part.at(-1)?.outputBytes ?? 0),
    mode: "OPEN",
    lane: 0,
    isFirst: false,
    isLast: false,
    macs: sumMacs(part, batch),
    weightBytes: part.reduce((sum, { weightBytes }) => sum + weightBytes, 0),
    peakActivationBytes: batch * part.reduce((most, atom) => Math.max(most, atom.peakActivationBytes), 0),
    demands: 0,
    excludedFamilies: [],
  };
}

function refusal(cut: LegalCut, program: Program, { profile, leakage, limits }: CutOptions): CutRow["refused"] {
  const most = profile.kind === KIND_SALTED ? MAX_SALTED_BOUNDARY : MAX_OTHER_BOUNDARY;
  if (cut.bytes * profile.batch > most) return "size";
  if (limits === undefined) return null;
  const isShown = cut.afterOp < lastInputUse(program);
  return isShown || !withinLeakage(leakage?.get(cut.afterOp) ?? null, limits) ? "leakage" : null;
}

/** Why nothing was found, with what would help. */
function impossible(rows: readonly CutRow[], { stages, profile }: CutOptions): Error {
  const open = rows.filter(({ refused }) => refused === null);
  const count = (why: CutRow["refused"]) => rows.filter(({ refused }) => refused === why).length;
  const legal = `${rows.length} cuts are legal, ${count("size")} of them too large and ${count("leakage")} above the leakage limit`;
  const smallest = rows.toSorted((a, b) => a.bytes - b.bytes || a.afterOp - b.afterOp)[0];
  const hint = smallest === undefined ? "" : `; the smallest is after operator ${smallest.afterOp}`;
  const why =
    open.length < stages - 1 ? `${legal}${hint}` : `no choice of cuts fits ${profile.memoryBytes} bytes of memory`;
  return new PlanError("CUTS_IMPOSSIBLE", { stages, why });
}

/**
 * Author time (split.md §3): where to cut `program` into `stages` stages so that the slowest is as fast as possible on
 * identical reference workers; then least in sum; then earliest cuts. Exact in the slowest stage, integers only.
 * Errors: CUTS_IMPOSSIBLE, PLAN_INPUT_INVALID.
 */
export function searchCuts(program: Program, analysis: Analysis, options: CutOptions): CutResult {
  const { stages: count, profile, leakage } = options;
  if (!Number.isInteger(count) || count < 1 || count > MAX_PLAN_STAGES)
    throw new PlanError("PLAN_INPUT_INVALID", { why: `${count} stages asked for` });
  const cuts = legalCuts(program, analysis);
  const atoms = programAtoms(program, analysis);
  let macsBefore = 0;
  const rows = cuts.map((cut, index): CutRow => {
    macsBefore += Object.values(sumMacs(atoms.slice(index, index + 1), profile.batch)).reduce((a, b) => a + b, 0);
    const figures = leakage?.get(cut.afterOp) ?? null;
    return { ...cut, macsBefore, leakage: figures, refused: refusal(cut, program, options), isChosen: false };
  });
  const n = atoms.length;
  interface State {
    readonly max: bigint;
    readonly sum: bigint;
    readonly from: number;
    readonly ns: bigint;
  }
  // best[k][to]: the first `to` atoms as k stages.
  const best: (State | null)[][] = [[{ max: 0n, sum: 0n, from: 0, ns: 0n }]];
  for (let k = 1; k <= count; k++) {
    const row: (State | null)[] = Array.from({ length: n + 1 }, () => null);
    for (let to = k; to <= n; to++) {
      if (to < n && rows[to - 1]?.refused !== null) continue;
      for (let from = k - 1; from < to; from++) {
        const before = best[k - 1]?.[from] ?? null;
        if (before === null) continue;
        const stage = stageOf(atoms, from, to, profile);
        if (runBytes([stage]) > profile.memoryBytes) continue;
        const ns = entryNs(stage, profile.rates) + stageNs(stage, profile.rates);
        const [max, sum] = [ns > before.max ? ns : before.max, before.sum + ns];
        const known = row[to] ?? null;
        if (known === null || max < known.max || (max === known.max && sum < known.sum))
          row[to] = { max, sum, from, ns };
      }
    }
    best.push(row);
  }
  const chosen: number[] = [];
  const times: number[] = [];
  for (let [k, to] = [count, n]; k > 0; k--) {
    const state = best[k]?.[to] ?? null;
    if (state === null) throw impossible(rows, options);
    times.unshift(Number(state.ns));
    if (state.from > 0) chosen.unshift(cuts[state.from - 1]?.afterOp ?? 0);
    to = state.from;
  }
  return {
    cuts: chosen,
    stageNs: times,
    table: rows.map((row) => ({ ...row, isChosen: chosen.includes(row.afterOp) })),
  };
}
