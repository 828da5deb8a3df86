// SPDX-License-Identifier: MIT
import { fromUtf8, isHex } from "../bytes.ts";
import { CoreError } from "../core-errors.ts";
import { canonicalJson } from "../manifest.ts";
import type { NoiseMechanism } from "../noise/mechanism.ts";
import type { Word } from "../tagged-hash.ts";
import type { LeakageFigures } from "./leakage-limits.ts";

/** What the attacks got out of one cut. All shares in millionths, rounded; a lower bound on what can be got. */
export interface LeakageCut extends LeakageFigures {
  /** The last operator before the cut, counted over the whole program. */
  readonly afterOp: number;
  readonly kind: string;
  readonly dims: readonly number[];
  readonly bytes: number;
  /** Recovered variance of each attack; `recoveryPpm` is the largest of everything below that is no baseline. */
  readonly ridgePpm: number;
  readonly ridgeExponent: number;
  readonly mlpPpm: number;
  /** Tabular data: the attribute that is recovered best. */
  readonly worstAttributePpm: number | null;
  /** Text: share of tokens named correctly. */
  readonly tokenPpm: number | null;
  /** Labels that a linear probe reads off the boundary. */
  readonly labelPpm: number;
  /** Labels that the program still gives right from the boundary as transmitted. */
  readonly accuracyPpm: number;
}

export interface LeakageReport {
  readonly version: 1;
  readonly warning: typeof LEAKAGE_WARNING;
  /** keccak256 of the whole program's canonical bytes. */
  readonly program: Word;
  readonly modality: "image" | "tabular" | "tokens";
  readonly seed: number;
  readonly auxiliaryRows: number;
  readonly testRows: number;
  readonly passes: number;
  /** Added to every boundary before it was attacked. */
  readonly noise: NoiseMechanism | null;
  /** Recovered variance of a guess that knows nothing but the label. */
  readonly classMeanPpm: number;
  readonly cuts: readonly LeakageCut[];
}

export const LEAKAGE_WARNING = "lower bound: better attacks recover more";
export const LEAKAGE_FILE = "leakage.json";
export const MAX_LEAKAGE_REPORT_BYTES = 1 << 20;

/** The text of `leakage.json`; its hash is in the accuracy report. */
export const encodeLeakageReport = (report: LeakageReport): string => canonicalJson(report);

const refuse = (why: string) => new CoreError("NOT_CANONICAL", { what: "The leakage report", why });

const COUNTS = ["ridgePpm", "mlpPpm", "labelPpm", "accuracyPpm", "recoveryPpm", "dcorPpm"] as const;
const NAMES =
  "afterOp kind dims bytes ridgePpm ridgeExponent mlpPpm worstAttributePpm tokenPpm labelPpm accuracyPpm recoveryPpm dcorPpm".split(
    " ",
  );

const isPpm = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1_000_000;

function checkCut(value: unknown, index: number, after: number): void {
  const where = `cut ${index}`;
  if (typeof value !== "object" || value === null) throw refuse(`${where} is no object`);
  const cut = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(cut);
  if (keys.length !== NAMES.length || !NAMES.every((name) => keys.includes(name)))
    throw refuse(`${where} has other fields`);
  if (!COUNTS.every((name) => isPpm(cut[name]))) throw refuse(`${where} has a share outside 0 to 10^6`);
  const optional = [cut["worstAttributePpm"], cut["tokenPpm"]];
  if (!optional.every((share) => share === null || isPpm(share)))
    throw refuse(`${where} has a share outside 0 to 10^6`);
  const shares = [cut["ridgePpm"], cut["mlpPpm"], ...optional].map((share) => Number(share ?? 0));
  // What limits are compared with must be the worst that the report itself knows.
  if (cut["recoveryPpm"] !== Math.max(...shares)) throw refuse(`${where} understates its recovery`);
  if (!Number.isInteger(cut["afterOp"]) || Number(cut["afterOp"]) <= after) throw refuse(`${where} is out of order`);
}

/** Reads `leakage.json` from anyone. It does not say that the figures are right: measure again. Error: NOT_CANONICAL. */
export function decodeLeakageReport(bytes: Uint8Array): LeakageReport {
  if (bytes.length > MAX_LEAKAGE_REPORT_BYTES) throw refuse("it is too large");
  const text = fromUtf8(bytes, "The leakage report");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CoreError("NOT_CANONICAL", { what: "The leakage report", why: "it is not JSON" }, { cause });
  }
  if (typeof json !== "object" || json === null) throw refuse("it is no object");
  const report = json as LeakageReport;
  if (report.version !== 1 || report.warning !== LEAKAGE_WARNING) throw refuse("its version is unknown");
  if (!isHex(report.program, 32)) throw refuse("it names no program");
  if (!Array.isArray(report.cuts) || report.cuts.length > 1024) throw refuse("it has no list of cuts");
  report.cuts.forEach((cut: unknown, index) => checkCut(cut, index, report.cuts[index - 1]?.afterOp ?? -1));
  if (canonicalJson(json) !== text) throw refuse("it is in another form");
  return report;
}

/** The figures of the boundary after an operator of the whole program; null if the report does not speak about it. */
export function leakageAfter(report: LeakageReport, afterOp: number): LeakageFigures | null {
  return report.cuts.find((cut) => cut.afterOp === afterOp) ?? null;
}
