// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { OpenKeyRing } from "../../../offchain/adapters/keys/key-ring.ts";
import { nodeCrypto as keysCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { HttpTransport } from "../../../offchain/adapters/net/http-transport.ts";
import type { Logger } from "../../../offchain/core/ports/logger.ts";
import { Secret } from "../../../offchain/core/secret.ts";
import { nodeCrypto } from "../../../offchain/sdk/node/node-crypto.ts";
import { callSeat } from "../../../offchain/sdk/seat-call.ts";
import { expectCode } from "../../support/expect-code.ts";

const none = (): void => {};
const silent: Logger = { debug: none, info: none, warn: none, error: none, child: () => silent };
const PROTOCOL = "/assay/echo/1";
const random = () => new Secret(nodeCrypto.randomBytes(32));

describe("callSeat", () => {
  const keys = new OpenKeyRing({ operator: random(), transport: random(), seals: [random()] }, { crypto: keysCrypto });
  const transport = new HttpTransport({}, { logger: silent, identity: keys.transport });
  let endpoint: string;
  let impostor: Server;
  before(async () => {
    transport.serve(PROTOCOL, async function* echo(_from, request) {
      yield request;
      yield request;
    });
    endpoint = (await transport.start())[0]?.url ?? "";
    impostor = createServer((request, response) => {
      request.resume();
      if (request.url === "/moved") return void response.writeHead(302, { location: `${endpoint}${PROTOCOL}` }).end();
      response.writeHead(200, { "content-type": "application/vnd.assay" }).end("hello");
    });
    await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
  });
  after(async () => {
    await transport.stop();
    await new Promise((resolve) => impostor.close(resolve));
  });

  const call = (
    change: Partial<{ endpoints: string[]; transportId: `0x${string}`; maxReplyBytes: number; protocol: string }> = {},
  ) =>
    callSeat(nodeCrypto, {
      profile: {
        workerId: 7,
        transportId: change.transportId ?? keys.transport.id,
        sealKey: "0x",
        endpoints: change.endpoints ?? [endpoint],
      },
      protocol: change.protocol ?? PROTOCOL,
      request: Uint8Array.of(1, 2, 3),
      maxReplyBytes: change.maxReplyBytes ?? 100,
      timeoutMs: 2_000,
    });
  const fake = () => `http://127.0.0.1:${(impostor.address() as AddressInfo).port}`;

  it("default: speaks what adapters/net answers", async () => {
    expect(await call()).to.deep.equal(Uint8Array.of(1, 2, 3, 1, 2, 3));
  });
  it("behavior: the next endpoint is tried", async () => {
    expect(await call({ endpoints: ["http://127.0.0.1:9", endpoint] })).to.have.length(6);
  });
  it("error: PROFILE_MISSING without an endpoint", async () => {
    await expectCode("PROFILE_MISSING", () => call({ endpoints: [] }));
  });
  it("error: SEAT_REFUSED for somebody else's identity, no proof, a redirect, silence", async () => {
    await expectCode("SEAT_REFUSED", () => call({ transportId: `0x${"33".repeat(32)}` }));
    await expectCode("SEAT_REFUSED", () => call({ endpoints: [fake()] }));
    await expectCode("SEAT_REFUSED", () => call({ endpoints: [fake()], protocol: "/moved" }));
    await expectCode("SEAT_REFUSED", () => call({ endpoints: ["http://127.0.0.1:9"] }));
  });
  it("error: SEAT_REFUSED for an unknown protocol and a reply that is too large", async () => {
    await expectCode("SEAT_REFUSED", () => call({ protocol: "/assay/none/1" }));
    await expectCode("SEAT_REFUSED", () => call({ maxReplyBytes: 5 }));
  });
});
