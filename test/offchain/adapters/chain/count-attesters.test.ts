// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createClient, custom, decodeFunctionData, encodeFunctionResult, toHex, zeroAddress, type Hex } from "viem";
import { verdictBoardAbi } from "../../../../offchain/adapters/chain/abi/verdict-board.ts";
import type { Chain } from "../../../../offchain/adapters/chain/chain.ts";
import { countAttesters } from "../../../../offchain/adapters/chain/verdict-board.ts";

const BOARD: Hex = `0x${"aa".repeat(20)}`;
const OWN: Hex = toHex(0xface, { size: 20 });

interface Slot {
  readonly account: Hex;
  readonly leftAt: number;
}

/** A board with these slots behind the one that is nobody's. */
function boardOf(slots: readonly Slot[]) {
  const asked: number[] = [];
  const request = async ({ method, params }: { readonly method: string; readonly params?: unknown }) => {
    expect(method).to.equal("eth_call");
    const [{ data }] = params as readonly [{ readonly data: Hex }];
    const call = decodeFunctionData({ abi: verdictBoardAbi, data });
    const known = { abi: verdictBoardAbi } as const;
    if (call.functionName === "attesters")
      return Promise.resolve(encodeFunctionResult({ ...known, functionName: "attesters", result: slots.length + 1 }));
    if (call.functionName !== "attester") return expect.fail(call.functionName);
    const [slot] = call.args;
    asked.push(slot);
    const result = { joinedAt: 1, workerId: slot, reserve: 1n, ...(slots[slot - 1] ?? expect.fail(`slot ${slot}`)) };
    return Promise.resolve(encodeFunctionResult({ ...known, functionName: "attester", result }));
  };
  const chain = { client: createClient({ transport: custom({ request }) }), errors: verdictBoardAbi };
  return { chain: chain as unknown as Chain, asked };
}

const member = (i: number): Slot => ({ account: toHex(i + 1, { size: 20 }), leftAt: 0 });

describe("counting attesters", () => {
  it("R56: default: members of now: none who left, no freed slot, not the one who asks", async () => {
    const { chain } = boardOf([
      member(0),
      { account: toHex(99, { size: 20 }), leftAt: 5 },
      { account: zeroAddress, leftAt: 0 },
      { account: OWN, leftAt: 0 },
      member(1),
    ]);
    expect(await countAttesters(chain, BOARD, OWN, 16)).to.equal(2);
    expect(await countAttesters(chain, BOARD, zeroAddress, 16), "nobody asks").to.equal(3);
    expect(await countAttesters(boardOf([]).chain, BOARD, OWN, 16)).to.equal(0);
  });

  it("R56: behavior: slots beyond the first sixteen count; a board of thousands is read only until there are enough", async () => {
    const gone = Array.from({ length: 20 }, (_, i) => ({ ...member(i), leftAt: 5 }));
    const late = boardOf([...gone, member(30), member(31)]);
    expect(await countAttesters(late.chain, BOARD, OWN, 5)).to.equal(2);
    expect(late.asked.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 22 }, (_, i) => i + 1));
    const large = boardOf(Array.from({ length: 5_000 }, (_, i) => member(i)));
    expect(await countAttesters(large.chain, BOARD, OWN, 5)).to.equal(5);
    expect(large.asked).to.have.length(16);
  });
});
