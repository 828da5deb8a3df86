// SPDX-License-Identifier: GPL-3.0-or-later
import type { Logger } from "../core/ports/logger.ts";

/** Resources close in the reverse order of their opening; one that fails does not keep the others open. */
export class Closers {
  readonly #stack: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];

  push(name: string, close: () => Promise<void> | void): void {
    this.#stack.push({ name, close });
  }

  async closeAll(logger: Logger | null): Promise<void> {
    for (let entry = this.#stack.pop(); entry !== undefined; entry = this.#stack.pop())
      try {
        await entry.close();
      } catch (error) {
        logger?.warn("close.failed", { name: entry.name, error });
      }
  }
}
