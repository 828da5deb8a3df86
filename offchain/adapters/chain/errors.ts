// SPDX-License-Identifier: MIT
import { defineErrors } from "../../core/errors.ts";

export const ChainError = defineErrors("chain", 10, {
  RPC_UNAVAILABLE: {
    n: 1,
    text: "The RPC endpoint {url} does not answer: {reason}.",
    fix: "Check that the node runs and that the URL is right; the worker keeps trying and continues where it stopped.",
    retry: "later",
  },
  RPC_REJECTED: {
    n: 2,
    text: "The RPC endpoint refused {method}: {reason}.",
    fix: "Read the reason: usually too little gas money, or a limit of the endpoint.",
    retry: "later",
  },
  WRONG_CHAIN: {
    n: 3,
    text: "The RPC endpoint serves chain {have}, the configuration says {want}.",
    fix: "Correct the RPC URL or the chain id.",
    retry: "never",
  },
  NO_CONTRACT: {
    n: 4,
    text: "There is no {name} contract at {address} on chain {chain}.",
    fix: "Take the address from deployments/addresses.json of this chain.",
    retry: "never",
  },
  REVERTED: {
    n: 5,
    text: "{call} would revert: {name}({args}).",
    fix: "See docs/contracts for what {name} means; nothing was sent.",
    retry: "never",
  },
  TRANSACTION_REVERTED: {
    n: 6,
    text: "Transaction {hash} ({purpose}) was mined but reverted.",
    fix: "Usually somebody else did the same first; the state is read again.",
    retry: "never",
  },
  TRANSACTION_DROPPED: {
    n: 7,
    text: "Transaction {hash} ({purpose}) was replaced by another one of this account with nonce {nonce}.",
    fix: "Use the worker's key in one place only.",
    retry: "never",
  },
  TRANSACTION_TIMEOUT: {
    n: 8,
    text: "Transaction {hash} ({purpose}) was not mined in {ms} ms.",
    fix: "The chain is congested or the fee cap too low; the state is read again before anything is repeated.",
    retry: "later",
  },
  CALLDATA_INVALID: {
    n: 9,
    text: "Transaction {hash} holds no readable {what}: {reason}.",
    fix: "Ask another RPC endpoint: this one altered or lost data.",
    retry: "never",
  },
  REORG_TOO_DEEP: {
    n: 10,
    text: "The chain changed below block {block}, deeper than the {depth} remembered blocks.",
    fix: "The worker reads everything again from the deployment block; check that the endpoint serves one chain only.",
    retry: "later",
  },
  READ_ONLY: {
    n: 11,
    text: "{purpose} needs a signing key, and this chain client has none.",
    fix: "Give createChain an account and a journal.",
    retry: "never",
  },
});
