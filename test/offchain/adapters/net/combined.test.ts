// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { CombinedTransport } from "../../../../offchain/adapters/net/combined-transport.ts";
import { HttpTransport } from "../../../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../../../offchain/adapters/net/libp2p-transport.ts";
import type { Logger } from "../../../../offchain/core/ports/logger.ts";
import { callOptions, collect, testIdentity } from "../../../ports/transport.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const modules = { logger, identity: testIdentity(1) };

describe("R65: CombinedTransport", () => {
  it("default: one identity, one set of handlers, an address of each; whoever is called is reached by its own", async () => {
    const server = new CombinedTransport([new HttpTransport({}, modules), new Libp2pTransport({}, modules)]);
    server.serve("/test/echo/1", async function* (_from, request) {
      yield request;
    });
    const addresses = await server.start();
    expect(addresses.map(({ url }) => url.replace(/\d+$/, "0"))).to.deep.equal([
      "http://127.0.0.1:0",
      "/ip4/127.0.0.1/tcp/0",
    ]);
    const client = new CombinedTransport([new Libp2pTransport({}, { logger }), new HttpTransport({}, { logger })]);
    await client.start();
    try {
      for (const peer of addresses) {
        expect(peer.id).to.equal(testIdentity(1).id);
        expect(await collect(client.call(peer, "/test/echo/1", Uint8Array.of(7), callOptions()))).to.deep.equal(
          Uint8Array.of(7),
        );
      }
      const other = { id: null, url: "memory://x" };
      await expectCode("ADDRESS_INVALID", () => client.call(other, "/test/echo/1", new Uint8Array(), callOptions()));
    } finally {
      await client.stop();
      await server.stop();
    }
  });

  it("error: LISTEN_FAILED of one stops the other", async () => {
    const first = new HttpTransport({}, modules);
    const [taken] = await first.start();
    const http = new HttpTransport({}, modules);
    const libp2p = new Libp2pTransport({ port: Number(taken?.url.split(":").at(-1)) }, modules);
    await expectCode("LISTEN_FAILED", () => new CombinedTransport([http, libp2p]).start());
    // It does not listen any more: a new start gives it another port.
    expect((await http.start()).length).to.equal(1);
    await http.stop();
    await first.stop();
  });
});
