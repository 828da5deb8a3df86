// SPDX-License-Identifier: GPL-3.0-or-later
// What a committee's faults lead to, from first principles: numbers of honest, lying and missing seats alone, without a
// line of core.
import type { Role } from "./play.ts";

/** How round 0 of a one-stage job ends. */
export type Verdict = "right" | "right, window" | "lie" | "lie, window" | "hung" | "expired";

export type Expected = {
  readonly verdict: Verdict;
  /** Whether a correct answer stands once an honest, outvoted seat has challenged before a committee that is honest. */
  readonly appealed: "right" | "lie" | "expired" | "unresolved";
};

const least = (k: number): number => Math.ceil((2 * k) / 3);

/** Seats that bind themselves in time. A copier needs somebody to copy. */
export function comers(roles: readonly Role[]): number {
  const alone = roles.filter((role) => role !== "silent" && role !== "copying").length;
  return alone === 0 ? 0 : alone + roles.filter((role) => role === "copying").length;
}

/** Equivocating seats answer rightly here, and lose all for what they signed besides. */
export function expectedOf(roles: readonly Role[]): Expected {
  const q = least(roles.length);
  const right = roles.filter((role) => role === "honest" || role === "equivocating").length;
  const honest = roles.includes("honest");
  const lies = roles.filter((role) => role === "wrong").length;
  if (comers(roles) < q) return { verdict: "expired", appealed: "expired" };
  if (right >= q) return { verdict: lies > 0 ? "right, window" : "right", appealed: "right" };
  // A lie stands where the liars are a quorum; one honest seat takes it to the next committee.
  if (lies >= q) return { verdict: right > 0 ? "lie, window" : "lie", appealed: honest ? "right" : "lie" };
  if (right > 0 && lies > 0) return { verdict: "hung", appealed: honest ? "right" : "unresolved" };
  return { verdict: "expired", appealed: "expired" };
}

/** All ways to cast `n` seats of which the first may differ: its role, times the multisets of the others. */
export function castings(n: number, roles: readonly Role[]): Role[][] {
  const multisets = (count: number, from: number): Role[][] =>
    count === 0
      ? [[]]
      : roles.flatMap((role, i) => (i < from ? [] : multisets(count - 1, i).map((rest) => [role, ...rest])));
  return roles.flatMap((first) => multisets(n - 1, 0).map((rest) => [first, ...rest]));
}

/** All `roles.length ** n` ways. */
export function everyCasting(n: number, roles: readonly Role[]): Role[][] {
  return n === 0 ? [[]] : everyCasting(n - 1, roles).flatMap((rest) => roles.map((role) => [...rest, role]));
}
