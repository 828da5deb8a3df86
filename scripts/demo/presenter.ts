// SPDX-License-Identifier: GPL-3.0-or-later

/** Prints what happens, one line an event, with the seconds since the start. */
export interface Presenter {
  title(text: string): void;
  /** Something about one job. */
  job(index: number, stage: string, text: string): void;
  line(text: string): void;
  elapsedMs(): number;
}

export function createPresenter(write: (text: string) => void, nowMs: () => number, color: boolean): Presenter {
  const startMs = nowMs();
  const paint = (code: number, text: string): string => (color ? `\u001B[${code}m${text}\u001B[0m` : text);
  const clock = (): string => paint(2, `${((nowMs() - startMs) / 1000).toFixed(1).padStart(6)} s`);
  return {
    title: (text) => write(`\n${paint(1, text)}\n`),
    line: (text) => write(`${clock()}  ${text}\n`),
    job: (index, stage, text) =>
      write(
        `${clock()}  job ${String(index).padStart(2)}  ${paint(STAGE_COLORS[stage] ?? 0, stage.padEnd(16))}  ${text}\n`,
      ),
    elapsedMs: () => nowMs() - startMs,
  };
}

const STAGE_COLORS: Readonly<Record<string, number>> = { final: 32, fault: 33, slashed: 31, problem: 31, verified: 32 };
