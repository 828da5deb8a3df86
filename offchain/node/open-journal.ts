// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../adapters/observe/system-clock.ts";
import { SqliteJournal } from "../adapters/store/sqlite-journal.ts";
import type { KeyRing } from "../core/ports/keys.ts";
import type { NodeConfig } from "./settings.ts";

/** The worker's journal. Hold the key's lock: commands that act for a worker use it while the worker does not run. Error: JOURNAL_FOREIGN. */
export function openJournal(
  { store, chain }: Pick<NodeConfig, "store" | "chain">,
  keys: Pick<KeyRing, "columnCipher" | "operator">,
): SqliteJournal {
  mkdirSync(store.folder, { recursive: true, mode: 0o700 });
  const owner = `${chain.id}/${chain.hub.toLowerCase()}/${keys.operator.address}`;
  return new SqliteJournal(
    { path: join(store.folder, "store.sqlite"), owner },
    { clock: systemClock, cipher: keys.columnCipher },
  );
}
