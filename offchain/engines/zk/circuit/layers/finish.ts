// SPDX-License-Identifier: GPL-3.0-or-later
import type { Finish } from "../../../../core/program/types.ts";
import type { BuildContext, DemandBuilder, LayerFrame } from "../context.ts";
import { CircuitError } from "../errors.ts";
import type { Form } from "../forms.ts";
import { clamp, EQUAL } from "../gadgets.ts";
import { STEP_CLAMP, STEP_EXCESS, STEP_FUNCTION, STEP_LIMB, STEP_VALUE, type Source } from "../netlist.ts";
import {
  clampedRange,
  clampRanges,
  clampWraps,
  functionSteps,
  functionValue,
  siteClass,
  stepRange,
  type SiteClass,
} from "../plan/sites.ts";

/** Site of each channel of an operator with a `finish`; `null` for an exact one. */
export function siteClasses(frame: LayerFrame, finish: Finish, channels: number): readonly SiteClass[] | null {
  if (finish.kind === "exact") return null;
  const bounds = frame.info.bounds ?? [];
  return Array.from({ length: channels }, (_, channel) => {
    const interval = bounds[bounds.length === 1 ? 0 : channel];
    if (interval === undefined) throw new CircuitError("LINK_INVALID", { reason: `${frame.info.name} has no bounds` });
    return siteClass(finish, channel, interval);
  });
}

export function demandSites(classes: readonly SiteClass[] | null, perChannel: number, demand: DemandBuilder): void {
  for (const site of classes ?? []) demand.site(site, perChannel);
}

/** q = clamp(h) at one site by ranges (forms R, RT): the wire and everything that binds it. */
function clampSite(context: BuildContext, t: Form, site: SiteClass, q: Form): void {
  const { net, lookups, shapes } = context;
  const { forms } = net;
  const ranges = clampRanges(site, shapes);
  if (clampWraps(site, ranges))
    throw new CircuitError("NOT_PROVABLE", { reason: `a clamp by ${site.shift} bits could wrap around the field` });
  const { shift, function: fn } = site;
  const power = 1n << BigInt(shift);
  const { lo, hi } = clampedRange(site);
  // lo − h = floor((2^s·lo + 2^s − 1 − t) / 2^s)
  const lower = forms.difference(forms.constant(power * BigInt(fn.lo) + power - 1n), t);
  const under = ranges.under === null ? forms.zero : net.advice(STEP_EXCESS, lower, shift, 0);
  const upper = forms.sum(t, forms.constant(-power * BigInt(fn.hi)));
  const over = ranges.over === null ? forms.zero : net.advice(STEP_EXCESS, upper, shift, 0);
  const { rest: [rest = t] = [] } = net.stamp(clamp(shift, BigInt(fn.lo), BigInt(fn.hi)), { t, y: q, under, over });
  if (ranges.rest === null) net.stamp(EQUAL, { a: rest, b: forms.zero });
  else lookups.range(rest, ranges.rest);
  if (ranges.under !== null) lookups.range(under, ranges.under);
  if (ranges.over !== null) lookups.range(over, ranges.over);
  const above = forms.sum(q, forms.constant(-lo));
  if (ranges.whole !== null) lookups.range(above, ranges.whole);
  if (ranges.below !== null) lookups.range(above, ranges.below);
  if (ranges.above !== null) lookups.range(forms.difference(forms.constant(hi), q), ranges.above);
}

/** Form S: y with the first and last key of its step, and t between them. */
function stepSite(context: BuildContext, t: Form, site: SiteClass, source: Source): Form {
  const { net, lookups, shapes, plan } = context;
  const { forms } = net;
  const { shift, function: fn } = site;
  const hull = plan.stepHulls.get(fn.key) ?? { lo: site.hMin, hi: site.hMax };
  const [first, last] = [Number(hull.lo), Number(hull.hi)];
  const steps = functionSteps(fn, first, last);
  const end = (of: "first" | "last") => {
    const values = new Int32Array(last - first + 1);
    for (const step of steps) values.fill(step[of], step.first - first, step.last - first + 1);
    return net.advice(STEP_FUNCTION, t, net.functions.push({ first, values }) - 1, shift);
  };
  const y = net.source(source);
  const [lower, upper] = [end("first"), end("last")];
  lookups.step(fn, [y, lower, upper], t, shift, hull);
  const power = 1n << BigInt(shift);
  const range = stepRange(hull, shift, shapes);
  lookups.range(
    forms.combine([
      [t, 1n],
      [lower, -power],
    ]),
    range,
  );
  lookups.range(
    forms.combine([
      [upper, power],
      [forms.one, power - 1n],
      [t, -1n],
    ]),
    range,
  );
  return y;
}

/** y of one site from its accumulator, in the form that the plan chose. `source`: where y's value comes from. */
export function finishSite(context: BuildContext, acc: Form, site: SiteClass, source: Source): Form {
  const { net, lookups, shapes, plan } = context;
  const { forms } = net;
  const { shift, function: fn } = site;
  const { lo, hi } = clampedRange(site);
  const form = plan.forms.get(site.key);
  const t = shift === 0 ? acc : forms.sum(acc, forms.constant(1n << BigInt(shift - 1)));
  switch (form) {
    case "constant":
      return forms.constant(functionValue(fn)(Number(lo)));
    case "R": {
      const y = net.source(source);
      clampSite(context, t, site, y);
      return y;
    }
    case "RT": {
      const q = net.advice(STEP_CLAMP, t, shift, net.limits.push([Number(lo), Number(hi)]) - 1);
      clampSite(context, t, site, q);
      const y = net.source(source);
      lookups.pair(fn, [lo, hi], q, y);
      return y;
    }
    case "T": {
      const rest = shift === 0 ? forms.zero : net.advice(STEP_LIMB, t, 0, shift);
      const y = net.source(source);
      if (shift > 0) lookups.range(rest, shapes.exact(shift));
      lookups.requantised(fn, [site.hMin, site.hMax], shift, t, rest, y);
      return y;
    }
    case "S":
      return stepSite(context, t, site, source);
    case undefined:
      throw new CircuitError("LINK_INVALID", { reason: `no form was planned for a site of value ${source.p}` });
  }
}

/** All elements of an operator; element e belongs to channel floor(e / inner) mod channels. */
export function finishAll(
  context: BuildContext,
  accumulators: readonly Form[],
  classes: readonly SiteClass[] | null,
  inner: number,
  value: number,
): readonly Form[] {
  if (classes === null) return accumulators;
  return accumulators.map((acc, e) =>
    finishSite(context, acc, classes[Math.floor(e / inner) % classes.length] as SiteClass, {
      kind: STEP_VALUE,
      p: value,
      q: e,
    }),
  );
}
