// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RapidsnarkResult {
  /** Median of a proof alone under a loaded key where `…-warm` is built, else of the whole program: compare warm with warm. */
  readonly ms: number;
  readonly warm: boolean;
  /** Median of the whole program: start, map the key, prove, write the proof. */
  readonly wholeMs: number;
  /** Peak of the program, the pages of the key that it maps included. */
  readonly rssMiB: number;
  /** snarkjs's formats, so that the caller can check what was measured. */
  readonly proof: unknown;
  readonly publicSignals: readonly string[];
}

interface Ended {
  readonly ms: number;
  readonly peakKiB: number;
  readonly output: string;
}

const POLL_MS = 5;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** The kernel's high-water mark; 0 once the process is gone. */
function highWaterKiB(pid: number): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Watching memory costs the program some of the machine, so timed runs go without. */
async function run(program: string, args: readonly string[], watched: boolean): Promise<Ended> {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const { pid } = child;
  let peak = 0;
  let output = "";
  let said = "";
  const timer =
    watched && pid !== undefined ? setInterval(() => (peak = Math.max(peak, highWaterKiB(pid))), POLL_MS) : undefined;
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (code !== 0) throw new TypeError(`${program} failed: ${said.trim()}`);
    return { ms: performance.now() - start, peakKiB: peak, output };
  } finally {
    clearInterval(timer);
  }
}

/**
 * rapidsnark over a stock key and witness, on all cores as it always does, if ASSAY_RAPIDSNARK names its `prover` (README.md); one that fails
 * is reported and does not end the bench. A stripped two-round key counts as a stock one: the proof lacks the committed wires, whose sums
 * the other side of a comparison makes besides.
 */
export async function rapidsnarkProve(
  zkey: string,
  wtns: string,
  { runs, progress }: { readonly runs: number; readonly progress: (text: string) => void },
): Promise<RapidsnarkResult | undefined> {
  const prover = process.env["ASSAY_RAPIDSNARK"];
  if (prover === undefined || prover === "") {
    progress("peer rapidsnark is not named by ASSAY_RAPIDSNARK, left out. To compare: bench/peers/README.md");
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "assay-rapidsnark-"));
  try {
    return await measure(prover, zkey, wtns, folder, runs);
  } catch (error) {
    progress(`peer rapidsnark failed: ${String(error)}`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  prover: string,
  zkey: string,
  wtns: string,
  folder: string,
  runs: number,
): Promise<RapidsnarkResult> {
  const [proof, publicSignals] = [join(folder, "proof.json"), join(folder, "public.json")];
  // The watched run also brings the files into the page cache.
  let { peakKiB } = await run(prover, [zkey, wtns, proof, publicSignals], true);
  const whole: number[] = [];
  for (let i = 0; i < runs; i++) whole.push((await run(prover, [zkey, wtns, proof, publicSignals], false)).ms);
  let alone = whole;
  const warm = existsSync(`${prover}-warm`);
  if (warm) {
    const { output } = await run(`${prover}-warm`, [zkey, wtns, String(runs)], false);
    const { proveMs, rssKiB } = JSON.parse(output) as { proveMs: number[]; rssKiB: number };
    alone = proveMs;
    // A program of some milliseconds may end between two looks; this one knows its own.
    peakKiB = Math.max(peakKiB, rssKiB);
  }
  return {
    ms: median(alone),
    warm,
    wholeMs: median(whole),
    rssMiB: Math.ceil(peakKiB / 1024),
    proof: JSON.parse(await readFile(proof, "utf8")) as unknown,
    publicSignals: JSON.parse(await readFile(publicSignals, "utf8")) as string[],
  };
}
