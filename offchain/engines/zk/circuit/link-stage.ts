// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf, type Analysis } from "../../../core/program/analyse.ts";
import type { LinearOperator } from "../../../core/program/linear-operators.ts";
import { inputsOf, type Program } from "../../../core/program/types.ts";
import { BitLookups } from "./bit-lookups.ts";
import {
  boundaryOf,
  fingerprint,
  fingerprintCost,
  foldCost,
  intervalRanges,
  packWords,
  saltedDigest,
  signedByte,
  WORD_COST,
  wordBytes,
  wordCount,
} from "./boundaries.ts";
import type { Cell } from "./cells/cell.ts";
import type { BuildContext, LayerFrame } from "./context.ts";
import { CircuitError } from "./errors.ts";
import type { Form } from "./forms.ts";
import { CONTEXT, EQUAL } from "./gadgets.ts";
import { layerOf } from "./layers/registry.ts";
import { LinearChecks, linearWordCount } from "./linear-checks.ts";
import { TableLookups } from "./lookups.ts";
import { Netlist, STEP_CONTEXT, STEP_FORM, STEP_VALUE } from "./netlist.ts";
import type { Plan } from "./plan/choose.ts";
import { Demands } from "./plan/demands.ts";
import { BitShapes, TableShapes } from "./plan/range-shapes.ts";
import type { CircuitBoundary, CircuitOptions } from "./types.ts";

/** zk.md section 1: longer PUBLIC boundaries are published as SALTED ones with their salt. */
const MAX_PUBLIC_BYTES = 8192;
/** split.md: what a SALTED boundary may hold. */
const MAX_SALTED_BYTES = 256 * 1024;

/** One stage with everything that planning and linking ask about it. */
export interface StageJob {
  readonly program: Program;
  readonly analysis: Analysis;
  readonly boundaries: readonly CircuitBoundary[];
  /** Two rounds: lookups and fingerprint. */
  readonly challenges: boolean;
  readonly privateWeights: boolean;
  /** The operators with linear checks; none outside that mode. */
  readonly checks: readonly LinearOperator[];
}

const frames = ({ program, analysis, privateWeights, checks }: StageJob): LayerFrame[] =>
  program.ops.map((op, i) => ({
    program,
    analysis,
    op,
    info: analysis.ops[i] as LayerFrame["info"],
    sources: inputsOf(op).map((value) => analysis.values[value] as LayerFrame["sources"][number]),
    value: program.inputs.length + i,
    privateWeights,
    check: checks.find(({ op: at }) => at === i),
  }));

export function boundariesOf(program: Program, analysis: Analysis, options: CircuitOptions): CircuitBoundary[] {
  const refuse = (reason: string) => new CircuitError("NOT_PROVABLE", { reason });
  if (options.inKinds.length !== program.inputs.length)
    throw refuse(`${program.inputs.length} input kinds expected, ${options.inKinds.length} given`);
  const values = [...program.inputs.keys(), program.output];
  return values.map((value, i) => {
    const info = analysis.values[value];
    const kind = [...options.inKinds, options.outKind][i];
    if (info === undefined || (kind !== "PUBLIC" && kind !== "SALTED")) throw refuse(`boundary ${i} is ${kind}`);
    const boundary = boundaryOf(info, i < program.inputs.length ? 0 : 1, kind);
    const limit = kind === "PUBLIC" ? MAX_PUBLIC_BYTES : MAX_SALTED_BYTES;
    if (boundary.dataLength > limit)
      throw refuse(`a ${kind} boundary has ${boundary.dataLength} bytes, at most ${limit}`);
    return boundary;
  });
}

/** All that the plan weighs: sites of the layers, ranges of the boundaries. */
export function demandOf(job: StageJob): Demands {
  const { program, analysis, boundaries } = job;
  const demand = new Demands(job.challenges);
  program.inputs.forEach(({ dtype, lo, hi, dims }, i) => {
    demand.input(dtype, lo, hi, elementsOf(dims), `in ${i}`);
  });
  for (const frame of frames(job)) layerOf(frame.op).demand(frame, demand);
  const output = analysis.values[program.output];
  if (output !== undefined) demand.output(output, elementsOf(output.dims), WORD_COST);
  for (const boundary of boundaries) demand.fixed(foldCost(boundary));
  const words = boundaries.reduce((sum, boundary) => sum + wordCount(boundary), linearWordCount(job.checks));
  demand.fixed(job.challenges ? fingerprintCost(words) : words + 1);
  return demand;
}

