// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../../core/errors.ts";

export type Verdict = "ok" | "false" | "not checkable";

/** One thing that a bundle asserts, and what became of it. */
export interface Claim {
  /** "chain/logs", "job/0x…/draws": unique in a report. */
  readonly id: string;
  /** What is asserted, in words. */
  readonly says: string;
  readonly verdict: Verdict;
  /** The first file that does not fit, with the place in it where that is known; null unless false. */
  readonly artefact: string | null;
  /** What was found, or why it cannot be checked. */
  readonly detail: string;
}

export type Finding = Pick<Claim, "verdict" | "artefact" | "detail">;

export const good = (detail: string): Finding => ({ verdict: "ok", artefact: null, detail });
export const bad = (artefact: string, detail: string): Finding => ({ verdict: "false", artefact, detail });
export const unknown = (detail: string): Finding => ({ verdict: "not checkable", artefact: null, detail });

/** A typed error on hostile content as a finding; what says that the world failed, and bugs, pass on. */
export function findingOf(error: unknown, artefact: string): Finding {
  if (!isAssayError(error) || error.retry !== "never") throw error;
  const named = error.code === "BUNDLE_INVALID" ? String(error.meta["artefact"]) : artefact;
  return bad(named, `${error.code}: ${error.message}`);
}

/** The first failure of some, in order. */
export const firstBad = (findings: readonly Finding[]): Finding | undefined =>
  findings.find(({ verdict }) => verdict === "false");
