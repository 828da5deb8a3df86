// SPDX-License-Identifier: MIT
import { fromUtf8, isHex } from "../bytes.ts";
import { CoreError } from "../core-errors.ts";
import { canonicalJson } from "../manifest.ts";
import { checkMechanism, type NoiseMechanism } from "../noise/mechanism.ts";
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
/** Fewer rows make weak attacks, and small figures. */
export const LEAST_AUXILIARY_ROWS = 1000;
export const LEAST_TEST_ROWS = 500;

/** The text of `leakage.json`; its hash is in the accuracy report. */
export const encodeLeakageReport = (report: LeakageReport): string => canonicalJson(report);

const refuse = (why: string) => new CoreError("NOT_CANONICAL", { what: "The leakage report", why });

const COUNTS = ["ridgePpm", "mlpPpm", "labelPpm", "accuracyPpm", "recoveryPpm", "dcorPpm"] as const;
const NAMES =
  "afterOp kind dims bytes ridgePpm ridgeExponent mlpPpm worstAttributePpm tokenPpm labelPpm accuracyPpm recoveryPpm dcorPpm".split(
    " ",
  );

const REPORT_NAMES =
  "version warning program modality seed auxiliaryRows testRows passes noise classMeanPpm cuts".split(" ");
const MODALITIES: readonly unknown[] = ["image", "tabular", "tokens"];

const hasOnly = (value: object, names: readonly string[]): boolean => {
  const keys = Object.keys(value);
  return keys.length === names.length && names.every((name) => keys.includes(name));
};
const isPpm = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1_000_000;

function checkCut(value: unknown, index: number, after: number): void {
  const where = `cut ${index}`;
  if (typeof value !== "object" || value === null) throw refuse(`${where} is no object`);
  const cut = value as Readonly<Record<string, unknown>>;
  if (!hasOnly(cut, NAMES)) throw refuse(`${where} has other fields`);
  if (!COUNTS.every((name) => isPpm(cut[name]))) throw refuse(`${where} has a share outside 0 to 10^6`);
  const optional = [cut["worstAttributePpm"], cut["tokenPpm"]];
  if (!optional.every((share) => share === null || isPpm(share)))
    throw refuse(`${where} has a share outside 0 to 10^6`);
  const shares = [cut["ridgePpm"], cut["mlpPpm"], ...optional].map((share) => Number(share ?? 0));
  // What limits are compared with must be the worst that the report itself knows.
  if (cut["recoveryPpm"] !== Math.max(...shares)) throw refuse(`${where} understates its recovery`);
  if (!Number.isInteger(cut["afterOp"]) || Number(cut["afterOp"]) <= after) throw refuse(`${where} is out of order`);
}

/** What the attacks had to learn from, and the noise that they met. */
function checkSetting(report: LeakageReport): void {
  const { auxiliaryRows, testRows, passes, seed, modality, noise, classMeanPpm } = report;
  const whole = (value: unknown, least: number) => Number.isSafeInteger(value) && Number(value) >= least;
  if (!whole(auxiliaryRows, LEAST_AUXILIARY_ROWS) || !whole(testRows, LEAST_TEST_ROWS) || !whole(passes, 1))
    throw refuse("its attacks saw too little data");
  if (!whole(seed, 0) || !MODALITIES.includes(modality) || !isPpm(classMeanPpm)) throw refuse("its setting is unknown");
  if (noise === null) return;
  if (typeof noise !== "object" || !hasOnly(noise, ["clip", "varianceNumerator", "varianceDenominator"]))
    throw refuse("its noise is unknown");
  checkMechanism(noise);
}

/** Reads `leakage.json` from anyone. It does not say that the figures are right: measure again. Errors: NOT_CANONICAL, NOISE_INVALID. */
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
  if (!hasOnly(json, REPORT_NAMES)) throw refuse("it has other fields");
  const report = json as LeakageReport;
  if (report.version !== 1 || report.warning !== LEAKAGE_WARNING) throw refuse("its version is unknown");
  if (!isHex(report.program, 32)) throw refuse("it names no program");
  checkSetting(report);
  if (!Array.isArray(report.cuts) || report.cuts.length > 1024) throw refuse("it has no list of cuts");
  report.cuts.forEach((cut: unknown, index) => checkCut(cut, index, report.cuts[index - 1]?.afterOp ?? -1));
  if (canonicalJson(json) !== text) throw refuse("it is in another form");
  return report;
}

/**
 * The figures of the boundary after an operator of the whole program; null if the report does not speak about it. `noise`: what is added
 * before the boundary is sent. A report that was measured with other noise says nothing about it: noise makes figures small.
 */
export function leakageAfter(
  report: LeakageReport,
  afterOp: number,
  noise: NoiseMechanism | null = null,
): LeakageFigures | null {
  if (canonicalJson(report.noise) !== canonicalJson(noise)) return null;
  return report.cuts.find((cut) => cut.afterOp === afterOp) ?? null;
}
