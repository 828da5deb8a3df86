// SPDX-License-Identifier: GPL-3.0-or-later

/** A sibling module that runs in its own thread or process: `.ts` in this repository, `.js` in the packed node. */
export const threadFile = (name: string, from: string): URL =>
  new URL(`./${name}${from.endsWith(".ts") ? ".ts" : ".js"}`, from);
