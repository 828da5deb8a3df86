// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What builds that were killed left behind, and builds and objects of sources that nobody has any more. */
export function removeOld(builds, current) {
  const older = (path, ms) => Date.now() - statSync(path).mtimeMs > ms;
  for (const name of readdirSync(builds)) {
    const path = join(builds, name);
    try {
      if (name.startsWith("unfinished-") && older(path, HOUR_MS)) rmSync(path, { recursive: true, force: true });
      else if (/^[0-9a-f]{24}$/.test(name) && name !== current && older(path, 3 * DAY_MS))
        rmSync(path, { recursive: true, force: true });
      else if (name === "objects")
        for (const object of readdirSync(path))
          if (older(join(path, object), 3 * DAY_MS)) rmSync(join(path, object), { force: true });
    } catch {
      // Another build was faster.
    }
  }
}
