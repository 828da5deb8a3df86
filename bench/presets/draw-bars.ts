// SPDX-License-Identifier: GPL-3.0-or-later

interface Bar {
  readonly name: string;
  /** Stacked, in the order of the legend. */
  readonly parts: readonly number[];
  /** A mark of its own, such as the 95th percentile. */
  readonly whisker: number;
}

interface Bars {
  readonly title: string;
  readonly unit: string;
  readonly parts: readonly string[];
  readonly bars: readonly Bar[];
}

const [WIDTH, LEFT, RIGHT, TOP, STEP] = [760, 240, 40, 64, 26];
// Told apart by those who see no red or green too (Okabe and Ito).
const COLOURS = ["#56b4e9", "#e69f00", "#0072b2", "#cccccc"];

/** Stacked bars as SVG: plain text, the same for the same numbers. */
export function drawBars({ title, unit, parts, bars }: Bars): string {
  const most = Math.max(...bars.map((bar) => Math.max(bar.whisker, total(bar))));
  const step = [1, 2, 5, 10, 20, 50].find((size) => most / size <= 8) ?? 100;
  const end = Math.ceil(most / step) * step;
  const at = (value: number): number => LEFT + (value / end) * (WIDTH - LEFT - RIGHT);
  const height = TOP + bars.length * STEP + 30;
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="22" font-size="14" font-weight="bold">${title}</text>`,
  ];
  for (const [i, part] of parts.entries())
    out.push(
      `<rect x="${16 + 180 * i}" y="36" width="12" height="12" fill="${COLOURS[i]}"/>`,
      `<text x="${34 + 180 * i}" y="46">${part}</text>`,
    );
  for (let tick = 0; tick <= end; tick += step)
    out.push(
      `<path d="M${at(tick).toFixed(1)} ${TOP - 4}V${height - 26}" stroke="#ddd"/>`,
      `<text x="${at(tick).toFixed(1)}" y="${height - 10}" text-anchor="middle">${tick} ${unit}</text>`,
    );
  for (const [row, bar] of bars.entries()) {
    const y = TOP + row * STEP;
    out.push(`<text x="${LEFT - 8}" y="${y + 14}" text-anchor="end">${bar.name}</text>`);
    let from = 0;
    for (const [i, part] of bar.parts.entries()) {
      out.push(
        `<rect x="${at(from).toFixed(1)}" y="${y + 2}" width="${(at(part) - at(0)).toFixed(1)}" height="16" fill="${COLOURS[i]}"/>`,
      );
      from += part;
    }
    out.push(`<path d="M${at(bar.whisker).toFixed(1)} ${y}v20" stroke="#d55e00" stroke-width="2"/>`);
  }
  return `${out.join("\n")}\n</svg>\n`;
}

const total = ({ parts }: Bar): number => parts.reduce((sum, part) => sum + part, 0);
