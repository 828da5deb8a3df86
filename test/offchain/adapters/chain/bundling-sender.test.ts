// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { decodeFunctionData, encodeAbiParameters, encodeErrorResult, encodeEventTopics, type Hex } from "viem";
import type { TransactionReceipt } from "viem";
import { assayHubAbi } from "../../../../offchain/adapters/chain/abi/assay-hub.ts";
import { BundlingSender } from "../../../../offchain/adapters/chain/bundling-sender.ts";
import { deploymentErrors } from "../../../../offchain/adapters/chain/create-chain.ts";
import { ChainError } from "../../../../offchain/adapters/chain/errors.ts";
import type { TransactionRequest } from "../../../../offchain/adapters/chain/transaction-sender.ts";
import { expectCode } from "../../../support/expect-code.ts";

const HUB: Hex = `0x${"ab".repeat(20)}`;
const jobOf = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const callOf = (n: number, bytes = 4): Hex => `0x${n.toString(16).padStart(2, "0").repeat(bytes)}`;

function request(n: number, more: Partial<TransactionRequest> = {}): TransactionRequest {
  return { to: HUB, data: callOf(n), purpose: `call ${n}`, jobId: jobOf(n), abi: deploymentErrors, ...more };
}

const failed = (index: bigint, reason: Hex) => ({
  address: HUB,
  topics: encodeEventTopics({ abi: assayHubAbi, eventName: "CallFailed" }),
  data: encodeAbiParameters([{ type: "uint256" }, { type: "bytes" }], [index, reason]),
});

/** A sender that mines what it is given when `mine` is called, and a clock that moves when told. */
function fixture({ gas = 200_000n, logs = [] as readonly unknown[] } = {}) {
  const sent: { readonly request: TransactionRequest; readonly gas: bigint | undefined }[] = [];
  const refused = new Set<string>();
  let nowMs = 0;
  let wake: (() => void) | undefined;
  const simulate = async ({ purpose }: TransactionRequest): Promise<bigint> => {
    if (refused.has(purpose)) throw new ChainError("REVERTED", { call: purpose, name: "StateWrong", args: "" });
    return gas;
  };
  const inner = {
    address: HUB,
    reset: () => undefined,
    simulate,
    send: async (one: TransactionRequest, limit?: bigint) => {
      sent.push({ request: one, gas: limit });
      return { transactionHash: `0x${sent.length}`, logs } as unknown as TransactionReceipt;
    },
  };
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async () => new Promise<void>((resolve) => (wake = resolve)),
  };
  const sender = new BundlingSender(
    inner,
    { hub: HUB, busyMs: 3_000, waitMs: 150 },
    clock,
    new AbortController().signal,
  );
  const settle = async () => new Promise((resolve) => setTimeout(resolve, 5));
  return {
    sender,
    sent,
    refused,
    settle,
    pass: (ms: number) => (nowMs += ms),
    /** The window that a busy worker waits for others in ends. */
    elapse: async () => {
      await settle();
      wake?.();
      await settle();
    },
    callsIn: (i: number) => decodeFunctionData({ abi: assayHubAbi, data: sent[i]?.request.data ?? "0x" }),
  };
}

describe("bundling sender", () => {
  it("default: an idle worker sends at once and plainly; a busy one gathers what is ready into one submitMany", async () => {
    const { sender, sent, elapse, callsIn, pass } = fixture();
    await sender.send(request(1));
    expect(sent.map((one) => one.request.purpose)).to.deep.equal(["call 1"]);
    pass(1_000);
    const three = [2, 3, 4].map(async (n) => sender.send(request(n)));
    await elapse();
    const receipts = await Promise.all(three);
    expect(sent).to.have.length(2);
    expect(new Set(receipts.map(({ transactionHash }) => transactionHash)).size).to.equal(1);
    expect(callsIn(1)).to.deep.equal({ functionName: "submitMany", args: [[2, 3, 4].map((n) => callOf(n))] });
    // The dry run of a bundle says nothing of its parts, which are undone one by one: their own limits are added.
    expect(sent[1]?.gas).to.equal(600_000n);
    pass(4_000);
    await sender.send(request(5));
    expect(sent[2]?.request.purpose, "idle again").to.equal("call 5");
  });

  it("behavior: a call that fails is refused alone: before, by its own dry run; on chain, by the hub's word", async () => {
    const reason = encodeErrorResult({ abi: assayHubAbi, errorName: "StateWrong", args: [5, 1] });
    const { sender, sent, elapse, refused } = fixture({ logs: [failed(1n, reason)] });
    await sender.send(request(1));
    refused.add("call 2");
    const [two, three, four, five] = [2, 3, 4, 5].map(async (n) => sender.send(request(n)));
    const early = expectCode("REVERTED", async () => two);
    const late = expectCode("REVERTED", async () => four);
    await elapse();
    await early;
    const error = await late;
    expect(Reflect.get(Object(error), "meta")).to.deep.include({ call: "call 4", name: "StateWrong", args: "5, 1" });
    expect(await three).to.equal(await five);
    expect(sent).to.have.length(2);
  });

  it("security: nothing beyond a transaction's gas or bytes is bundled, nor two calls of one job", async () => {
    for (const [what, gas, bytes, job] of [
      ["gas", 6_000_000n, 4, undefined],
      ["bytes", 100_000n, 45_000, undefined],
      ["job", 100_000n, 4, jobOf(9)],
    ] as const) {
      const { sender, sent, elapse } = fixture({ gas });
      await sender.send(request(1));
      const more = job === undefined ? {} : { jobId: job };
      const all = [2, 3, 4].map(async (n) => sender.send(request(n, { data: callOf(n, bytes), ...more })));
      await elapse();
      await Promise.all(all);
      const shapes = sent.slice(1).map(({ request: one }) => one.purpose);
      expect(shapes, what).to.deep.equal(job === undefined ? ["submitMany", "call 4"] : ["call 2", "call 3", "call 4"]);
    }
  });

  it("behavior: calls to other contracts pass by; a bundle that fails as a whole fails each", async () => {
    const { sender, sent } = fixture();
    await sender.send(request(1));
    await sender.send(request(2, { to: `0x${"cd".repeat(20)}` }));
    expect(sent[1]?.request.purpose).to.equal("call 2");
    expect(sent[1]?.gas, "dry-run by the sender itself").to.equal(undefined);
    const broken = fixture();
    await broken.sender.send(request(1));
    broken.sent.push = () => {
      throw new ChainError("TRANSACTION_REVERTED", { hash: "0x", purpose: "submitMany" });
    };
    const both = [2, 3].map(async (n) =>
      expectCode("TRANSACTION_REVERTED", async () => broken.sender.send(request(n))),
    );
    await broken.elapse();
    await Promise.all(both);
  });
});
