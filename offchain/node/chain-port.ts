// SPDX-License-Identifier: GPL-3.0-or-later
import { challengeStage } from "../adapters/chain/actions/challenge-stage.ts";
import { commitMany } from "../adapters/chain/actions/commit-many.ts";
import { commitVote } from "../adapters/chain/actions/commit-vote.ts";
import { courtStage } from "../adapters/chain/actions/court-stage.ts";
import { lateCourtStage } from "../adapters/chain/actions/late-court-stage.ts";
import { getParameters } from "../adapters/chain/actions/get-parameters.ts";
import { drawAudit } from "../adapters/chain/actions/draw-audit.ts";
import { drawSeats } from "../adapters/chain/actions/draw-seats.ts";
import { expireJob } from "../adapters/chain/actions/expire-job.ts";
import { getBalance } from "../adapters/chain/actions/get-balance.ts";
import { getBox } from "../adapters/chain/actions/get-box.ts";
import { getKey } from "../adapters/chain/actions/get-key.ts";
import { getModel } from "../adapters/chain/actions/get-model.ts";
import { getSeed } from "../adapters/chain/actions/get-seed.ts";
import { getSigners } from "../adapters/chain/actions/get-signers.ts";
import { getSlot } from "../adapters/chain/actions/get-slot.ts";
import { promoteStandbys } from "../adapters/chain/actions/promote-standbys.ts";
import { openProposal } from "../adapters/chain/actions/open-proposal.ts";
import { proposeAnswer } from "../adapters/chain/actions/propose-answer.ts";
import { proveEquivocation } from "../adapters/chain/actions/prove-equivocation.ts";
import { revealSketch } from "../adapters/chain/actions/reveal-sketch.ts";
import { revealVote } from "../adapters/chain/actions/reveal-vote.ts";
import { settleJob } from "../adapters/chain/actions/settle-job.ts";
import { submitProofs } from "../adapters/chain/actions/submit-proofs.ts";
import { submitSketches } from "../adapters/chain/actions/submit-sketches.ts";
import { submitVotes } from "../adapters/chain/actions/submit-votes.ts";
import { tallySketches } from "../adapters/chain/actions/tally-sketches.ts";
import { tallyVotes } from "../adapters/chain/actions/tally-votes.ts";
import { BundlingSender } from "../adapters/chain/bundling-sender.ts";
import { listManifests } from "../adapters/chain/list-manifests.ts";
import { listProfiles } from "../adapters/chain/list-profiles.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { domainSeparator } from "../core/eip712.ts";
import { isLibp2pEndpoint } from "../core/endpoints.ts";
import { hasCode } from "../core/errors.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import { jobTable } from "../core/network-part.ts";
import { ZERO_BYTES32 } from "../core/types.ts";
import type {
  ChainPort,
  EquivocationSide,
  Hex,
  JobCall,
  ModelView,
  ProtocolModules,
  WorkerProfile,
} from "../protocol/ports.ts";

const ZERO = ZERO_BYTES32;

