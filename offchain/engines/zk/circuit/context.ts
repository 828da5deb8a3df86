// SPDX-License-Identifier: GPL-3.0-or-later
import type { Analysis, OpInfo, ValueInfo } from "../../../core/program/analyse.ts";
import type { LinearOperator } from "../../../core/program/linear-operators.ts";
import type { Op, Program } from "../../../core/program/types.ts";
import type { Form } from "./forms.ts";
import type { LinearChecks } from "./linear-checks.ts";
import type { Lookups } from "./lookups.ts";
import type { Netlist } from "./netlist.ts";
import type { Plan, PlainRange } from "./plan/choose.ts";
import type { RangeShapes } from "./plan/range-shapes.ts";
import type { SiteClass } from "./plan/sites.ts";

/** What a layer sees while the circuit is linked. */
export interface BuildContext {
  readonly net: Netlist;
  readonly lookups: Lookups;
  readonly shapes: RangeShapes;
  readonly plan: Plan;
  /** The point of every random combination; the constant 0 without challenges. */
  readonly rho: Form;
  readonly challenges: boolean;
  /** Linear-check mode only. */
  readonly checks: LinearChecks | null;
}

/** One operator in its program. `index` is its value's number too, after the inputs. */
export interface LayerFrame<O extends Op = Op> {
  readonly program: Program;
  readonly analysis: Analysis;
  readonly op: O;
  readonly info: OpInfo;
  readonly sources: readonly ValueInfo[];
  /** Number of the operator's value. */
  readonly value: number;
  /** Weights and biases of dense and conv are committed wires, not constants. */
  readonly privateWeights: boolean;
  /** In linear-check mode, an operator with weights as one matrix. */
  readonly check: LinearOperator | undefined;
}

/** Collects what the plan decides about. */
export interface DemandBuilder {
  /** False in the one-round backend: no random combinations, no lookups. */
  readonly challenges: boolean;
  site(site: SiteClass, count: number): void;
  range(range: PlainRange): void;
  /** Lookups of (x, f(x)) for x in [first, last], whatever the plan. */
  pair(functionKey: string, first: bigint, last: bigint, count: number): void;
  /** Constraints that no choice changes. */
  fixed(count: number): void;
}

/** A kind of operator as a circuit: what it costs and how it is linked. `layers/registry.ts` lists them. */
export interface Layer<O extends Op = Op> {
  demand(frame: LayerFrame<O>, demand: DemandBuilder): void;
  /** Element forms of the operator's value from those of its inputs. */
  build(frame: LayerFrame<O>, inputs: readonly (readonly Form[])[], context: BuildContext): readonly Form[];
}
