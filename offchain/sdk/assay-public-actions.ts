// SPDX-License-Identifier: MIT
import type { Client } from "viem";
import { assertDeployment, type AssertDeploymentParameters } from "./actions/assert-deployment.ts";
import { checkSchedule, type CheckScheduleParameters } from "./actions/check-schedule.ts";
import { getAdverts, type GetAdvertsParameters } from "./actions/get-adverts.ts";
import { getBalance, type GetBalanceParameters } from "./actions/get-balance.ts";
import { fetchResult, type FetchResultParameters } from "./actions/fetch-result.ts";
import { getJob, type GetJobParameters } from "./actions/get-job.ts";
import { getReceipt, type GetReceiptParameters } from "./actions/get-receipt.ts";
import { getSeats, type GetSeatsParameters } from "./actions/get-seats.ts";
import { getWorkerProfiles, type GetWorkerProfilesParameters } from "./actions/get-worker-profiles.ts";
import { listJobs, type ListJobsParameters } from "./actions/list-jobs.ts";
import { quoteInference, type QuoteInferenceParameters } from "./actions/quote-inference.ts";
import {
  quoteJobTime,
  quotePolicies,
  type QuotePoliciesParameters,
  type QuoteTimeParameters,
} from "./actions/quote-policies.ts";
import { watchJobs, type WatchJobsParameters } from "./actions/watch-jobs.ts";
import type { AssayConfig, Configured } from "./assay-config.ts";

/**
 * Read actions of one hub for any viem client.
 *
 * @example
 * const client = createPublicClient({ transport: http(url) }).extend(assayPublicActions({ hub, crypto: nodeCrypto }));
 * const { escrow } = await client.quoteInference({ manifest });
 */
export function assayPublicActions(config: AssayConfig) {
  return (client: Client) => ({
    assertDeployment: async (parameters: Configured<AssertDeploymentParameters> = {}) =>
      assertDeployment(client, { ...config, ...parameters }),
    checkSchedule: async (parameters: Configured<CheckScheduleParameters>) =>
      checkSchedule(client, { ...config, ...parameters }),
    fetchResult: async (parameters: Configured<FetchResultParameters>) =>
      fetchResult(client, { ...config, ...parameters }),
    getBalance: async (parameters: Configured<GetBalanceParameters>) =>
      getBalance(client, { ...config, ...parameters }),
    getJob: async (parameters: Configured<GetJobParameters>) => getJob(client, { ...config, ...parameters }),
    getReceipt: async (parameters: Configured<GetReceiptParameters>) =>
      getReceipt(client, { ...config, ...parameters }),
    getSeats: async (parameters: Configured<GetSeatsParameters>) => getSeats(client, { ...config, ...parameters }),
    getWorkerProfiles: async (parameters: Configured<GetWorkerProfilesParameters>) =>
      getWorkerProfiles(client, { ...config, ...parameters }),
    listJobs: async (parameters: Configured<ListJobsParameters> = {}) => listJobs(client, { ...config, ...parameters }),
    quoteInference: async (parameters: Configured<QuoteInferenceParameters>) =>
      quoteInference(client, { ...config, ...parameters }),
    quotePolicies: async (parameters: Configured<QuotePoliciesParameters>) =>
      quotePolicies(client, { ...config, ...parameters }),
    quoteTime: async (parameters: Configured<QuoteTimeParameters>) =>
      quoteJobTime(client, { ...config, ...parameters }),
    getAdverts: async (parameters: Configured<GetAdvertsParameters>) =>
      getAdverts(client, { ...config, ...parameters }),
    watchJobs: (parameters: Configured<WatchJobsParameters>) => watchJobs(client, { ...config, ...parameters }),
  });
}
