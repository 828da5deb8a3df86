// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { once } from "node:events";
import { connect } from "node:net";
import type { Logger } from "../../../offchain/core/ports/logger.ts";
import { DevFaults } from "../../../offchain/node/dev-faults.ts";
import { expectCode } from "../../support/expect-code.ts";

const none = (): void => {};
const logger: Logger = { debug: none, info: none, warn: none, error: none, child: () => logger };

describe("DevFaults", () => {
  it("error: DEVELOPMENT_REFUSED off the local chain, and where the configuration does not ask for it", async () => {
    for (const options of [
      { development: true, chainId: 1, port: 0 },
      { development: false, chainId: 31_337, port: 0 },
    ])
      await expectCode("DEVELOPMENT_REFUSED", () => new DevFaults(options, { logger }));
  });

  it("R75: a caller that breaks off, pages of browsers and nonsense change nothing and end nothing", async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => void rejections.push(reason);
    process.on("unhandledRejection", note);
    const faults = new DevFaults({ development: true, chainId: 31_337, port: 0 }, { logger });
    const url = await faults.start();
    try {
      expect(new URL(url).hostname).to.equal("127.0.0.1");
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      await once(socket, "connect");
      socket.write("POST /dev/fault HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const post = async (body: string, headers: Record<string, string> = {}) =>
        (await fetch(`${url}/dev/fault`, { method: "POST", body, headers })).status;
      expect(await post('{"mode":"silent"}', { origin: "https://evil.example" })).to.equal(403);
      expect(await post("{")).to.equal(400);
      expect(await post('{"mode":"__proto__"}')).to.equal(400);
      expect(await post(" ".repeat(5_000))).to.equal(413);
      expect(faults.behaviour.isSilent).to.not.equal(true);
      expect(await post('{"mode":"silent"}')).to.equal(200);
      expect(faults.behaviour.isSilent).to.equal(true);
      expect(rejections).to.deep.equal([]);
    } finally {
      process.off("unhandledRejection", note);
      await faults.stop();
    }
  });
});
