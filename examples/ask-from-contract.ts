// SPDX-License-Identifier: GPL-3.0-or-later
// A contract asks, a dApp's back end seals the input: the contract pays and is called back, and never sees the image.
import type { Abi, Address, Hex } from "viem";
import { waitForTransactionReceipt, writeContract } from "viem/actions";
import type { Tensor } from "../offchain/core/tensor.ts";
import type { ModelManifest } from "../offchain/core/types.ts";
import { prepareInference, requestInference } from "../offchain/sdk/actions/request-inference.ts";
import type { AssayWallet } from "../offchain/sdk/node/connect.ts";
import { nodeCrypto } from "../offchain/sdk/node/node-crypto.ts";

/** `reader`: a `DigitReader` with free balance at the hub, owned by the wallet's account. Returns the job and what reads its result. */
export async function askFromContract(
  wallet: AssayWallet,
  hub: Address,
  reader: { readonly address: Address; readonly abi: Abi },
  manifest: ModelManifest,
  input: Tensor,
) {
  const { account } = wallet;
  const wishes = { callback: reader.address, callbackGas: 200_000, client: account.address, policy: { tWork: 40 } };
  const prepared = await prepareInference(wallet, {
    ...wishes,
    hub,
    manifest,
    input,
    crypto: nodeCrypto,
    requester: reader.address,
  });
  const hash: Hex = await writeContract(wallet, {
    ...reader,
    account,
    chain: null,
    functionName: "ask",
    args: [prepared.job.spec],
  });
  const { logs } = await waitForTransactionReceipt(wallet, { hash, pollingInterval: 250 });
  // The contract chose the nonce, so the job's id is known only now.
  const requested = requestInference.extractEvent(logs);
  if (requested === undefined) throw new TypeError("the contract requested nothing");
  const { jobId, nonce, spec, requester } = requested.args;
  const delivery = await wallet.deliverInput({
    jobId,
    job: { requester, nonce, spec },
    manifest,
    input: prepared.input,
    secret: prepared.secret,
  });
  return { jobId, delivery, secret: prepared.secret };
}
