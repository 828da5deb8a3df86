// SPDX-License-Identifier: GPL-3.0-or-later
import { network } from "hardhat";
import { encodeFunctionData } from "viem";
import { proofAdapterAbi } from "../../offchain/adapters/chain/abi/proof-adapter.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import type { Claim } from "../../offchain/core/claim.ts";
import { encodeProofEvidence, type ProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { encodeKeyRecord, keyIdOf, type KeyRecord } from "../../offchain/core/zk/key-record.ts";
import { G1_INFINITY, type G1Point } from "../../offchain/core/zk/points.ts";
import { PRODUCER_INPUT } from "../../offchain/core/types.ts";

const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, "0")}`;

/** Key registry and proof adapter on an in-process chain. */
export async function createVerifyChain() {
  const { viem } = await network.create("hardhatMainnet");
  const client = await viem.getPublicClient();
  const [wallet] = await viem.getWalletClients();
  const registry = await viem.deployContract("KeyRegistry");
  const adapter = await viem.deployContract("ProofAdapter", [registry.address]);
  return {
    /** Checks a proof in a transaction. Returns the gas of execution alone: without the transaction's base and calldata. Reverts if it is false. */
    async verifyGas(
      record: KeyRecord,
      made: {
        readonly domain: Hex;
        readonly claim: Claim;
        readonly evidence: ProofEvidence;
        readonly weights?: G1Point | undefined;
      },
    ): Promise<number> {
      const keyId = keyIdOf(record);
      if (!(await registry.read.has([keyId]))) await registry.write.add([toHex(encodeKeyRecord(record))]);
      const { x, y } = made.weights ?? G1_INFINITY;
      const stage = {
        place: 0,
        inKind: record.boundaries[0]?.kind ?? 0,
        outKind: record.boundaries.at(-1)?.kind ?? 0,
        probe: 0xffff,
        kernel: word(0n),
        keyId,
        weightsX: word(x),
        weightsY: word(y),
        producers: [PRODUCER_INPUT],
      };
      const evidence = toHex(encodeProofEvidence(made.evidence));
      const data = encodeFunctionData({
        abi: proofAdapterAbi,
        functionName: "check",
        args: [made.domain, made.claim, stage, evidence],
      });
      if (wallet === undefined) throw new TypeError("the chain has no accounts");
      const hash = await wallet.sendTransaction({ to: adapter.address, data });
      const { gasUsed, status } = await client.waitForTransactionReceipt({ hash });
      if (status !== "success") throw new TypeError("the adapter refuses the proof");
      const bytes = Buffer.from(data.slice(2), "hex");
      const zeros = bytes.filter((byte) => byte === 0).length;
      return Number(gasUsed) - 21_000 - 4 * zeros - 16 * (bytes.length - zeros);
    },
  };
}
