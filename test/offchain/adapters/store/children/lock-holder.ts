// SPDX-License-Identifier: GPL-3.0-or-later
// Takes the lock of argv[2], says so, and holds it until killed or told to stop by end of input.
import { ProcessLock } from "../../../../../offchain/adapters/store/process-lock.ts";

try {
  const lock = new ProcessLock(process.argv[2] ?? "");
  process.stdout.write("held\n");
  process.stdin.on("end", () => lock.release());
  process.stdin.resume();
} catch (error) {
  process.stdout.write(`${String((error as { code?: unknown }).code)}\n`);
}
