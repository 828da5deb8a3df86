// SPDX-License-Identifier: GPL-3.0-or-later
/** One line of JSON; bigints are decimal strings and bytes are 0x hexadecimal, as in the chain's own JSON. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === "bigint"
      ? field.toString()
      : field instanceof Uint8Array
        ? `0x${Buffer.from(field).toString("hex")}`
        : field,
  );
}
