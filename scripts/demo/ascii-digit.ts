// SPDX-License-Identifier: GPL-3.0-or-later

const SHADES = " .:+#@";
const SIDE = 28;

/**
 * A 28 × 28 grey image as text, 14 lines of 28 columns: a terminal cell is about twice as high as wide, so two rows share one.
 * @param pixels 784 grey values from 0 to `white`
 */
export function asciiDigit(pixels: ArrayLike<number>, white: number): readonly string[] {
  const lines: string[] = [];
  for (let row = 0; row < SIDE; row += 2) {
    let line = "";
    for (let column = 0; column < SIDE; column++) {
      const at = row * SIDE + column;
      const grey = Math.max(pixels[at] ?? 0, pixels[at + SIDE] ?? 0) / white;
      line += SHADES[Math.min(SHADES.length - 1, Math.round(grey * (SHADES.length - 1)))] ?? " ";
    }
    lines.push(line.trimEnd());
  }
  return crop(lines);
}

function crop(lines: readonly string[]): readonly string[] {
  const used = lines.filter((line) => line !== "");
  const indent = Math.min(...used.map((line) => line.length - line.trimStart().length));
  const first = lines.findIndex((line) => line !== "");
  const last = lines.findLastIndex((line) => line !== "");
  return used.length === 0 ? [] : lines.slice(first, last + 1).map((line) => line.slice(indent));
}

/** Several pictures beside each other. */
export function sideBySide(pictures: readonly (readonly string[])[], gap: number): readonly string[] {
  const height = Math.max(0, ...pictures.map((lines) => lines.length));
  const widths = pictures.map((lines) => Math.max(0, ...lines.map((line) => line.length)) + gap);
  return Array.from({ length: height }, (_, row) =>
    pictures
      .map((lines, index) => (lines[row - (height - lines.length)] ?? "").padEnd(widths[index] ?? 0))
      .join("")
      .trimEnd(),
  );
}
