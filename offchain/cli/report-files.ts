// SPDX-License-Identifier: GPL-3.0-or-later
import type { Check } from "../core/check.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";

interface FileReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** Reports on many files as they come: one line each, then how many there were. */
export class FileReports {
  readonly #io: Io;
  readonly #what: string;
  readonly #start = performance.now();
  #files = 0;
  #bad = 0;

  /** `what`: "receipts". */
  constructor(io: Io, what: string) {
    this.#io = io;
    this.#what = what;
  }

  add(file: string, report: FileReport): void {
    const failed = report.checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
    this.#io.item({ file, ...report }, report.ok ? `ok     ${file}` : `FAILED ${file}: ${failed.join("; ")}`);
    this.#files++;
    if (!report.ok) this.#bad++;
  }

  /** `engine`: which arithmetic it was. */
  end(engine: string): ExitCode {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(1);
    this.#io.note(`${this.#files} ${this.#what}, ${this.#bad} not valid; ${seconds} s (${engine})`);
    return this.#bad === 0 ? EXIT.done : EXIT.failed;
  }
}
