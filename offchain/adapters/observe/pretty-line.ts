// SPDX-License-Identifier: GPL-3.0-or-later

const COLORS: Readonly<Record<string, string>> = { debug: "90", info: "36", warn: "33", error: "31" };

/** One JSON log line as people read it: `12:34:56.789 INFO  job.final stage=0 job=0x12…`. */
export function prettyLine(line: string, color: boolean): string {
  const { level, time, evt, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const clock = String(time).slice(11, 23);
  const word = String(level).toUpperCase().padEnd(5);
  const rest = Object.entries(fields).map(([name, value]) => `${paint("90", `${name}=`)}${show(value)}`);
  return `${paint("90", clock)} ${paint(COLORS[String(level)] ?? "0", word)} ${[String(evt), ...rest].join(" ")}\n`;
}

/** JSON escapes C0 controls; C1 and bidirectional ones could still repaint a terminal. */
function show(value: unknown): string {
  const text = typeof value === "string" && /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value);
  return text.replaceAll(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}
