// SPDX-License-Identifier: GPL-3.0-or-later
import type { ColumnCipher } from "../../../../offchain/core/ports/journal.ts";
import { StoreError } from "../../../../offchain/adapters/store/errors.ts";

/** Prefixes the context, so that tests see rows mixed up; encryption itself is tested in adapters/keys. */
export const plainCipher: ColumnCipher = {
  seal: (plain, context) => Buffer.concat([Buffer.from(`${context}\n`), plain]),
  open(sealed, context) {
    const head = Buffer.from(`${context}\n`);
    if (Buffer.compare(Buffer.from(sealed.subarray(0, head.length)), head) !== 0) {
      throw new StoreError("FIELD_INVALID", { field: "sealed", reason: "another row's" });
    }
    return new Uint8Array(sealed.slice(head.length));
  },
};
