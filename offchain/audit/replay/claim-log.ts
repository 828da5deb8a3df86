// SPDX-License-Identifier: GPL-3.0-or-later
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { AuditError } from "../errors.ts";
import { findingOf, type Claim, type Finding } from "./claims.ts";

/** Claims in the order in which they were judged. */
export interface ClaimLog {
  readonly claims: readonly Claim[];
  has(id: string): boolean;
  /** Judges a claim unless an earlier run did. A typed error about hostile content is a false claim about `artefact`. */
  judge(id: string, says: string, artefact: string, test: () => Finding | Promise<Finding>): Promise<void>;
}

/** Where an audit writes each verdict as it is found, so that an interrupted one goes on. */
export const PROGRESS_FILE = "progress.jsonl";

/** An audit that keeps nothing. */
export const createMemoryLog = (onClaim?: (claim: Claim) => void): ClaimLog =>
  createLog([], (claim) => onClaim?.(claim));

/**
 * An audit whose verdicts are kept in a file. `subject` names bundle, program and options: verdicts of another audit are refused, and a
 * last line that was cut off is judged again. Error: PROGRESS_MISFIT.
 */
export function createFileLog(file: string, subject: string, onClaim?: (claim: Claim) => void): ClaimLog {
  const kept: Claim[] = [];
  if (existsSync(file)) {
    const lines = readFileSync(file, "utf8").split("\n");
    if (lines[0] !== subject)
      throw new AuditError("PROGRESS_MISFIT", { file, why: "of another bundle or other options" });
    lines.pop(); // after the last line feed: nothing, or half a line
    for (const line of lines.slice(1)) kept.push(JSON.parse(line) as Claim);
  }
  writeFileSync(file, [subject, ...kept.map((claim) => JSON.stringify(claim)), ""].join("\n"));
  return createLog(kept, (claim) => {
    appendFileSync(file, `${JSON.stringify(claim)}\n`);
    onClaim?.(claim);
  });
}

function createLog(kept: readonly Claim[], save: (claim: Claim) => void): ClaimLog {
  const claims = [...kept];
  const has = (id: string): boolean => claims.some((claim) => claim.id === id);
  return {
    claims,
    has,
    judge: async (id, says, artefact, test) => {
      if (has(id)) return;
      let finding: Finding;
      try {
        finding = await test();
      } catch (error) {
        finding = findingOf(error, artefact);
      }
      const claim = { id, says, ...finding };
      claims.push(claim);
      save(claim);
    },
  };
}
