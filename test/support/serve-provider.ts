// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Provider {
  request(request: { readonly method: string; readonly params?: readonly unknown[] }): Promise<unknown>;
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** An in-process chain over HTTP on loopback, for code that takes an endpoint. */
export async function serveProvider(provider: Provider): Promise<{ url: string; close(): Promise<void> }> {
  const answer = async ({ id, method, params = [] }: Call): Promise<unknown> => {
    try {
      return { jsonrpc: "2.0", id, result: await provider.request({ method, params }) };
    } catch (error) {
      const {
        message = "",
        code = -32_603,
        data,
      } = Object(error) as { message?: string; code?: number; data?: unknown };
      return { jsonrpc: "2.0", id, error: { code, message, data } };
    }
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Call | readonly Call[];
      const answers = Array.isArray(body) ? Promise.all(body.map(answer)) : answer(body as Call);
      void answers.then((out) => response.setHeader("content-type", "application/json").end(JSON.stringify(out)));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
