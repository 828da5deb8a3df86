// SPDX-License-Identifier: GPL-3.0-or-later
import { Arena } from "./arena.ts";

/** Two escalations of a job of one stage and five seats, or of two stages and three. */
const WORKERS = 40;

let shared: Promise<{ readonly arena: Arena; readonly begin: () => Promise<void> }> | undefined;

/** One deployment with 40 workers for all tests of a process; `begin` takes it back to its beginning. */
export function fullArena() {
  shared ??= (async () => {
    const arena = await Arena.deploy();
    await arena.join(WORKERS);
    for (const stages of [1, 2, 3]) await arena.model(stages);
    return { arena, begin: await arena.snapshot() };
  })();
  return shared;
}