/** Forms of a boundary's data bytes from those of its elements. */
function dataBytes(
  context: BuildContext,
  job: StageJob,
  value: number,
  elements: readonly Form[],
  name: string,
): Form[] {
  const { analysis, program } = job;
  const info = analysis.values[value];
  const input = program.inputs[value];
  const [lo, hi] = [info?.lo ?? 0n, info?.hi ?? 0n];
  const wide = input?.dtype === "i32" || (input === undefined && info?.dtype === "i32");
  return elements.flatMap((x) => {
    if (wide) {
      const bytes = wordBytes(context, x);
      if (input !== undefined) intervalRanges(context, x, lo, hi);
      return bytes;
    }
    if (lo >= 0n) {
      if (input !== undefined) intervalRanges(context, x, lo, hi);
      return [x];
    }
    const through = context.plan.signed.get(name) ?? "sign";
    const byte = signedByte(context, x, [lo, hi], through);
    if (input !== undefined && through === "sign") signedEdges(context, x, lo, hi);
    return [byte];
  });
}

/** Declared range of a signed input, where the byte's own [-128, 127] is wider. */
function signedEdges({ net, lookups, shapes }: BuildContext, x: Form, lo: bigint, hi: bigint): void {
  const { forms } = net;
  if (lo > -128n) lookups.range(forms.sum(x, forms.constant(-lo)), shapes.loose(8));
  if (hi < 127n) lookups.range(forms.difference(forms.constant(hi), x), shapes.loose(8));
}

interface Publics {
  readonly v: Form | null;
  readonly c: Form;
  readonly rho: Form;
  /** One-round: ctx, then a wire for each word. */
  readonly words: readonly Form[];
}

function publicsOf(net: Netlist, { boundaries, challenges }: StageJob): Publics {
  const { zero } = net.forms;
  if (challenges) {
    const [v, c, rho] = [net.publicWire("v"), net.publicWire("c"), net.publicWire("rho")];
    return { v, c, rho, words: [] };
  }
  const words = boundaries.flatMap((boundary, at) =>
    Array.from({ length: wordCount(boundary) }, (_, i) => `boundary ${at} word ${i}`),
  );
  return { v: null, c: zero, rho: zero, words: ["ctx", ...words].map((name) => net.publicWire(name)) };
}

/** One-round: every word is a public wire, and ctx stands in a constraint of its own. */
function publishWords(net: Netlist, [ctx, ...wires]: readonly Form[], words: readonly Form[]): void {
  if (ctx === undefined) return;
  net.value(ctx, STEP_CONTEXT, null);
  net.stamp(CONTEXT, { ctx });
  for (const [i, wire] of wires.entries()) {
    const word = words[i] ?? net.forms.zero;
    net.value(wire, STEP_FORM, word);
    net.stamp(EQUAL, { a: wire, b: word });
  }
}

/** Links the whole stage into a netlist; without cells a dry run, which finds the gadgets that are needed. */
export function linkStage(
  job: StageJob,
  plan: Plan,
  cells: ReadonlyMap<string, Cell> | null,
  record: boolean,
): Netlist {
  const { program, boundaries, challenges } = job;
  const net = new Netlist(cells, { record });
  const { v, c, rho, words: wires } = publicsOf(net, job);
  const lookups = challenges ? new TableLookups(net, c, rho) : new BitLookups(net);
  const shapes = challenges ? new TableShapes(plan.tables) : new BitShapes();
  const checks = job.checks.length > 0 ? new LinearChecks(net, job.checks) : null;
  const context: BuildContext = { net, lookups, shapes, plan, rho, challenges, checks };
  const { forms } = net;
  const words: Form[] = [];
  const boundary = (value: number, at: number, elements: readonly Form[], name: string) => {
    const { kind, header } = boundaries[at] as CircuitBoundary;
    const bytes = dataBytes(context, job, value, elements, name);
    if (kind === 0) words.push(...packWords(context, bytes));
    else words.push(saltedDigest(context, [...Array.from(header, (byte) => forms.constant(byte)), ...bytes], at));
  };
  const values: (readonly Form[])[] = [];
  program.inputs.forEach(({ dims }, i) => {
    net.part(`input ${i}`);
    const elements = Array.from({ length: elementsOf(dims) }, (_, e) => net.advice(STEP_VALUE, null, i, e));
    values.push(elements);
    boundary(i, i, elements, `in ${i}`);
  });
  for (const frame of frames(job)) {
    net.part(frame.info.name);
    const inputs = inputsOf(frame.op).map((value) => values[value] ?? []);
    values.push(layerOf(frame.op).build(frame, inputs, context));
  }
  net.part("output");
  boundary(program.output, boundaries.length - 1, values[program.output] ?? [], "out");
  net.part(challenges ? "fingerprint" : "publics");
  if (v === null) publishWords(net, wires, words);
  else fingerprint(context, [...(checks?.words ?? []), ...words], v, rho);
  lookups.close();
  return net;
}
