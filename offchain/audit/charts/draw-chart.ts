// SPDX-License-Identifier: GPL-3.0-or-later

export type Point = { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number };
/** A line, or dots with their intervals. */
export type Series = {
  readonly name: string;
  readonly points: readonly Point[];
  readonly line?: boolean;
  readonly colour: number;
};
export type Chart = {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly logX?: boolean;
  readonly logY?: boolean;
  readonly series: readonly Series[];
};

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 380, 76, 210, 40, 46];
// Told apart by those who see no red or green too (Okabe and Ito).
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const short = (value: number) => String(Number(value.toPrecision(3)));
const place = (value: number) => value.toFixed(1);

type Axis = { readonly at: (value: number) => number; readonly ticks: readonly number[] };

function axis(values: readonly number[], log: boolean, from: number, to: number): Axis {
  const known = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  let [least, most] = [Math.min(...known), Math.max(...known)];
  if (log) {
    [least, most] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
    if (least === most) most++;
    const ticks = Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i));
    const at = (value: number) => from + ((Math.log10(value) - least) / (most - least)) * (to - from);
    return { at: (value) => at(Math.max(value, 10 ** least)), ticks };
  }
  if (least > 0 && least < most / 2) least = 0;
  if (least === most) most = least + 1;
  const rough = (most - least) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((factor) => factor * unit >= rough) ?? 10);
  const [start, end] = [Math.floor(least / step + 1e-9), Math.ceil(most / step - 1e-9)];
  const ticks = Array.from({ length: end - start + 1 }, (_, i) => (start + i) * step);
  return { at: (value) => from + ((value - start * step) / ((end - start) * step)) * (to - from), ticks };
}

/** A chart as SVG: plain text, the same for the same numbers. */
export function drawChart({ title, x, y, logX = false, logY = false, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const ax = axis(
    points.map((point) => point.x),
    logX,
    LEFT,
    WIDTH - RIGHT,
  );
  const heights = points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]);
  const ay = axis(heights, logY, HEIGHT - BOTTOM, TOP);
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="14" font-weight="bold">${escape(title)}</text>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escape(x)}</text>`,
    `<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escape(y)}</text>`,
  ];
  for (const tick of ay.ticks) {
    const at = place(ay.at(tick));
    const isZero = Math.abs(tick) < 1e-12;
    out.push(`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="${isZero ? "#555" : "#ddd"}"/>`);
    out.push(`<text x="${LEFT - 6}" y="${at}" dy="4" text-anchor="end">${short(tick)}</text>`);
  }
  for (const tick of ax.ticks) {
    const at = place(ax.at(tick));
    out.push(`<text x="${at}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${short(tick)}</text>`);
  }
  for (const [i, { name, points: own, line, colour }] of series.entries()) {
    const ink = COLOURS[colour % COLOURS.length] ?? "#000";
    const shown = own.filter((point) => !logY || (point.high ?? point.y) > 0);
    const at = shown.map((point) => ({ ...point, px: place(ax.at(point.x)), py: place(ay.at(point.y)) }));
    if (line === true && at.length > 0)
      out.push(
        `<path d="M${at.map(({ px, py }) => `${px} ${py}`).join("L")}" fill="none" stroke="${ink}" stroke-width="1.5"/>`,
      );
    else
      for (const { px, py, y: value, low = value, high = value } of at) {
        out.push(`<path d="M${px} ${place(ay.at(low))}V${place(ay.at(high))}" stroke="${ink}"/>`);
        if (!logY || value > 0) out.push(`<circle cx="${px}" cy="${py}" r="3" fill="${ink}"/>`);
      }
    const legend = TOP + 8 + 18 * i;
    out.push(
      line === true
        ? `<path d="M${WIDTH - RIGHT + 10} ${legend}h16" stroke="${ink}" stroke-width="1.5"/>`
        : `<circle cx="${WIDTH - RIGHT + 18}" cy="${legend}" r="3" fill="${ink}"/>`,
      `<text x="${WIDTH - RIGHT + 32}" y="${legend}" dy="4">${escape(name)}</text>`,
    );
  }
  return `${out.join("\n")}\n</svg>\n`;
}
