// SPDX-License-Identifier: GPL-3.0-or-later

/** 0 done · 1 failed or negative verdict · 2 usage or configuration · 75 try later · 130 interrupted. */
export const EXIT = { done: 0, failed: 1, usage: 2, later: 75, interrupted: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
