// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { expect } from "chai";
import { kernelFile } from "../../../../offchain/engines/she/kernel/sources.mjs";

const at = (path: string) => fileURLToPath(new URL(`../../../../offchain/${path}`, import.meta.url));

describe("own client in a browser", () => {
  it("behavior: bundles without Node, and encrypts and decrypts where there is none", async () => {
    const source = `
      import { portableHashes } from "${at("core/she/hashes.ts")}";
      import { sheProfile } from "${at("core/she/profiles.ts")}";
      import { SheClient } from "${at("engines/she/client/she-client.ts")}";
      const randomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));
      const kernel = new WebAssembly.Module(kernelBytes);
      const client = new SheClient({ profile: sheProfile(1), kernel, hashes: portableHashes, randomBytes });
      const bytes = client.encrypt([0.5, -0.25], 2 ** 30, 2);
      const slots = client.decryptUnchecked(bytes, 2 ** 30);
      globalThis.seen = [bytes.length, slots[0], slots[1], client.createKey({ galois: 3, level: 1 }).length];
    `;
    const { outputFiles } = await build({
      stdin: { contents: source, resolveDir: at("."), loader: "ts" },
      bundle: true,
      write: false,
      platform: "browser",
      format: "iife",
    });
    const code = outputFiles[0]?.text ?? "";
    expect(/\brequire\(|node:/.test(code)).to.equal(false);
    // A global object of the web's names only: no process, no Buffer, no require.
    const kernelBytes = new Uint8Array(readFileSync(kernelFile("plain")));
    const page = createContext({
      crypto: globalThis.crypto,
      kernelBytes,
      TextEncoder,
      TextDecoder,
      WebAssembly,
      Uint8Array,
    });
    runInContext(code, page);
    const [bytes, a, b, key] = (page as { seen?: number[] }).seen ?? [];
    expect([bytes, key]).to.deep.equal([64 + 2 * 32768, 64 + 2 * 32768]);
    expect(Math.abs((a ?? 0) - 0.5) + Math.abs((b ?? 0) + 0.25)).to.be.lessThan(3e-6);
  }).timeout(20_000);
});
