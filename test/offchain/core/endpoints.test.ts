// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { isLibp2pEndpoint, MAX_ENDPOINTS, parseEndpoints } from "../../../offchain/core/endpoints.ts";

describe("parseEndpoints", () => {
  it("default: R15 addresses, separated by spaces", () => {
    expect(parseEndpoints("http://127.0.0.1:80 \n https://worker.example")).to.deep.equal([
      "http://127.0.0.1:80",
      "https://worker.example",
    ]);
    expect(parseEndpoints("")).to.deep.equal([]);
  });

  it("behavior: R75 nothing that could aim a request at another service", () => {
    for (const hostile of [
      "file:///etc/passwd",
      "ftp://worker.example",
      "data:text/plain,x",
      "javascript:alert(1)",
      "http://user:password@worker.example",
      "http://worker.example/admin/delete",
      "http://worker.example?x=1",
      "http://worker.example#x",
      "worker.example",
      `http://${"a".repeat(300)}.example`,
    ])
      expect(parseEndpoints(hostile), hostile).to.deep.equal([]);
  });

  it("behavior: R75 a long record costs its caller no more than a short one", () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `http://10.0.0.1:${(i % 60_000) + 1}`).join(" ");
    const started = performance.now();
    expect(parseEndpoints(many)).to.have.length(MAX_ENDPOINTS);
    expect(performance.now() - started).to.be.lessThan(100);
  });
});

describe("isLibp2pEndpoint", () => {
  it("default: R65 host and TCP port", () => {
    for (const good of ["/ip4/127.0.0.1/tcp/4001", "/dns4/worker.example/tcp/1", "/ip6/::1/tcp/65535"])
      expect(isLibp2pEndpoint(good), good).to.equal(true);
  });

  it("behavior: R75 no other transport, relay, identity or path", () => {
    for (const bad of [
      "",
      "/ip4/127.0.0.1",
      "/ip4/127.0.0.1/udp/1",
      "/ip4/127.0.0.1/tcp/123456",
      "/ip4/127.0.0.1/tcp/1/ws",
      "/ip4/127.0.0.1/tcp/1/p2p/12D3KooW",
      "/ip4/127.0.0.1/tcp/1/p2p-circuit",
      "/unix/tmp/socket",
      "http://127.0.0.1:1",
      `/dns4/${"a".repeat(300)}/tcp/1`,
    ])
      expect(isLibp2pEndpoint(bad), bad).to.equal(false);
  });
});
