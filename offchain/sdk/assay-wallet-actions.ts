// SPDX-License-Identifier: MIT
import { deposit, type DepositParameters } from "./actions/deposit.ts";
import { depositWithPermit, type DepositWithPermitParameters } from "./actions/deposit-with-permit.ts";
import { deliverInput, type DeliverInputParameters } from "./actions/deliver-input.ts";
import { joinResults, type JoinResultsParameters } from "./actions/join-results.ts";
import { registerKey, type RegisterKeyParameters } from "./actions/register-key.ts";
import { registerModel, type RegisterModelParameters } from "./actions/register-model.ts";
import { requestCipher, type RequestCipherParameters } from "./actions/request-cipher.ts";
import { requestAgreement, type RequestAgreementParameters } from "./actions/request-agreement.ts";
import { requestInferenceSync, type RequestInferenceSyncParameters } from "./actions/request-inference-sync.ts";
import { requestInference, type RequestInferenceParameters } from "./actions/request-inference.ts";
import { requestLinearCheck, type RequestLinearCheckParameters } from "./actions/request-linear-check.ts";
import { requestRefreshed, type RequestRefreshedParameters } from "./actions/request-refreshed.ts";
import { requestMasked, type RequestMaskedParameters } from "./actions/request-masked.ts";
import { signClientClaims, type SignClientClaimsParameters } from "./actions/sign-client-claims.ts";
import { withdraw, type WithdrawParameters } from "./actions/withdraw.ts";
import type { AssayConfig, Configured } from "./assay-config.ts";
import type { WalletLike } from "./send.ts";

/**
 * Paying and requesting actions of one hub for a viem wallet client.
 *
 * @example
 * const wallet = createWalletClient({ account, transport: http(url) }).extend(assayWalletActions({ hub, crypto: nodeCrypto }));
 * const { jobId } = await wallet.requestInference({ manifest, input });
 */
export function assayWalletActions(config: AssayConfig) {
  return (client: WalletLike) => ({
    deposit: async (parameters: Configured<DepositParameters>) => deposit(client, { ...config, ...parameters }),
    depositWithPermit: async (parameters: Configured<DepositWithPermitParameters>) =>
      depositWithPermit(client, { ...config, ...parameters }),
    deliverInput: async (parameters: Configured<DeliverInputParameters>) =>
      deliverInput(client, { ...config, ...parameters }),
    requestAgreement: async (parameters: Configured<RequestAgreementParameters>) =>
      requestAgreement(client, { ...config, ...parameters }),
    requestCipher: async (parameters: Configured<RequestCipherParameters>) =>
      requestCipher(client, { ...config, ...parameters }),
    requestRefreshed: async (parameters: Configured<RequestRefreshedParameters>) =>
      requestRefreshed(client, { ...config, ...parameters }),
    requestLinearCheck: async (parameters: Configured<RequestLinearCheckParameters>) =>
      requestLinearCheck(client, { ...config, ...parameters }),
    joinResults: async (parameters: Configured<JoinResultsParameters>) =>
      joinResults(client, { ...config, ...parameters }),
    requestMasked: async (parameters: Configured<RequestMaskedParameters>) =>
      requestMasked(client, { ...config, ...parameters }),
    registerModel: async (parameters: Configured<RegisterModelParameters>) =>
      registerModel(client, { ...config, ...parameters }),
    registerKey: async (parameters: Configured<RegisterKeyParameters>) =>
      registerKey(client, { ...config, ...parameters }),
    withdraw: async (parameters: Configured<WithdrawParameters>) => withdraw(client, { ...config, ...parameters }),
    requestInference: async (parameters: Configured<RequestInferenceParameters>) =>
      requestInference(client, { ...config, ...parameters }),
    signClientClaims: async (parameters: Configured<SignClientClaimsParameters>) =>
      signClientClaims(client, { ...config, ...parameters }),
    requestInferenceSync: async (parameters: Configured<RequestInferenceSyncParameters>) =>
      requestInferenceSync(client, { ...config, ...parameters }),
  });
}
