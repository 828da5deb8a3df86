// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createClient, custom, decodeFunctionData, encodeFunctionResult, type Abi, type Hex } from "viem";
import { enclaveRegistryAbi } from "../../../../offchain/adapters/chain/abi/enclave-registry.ts";
import { verdictBoardAbi } from "../../../../offchain/adapters/chain/abi/verdict-board.ts";
import { ChainClock } from "../../../../offchain/adapters/chain/chain-clock.ts";
import type { Chain } from "../../../../offchain/adapters/chain/chain.ts";
import { findBoard } from "../../../../offchain/node/attester/board-port.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const address = (digit: string): Hex => `0x${digit.repeat(40)}`;
const [REGISTRY, BOARD, VAULT, TOKEN, OTHER] = ["1", "2", "3", "4", "5"].map(address) as [Hex, Hex, Hex, Hex, Hex];
const ABI: Abi = [...enclaveRegistryAbi, ...verdictBoardAbi];

/** A chain whose contracts answer by name. */
function chainOf(answers: Readonly<Record<string, Hex>>): Chain {
  const request = async ({ method, params }: { readonly method: string; readonly params?: unknown }) => {
    expect(method).to.equal("eth_call");
    const [{ data }] = params as readonly [{ readonly data: Hex }];
    const { functionName } = decodeFunctionData({ abi: ABI, data });
    return Promise.resolve(encodeFunctionResult({ abi: ABI, functionName, result: answers[functionName] }));
  };
  const contracts = { hub: address("9"), vault: VAULT, token: TOKEN };
  const client = createClient({ transport: custom({ request }) });
  const clock = new ChainClock(new ManualClock());
  return { chainId: 31_337, contracts, client, clock, errors: ABI, sender: null } as unknown as Chain;
}

describe("the board that a worker attests on", () => {
  const own = { COLLATERAL: OTHER, BOARD, VAULT, TOKEN };
  const options = { registry: REGISTRY, fromBlock: 0n, account: address("A") };

  it("default: the one that the registry names, of the hub's workers and tokens", async () => {
    const { board, account, chainId } = await findBoard(chainOf(own), options);
    expect([board, account, chainId]).to.deep.equal([BOARD, address("a"), 31_337n]);
  });

  it("error: BOARD_FOREIGN for a board of other workers or other tokens: nothing is staked there", async () => {
    await expectCode("BOARD_FOREIGN", async () => findBoard(chainOf({ ...own, VAULT: OTHER }), options));
    await expectCode("BOARD_FOREIGN", async () => findBoard(chainOf({ ...own, TOKEN: OTHER }), options));
  });

  it("error: READ_ONLY without anybody who looks", async () => {
    await expectCode("READ_ONLY", async () => findBoard(chainOf(own), { registry: REGISTRY, fromBlock: 0n }));
  });
});