/** Endpoints of a profile: addresses separated by spaces. Others are ignored: a typo must not stop the committee. */
export function parseEndpoints(transportId: Hex, endpoints: string): PeerAddress[] {
  return endpoints
    .split(/\s+/)
    .filter((url) => /^(https?|memory):\/\//.test(url) || isLibp2pEndpoint(url))
    .slice(0, 4)
    .map((url) => ({ id: transportId, url }));
}

const statement = ({ commitment, signature }: EquivocationSide) => ({
  commitment,
  inDigest: ZERO,
  outDigest: ZERO,
  payload: ZERO,
  extra: ZERO,
  commitSet: ZERO,
  r: `0x${signature.slice(2, 66)}` as const,
  vs: `0x${signature.slice(66)}` as const,
});

const NO_STATEMENT = statement({ commitment: ZERO, signature: `0x${"0".repeat(128)}` });

/** Calls that are ready within this time of each other share a transaction, where the worker is busy. */
const BUNDLE_WAIT_MS = 150;
const BUSY_MS = 3_000;

type BundlingModules = Pick<ProtocolModules, "clock" | "signal">;

function bundling(chain: Chain, { clock, signal }: BundlingModules): Chain {
  if (chain.sender === null) return chain;
  const options = { hub: chain.contracts.hub, waitMs: BUNDLE_WAIT_MS, busyMs: BUSY_MS };
  return { ...chain, sender: new BundlingSender(chain.sender, options, clock, signal) };
}

/** `ChainPort` over the chain adapter, with the few records that never change kept in memory. */
export function createChainPort(chain: Chain, fromBlock: bigint, modules: BundlingModules): ChainPort {
  const models = new Map<Hex, ModelView>();
  const profiles = new Map<number, WorkerProfile>();
  const keys = new Map<Hex, Hex>();
  const chainId = BigInt(chain.chainId);
  const hub: Hex = `0x${chain.contracts.hub.slice(2).toLowerCase()}`;
  const account = chain.sender?.address ?? "0x0000000000000000000000000000000000000000";
  const bundled = bundling(chain, modules);
  /** A job that calls its consumer goes alone: a stranger's code could burn the gas of the jobs beside it. */
  const via = ({ job }: JobCall): Chain => (BigInt(job.spec.callback) === 0n ? bundled : chain);
  const done = async (work: Promise<unknown>): Promise<void> => void (await work);
  return {
    chainId,
    hub,
    domainSeparator: domainSeparator({ chainId, hub }),
    now: () => chain.clock.now(),
    slot: (jobId) => getSlot(chain, { jobId }),
    box: (jobId, stage, round) => getBox(chain, { jobId, stage, round }),
    async seed(seedRef) {
      try {
        return await getSeed(chain, { seedRef });
      } catch (error) {
        if (hasCode(error, "REVERTED") && error.meta["name"] === "SeedNotReady") return null;
        throw error;
      }
    },
    async draw({ version, ticketClass, seed, excluded, count }) {
      const [ids, signers] = await drawSeats(chain, { version, ticketClass, seed, excluded, count: BigInt(count) });
      return { ids, signers };
    },
    signers: (workerIds) => getSigners(chain, { workerIds }),
    async profiles(workerIds) {
      const missing = workerIds.filter((id) => !profiles.has(id));
      for (const { workerId, profile } of await listProfiles(chain, { workerIds: missing, fromBlock })) {
        const { transportId, sealKey } = profile;
        profiles.set(workerId, {
          workerId,
          transportId,
          sealKey,
          addresses: parseEndpoints(transportId, profile.endpoints),
        });
      }
      return new Map(workerIds.flatMap((id) => (profiles.has(id) ? [[id, profiles.get(id) as WorkerProfile]] : [])));
    },
    forgetProfile: (workerId) => void profiles.delete(workerId),
    async model(modelId) {
      const known = models.get(modelId);
      if (known !== undefined) return known;
      const model = await getModel(chain, { modelId });
      models.set(modelId, model);
      return model;
    },
    async stageTable(modelId) {
      const [manifest] = await listManifests(chain, { modelId, fromBlock });
      return manifest === undefined ? [] : jobTable(manifest);
    },
    freeBalance: () => getBalance(chain, { account }),
    submit: (call) => done(submitVotes(via(call), call)),
    commit: (call) => done(commitVote(chain, call)),
    commitMany: (call) => done(commitMany(chain, call)),
    reveal: (call) => done(revealVote(chain, call)),
    tally: (call) => done(tallyVotes(chain, call)),
    submitSketches: (call) => done(submitSketches(via(call), call)),
    revealSketch: (call) => done(revealSketch(chain, call)),
    tallySketches: (call) => done(tallySketches(chain, call)),
    async key(keyId) {
      const known = keys.get(keyId) ?? (await getKey(chain, { keyId }));
      if (known !== null) keys.set(keyId, known);
      return known;
    },
    propose: (call) => done(proposeAnswer(chain, call)),
    // The stage table goes with an enclave's signature only.
    open: (call) => done(openProposal(chain, { ...call, table: call.evidence === "0x" ? [] : call.table })),
    drawAudit: (call) => done(drawAudit(chain, call)),
    submitProofs: (call) => done(submitProofs(chain, call)),
    court: (call) => done(courtStage(chain, call)),
    lateCourt: (call) => done(lateCourtStage(chain, call)),
    lateCourtSec: async (version) => (await getParameters(chain, { version })).lateCourt,
    expire: (call) => done(expireJob(via(call), call)),
    promote: (call) => done(promoteStandbys(chain, call)),
    challenge: (call) => done(challengeStage(chain, call)),
    settle: (call) => done(settleJob(via(call), call)),
    proveEquivocation: ({ workerId, jobId, stage, round, a, b }) =>
      done(
        proveEquivocation(chain, {
          workerId,
          proof:
            b === null
              ? { jobId, stage, round, kind: 2, a: statement(a), b: NO_STATEMENT }
              : { jobId, stage, round, kind: 0, a: statement(a), b: statement(b) },
        }),
      ),
  };
}
