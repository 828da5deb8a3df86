// SPDX-License-Identifier: GPL-3.0-or-later
import { flagRate, type Measurement } from "./measure.ts";

export const TAUS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512] as const;

const percent = (share: number): string => (100 * share).toFixed(1);

/** Rate of flags against tau, a column a case: the operating characteristic as a table. */
export function asTable({ cases, tau }: Measurement): string {
  const head = ["tau", ...cases.map(({ name }) => name)];
  const rows = TAUS.map((at) => [
    `${at}${at === tau ? " *" : ""}`,
    ...cases.map(({ needed }) => percent(flagRate(needed, at))),
  ]);
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("  ");
  return [line(head), ...rows.map(line)].join("\n");
}

const COLOURS = ["#2a7", "#c33", "#36c", "#c80", "#849", "#077", "#a55", "#555"];

/** The same as a picture: share of runs flagged (up) against tau (logarithmic, right); the model's own tau is marked. */
export function asSvg({ cases, tau }: Measurement): string {
  const [wide, high, left, top] = [640, 300, 50, 20];
  const x = (at: number) => left + (wide * Math.log2(at + 1)) / Math.log2(513);
  const y = (share: number) => top + high * (1 - share);
  const curve = (needed: readonly number[]) =>
    Array.from({ length: 91 }, (_, i) => Math.floor(2 ** (i / 10)) - 1)
      .filter((at, i, all) => at !== all[i - 1])
      .map((at) => `${x(at).toFixed(1)},${y(flagRate(needed, at)).toFixed(1)}`)
      .join(" ");
  const text = (px: number, py: number, what: string, anchor = "middle") =>
    `<text x="${px.toFixed(0)}" y="${py.toFixed(0)}" text-anchor="${anchor}">${what}</text>`;
  const parts = [
    `<rect x="${left}" y="${top}" width="${wide}" height="${high}" fill="none" stroke="#999"/>`,
    `<line x1="${x(tau).toFixed(1)}" y1="${top}" x2="${x(tau).toFixed(1)}" y2="${top + high}" stroke="#999" stroke-dasharray="4"/>`,
    text(x(tau), top - 6, `τ = ${tau}`),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => text(left - 6, y(share) + 4, `${100 * share} %`, "end")),
    ...[0, 1, 3, 7, 15, 31, 63, 127, 255, 511].map((at) => text(x(at), top + high + 16, `${at}`)),
    text(left + wide / 2, top + high + 34, "τ, steps"),
    ...cases.map(
      ({ needed }, i) =>
        `<polyline points="${curve(needed)}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2"/>`,
    ),
    ...cases.map(({ name }, i) => {
      const py = top + high + 56 + 18 * i;
      return `<line x1="${left}" y1="${py - 4}" x2="${left + 24}" y2="${py - 4}" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2"/>${text(left + 32, py, name, "start")}`;
    }),
  ];
  const height = top + high + 60 + 18 * cases.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + wide + 20} ${height}" font-family="sans-serif" font-size="12"><title>Share of runs flagged against tau</title><rect width="100%" height="100%" fill="#fff"/>\n${parts.join("\n")}\n</svg>\n`;
}
