// SPDX-License-Identifier: GPL-3.0-or-later
import type { CellResult } from "./cell.ts";
import * as forms from "./closed-forms.ts";
import type { Planned } from "./plan.ts";
import { FEE_BPS } from "./settlements.ts";

/** Comparisons are many: 99.9% of a normal distribution lies within so many standard errors. */
const Z = 3.29;
const POKE = 0.05;

export type Comparison = {
  readonly metric: string;
  readonly simulated: number;
  readonly closed: number;
  /** How far a true simulation may stray, by the closed form's own deviation. */
  readonly slack: number;
  readonly agrees: boolean;
};

function mean(metric: string, simulated: number, form: forms.Form, jobs: number): Comparison {
  // An event that is expected less than once may still occur once: the deviation says what that costs.
  const slack = (Z * form.deviation) / Math.sqrt(jobs) + 1e-9 * Math.abs(form.mean) + 1e-6;
  return { metric, simulated, closed: form.mean, slack, agrees: Math.abs(simulated - form.mean) <= slack };
}

function share(metric: string, simulated: number, closed: number, jobs: number): Comparison {
  const slack = Z * Math.sqrt((closed * (1 - closed)) / jobs) + 1.5 / jobs;
  return { metric, simulated, closed, slack, agrees: Math.abs(simulated - closed) <= slack };
}

/** What the closed forms say about a cell, beside what happened in it. Cells without a formula give nothing. */
export function compare(plan: Planned, result: CellResult): Comparison[] {
  const { k, stages = 1, auditBps = 0, insured = 0, workers, outage = 0, watched = 0 } = plan;
  const { jobs } = result;
  const [first] = plan.groups;
  const actor = result.groups[0];
  const audited = auditBps / 10_000;
  if (first === undefined || actor === undefined) {
    const list = [
      share("fast path", result.fast.value, forms.fastPath(k * stages, outage), jobs),
      share("no quorum", result.noQuorum.value, forms.noQuorum(k, outage, stages), jobs),
    ];
    if (outage !== 0) return list;
    if (audited > 0)
      return [...list, mean("cost", result.cost.value, forms.sampledCost(k, audited, FEE_BPS / 10_000, POKE), jobs)];
    const cost = { mean: forms.voteCost(k * stages, FEE_BPS / 10_000, POKE), deviation: 0 };
    return [...list, mean("cost", result.cost.value, cost, jobs)];
  }
  if (outage !== 0 || watched !== 0 || plan.groups.length > 1 || stages > 1) return [];
  const stake = plan.stake ?? 4 * (2 * k + 1);
  const attack = { workers, members: Math.round(first.share * workers), k, stake, insured };
  const gain = (form: forms.Form) => mean("gain", actor.gain.value, form, jobs);
  const attacked = (form: forms.Form & { readonly wrong: number }) => [
    gain(form),
    share("wrong results", result.wrong.value, form.wrong, jobs),
  ];
  switch (first.behaviour.name) {
    case "coalition, any capture":
      return [
        ...attacked(forms.anyCapture(attack)),
        share(
          "challenged",
          result.challenged.value,
          forms.capture(workers, attack.members, k) - forms.allSeats(attack).wrong,
          jobs,
        ),
      ];
    case "coalition, all seats only":
      return attacked(forms.allSeats(attack));
    case "re-rolling requester":
      return [gain(forms.reroll(attack, FEE_BPS / 10_000, POKE))];
    case "lying primary":
      // The lottery's luck is taken out of the simulated gain, so it strays less than this allows.
      return attacked(forms.lyingPrimary(attack, audited));
    case "lazy":
      return attack.members === 1 ? [gain(forms.alone(workers, k, stake + 1))] : [];
    case "copies a commitment":
    case "withholder":
      return attack.members === 1 ? [gain(forms.alone(workers, k, stake / 2 + 1))] : [];
    case "absentee":
    case "waits to copy an opening":
      return attack.members === 1 ? [gain(forms.alone(workers, k, 3))] : [];
    case "frivolous challenger":
      return attack.members === 0 ? [gain(forms.frivolous(k))] : [];
    default:
      return [];
  }
}
