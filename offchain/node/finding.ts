// SPDX-License-Identifier: GPL-3.0-or-later

/** What the doctor found about one thing. */
export interface Finding {
  readonly ok: boolean;
  readonly detail: string;
  /** What to do; empty when ok. */
  readonly fix: string;
}

export const fine = (detail: string): Finding => ({ ok: true, detail, fix: "" });
export const poor = (detail: string, fix: string): Finding => ({ ok: false, detail, fix });
