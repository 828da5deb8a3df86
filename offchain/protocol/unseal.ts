// SPDX-License-Identifier: GPL-3.0-or-later
import { openSealedBlob } from "../core/seal.ts";
import type { ProtocolModules } from "./ports.ts";

/** Opens a blob with whichever of this worker's seal keys it is for. Errors: those of `openSealedBlob`. */
export function unseal(
  bytes: Uint8Array,
  context: Uint8Array,
  modules: Pick<ProtocolModules, "keys" | "crypto"> & { readonly maxBytes: number },
): Uint8Array {
  const { keys, crypto, maxBytes } = modules;
  let failure: unknown = null;
  // Newest first; an older key may still have been the published one when the sender sealed.
  for (const key of keys.sealKeys) {
    try {
      return key.use((privateKey) => openSealedBlob(crypto, bytes, { context, privateKey, maxBytes }));
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
