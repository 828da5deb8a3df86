// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createServer } from "node:http";
import { createClient, http } from "viem";
import { getChainId } from "viem/actions";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { checked } from "../../../offchain/sdk/checked.ts";

const KEY = "0123456789abcdef0123456789abcdef";

/** The typed error of one call to an endpoint whose URL holds a key. */
async function failureOf(origin: string) {
  const client = createClient({ transport: http(`${origin}/v3/${KEY}`, { retryCount: 0 }) });
  try {
    await checked("eth_chainId", async () => getChainId(client));
  } catch (error) {
    if (isAssayError(error)) return error;
    throw error;
  }
  throw new TypeError("it answered");
}

describe("checked", () => {
  it("error: RPC_UNAVAILABLE, by host only, when nobody answers or the endpoint is down", async () => {
    const server = createServer((_, response) => void response.writeHead(503).end(KEY));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      for (const origin of ["http://127.0.0.1:1", `http://127.0.0.1:${port}`]) {
        const error = await failureOf(origin);
        expect(error.code).to.equal("RPC_UNAVAILABLE");
        expect(error.meta["url"]).to.equal(origin);
        expect(JSON.stringify(error)).to.not.contain(KEY);
      }
    } finally {
      server.close();
    }
  });
});
