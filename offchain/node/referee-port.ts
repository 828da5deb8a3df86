// SPDX-License-Identifier: GPL-3.0-or-later
import { approveTokens } from "../adapters/chain/actions/approve-tokens.ts";
import { challengeDefence } from "../adapters/chain/actions/challenge-defence.ts";
import { courtStage } from "../adapters/chain/actions/court-stage.ts";
import { crownDefence } from "../adapters/chain/actions/crown-defence.ts";
import { defendDigest } from "../adapters/chain/actions/defend-digest.ts";
import { getAllowance } from "../adapters/chain/actions/get-allowance.ts";
import { getBondsOwed } from "../adapters/chain/actions/get-bonds-owed.ts";
import { getDefence } from "../adapters/chain/actions/get-defence.ts";
import { getGame } from "../adapters/chain/actions/get-game.ts";
import { getGasMoney } from "../adapters/chain/actions/get-gas-money.ts";
import { getGasPrice } from "../adapters/chain/actions/get-gas-price.ts";
import { getHead } from "../adapters/chain/actions/get-head.ts";
import { getParameters } from "../adapters/chain/actions/get-parameters.ts";
import { getReferee } from "../adapters/chain/actions/get-referee.ts";
import { getSlot } from "../adapters/chain/actions/get-slot.ts";
import { getTokenBalance } from "../adapters/chain/actions/get-token-balance.ts";
import { getVerdict } from "../adapters/chain/actions/get-verdict.ts";
import { pickNode } from "../adapters/chain/actions/pick-node.ts";
import { pickResidue } from "../adapters/chain/actions/pick-residue.ts";
import { postChunk } from "../adapters/chain/actions/post-chunk.ts";
import { postNodes } from "../adapters/chain/actions/post-nodes.ts";
import { proveStep } from "../adapters/chain/actions/prove-step.ts";
import { reclaimBond } from "../adapters/chain/actions/reclaim-bond.ts";
import { releaseBond } from "../adapters/chain/actions/release-bond.ts";
import { timeoutGame } from "../adapters/chain/actions/timeout-game.ts";
import { withdrawBonds } from "../adapters/chain/actions/withdraw-bonds.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { ChainError } from "../adapters/chain/errors.ts";
import { findJob, latestRecord } from "../adapters/chain/find-job.ts";
import { getPosted, listDefences, listGames } from "../adapters/chain/list-games.ts";
import { listManifests } from "../adapters/chain/list-manifests.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { stageInDigest } from "../core/digest.ts";
import { recordHash } from "../core/job.ts";
import { jobTable } from "../core/network-part.ts";
import type { CipherStage } from "../core/she/cipher-stage.ts";
import type { StepProof } from "../core/she/judge-step.ts";
import { ZERO_BYTES32, type Job, type Record as JobRecord, type StageInfo } from "../core/types.ts";
import type { Hex, SlotView } from "../protocol/ports.ts";
import type { ChallengerMove, DefenceView, DefenderMove, GameStatus, RefereePort } from "../protocol/referee-ports.ts";
import { STATE } from "../protocol/seat-machine.ts";
import { EMPTY_RECORD } from "../protocol/session-state.ts";

export interface RefereePortOptions {
  /** Block of the deployment: nothing before it matters. */
  readonly fromBlock: bigint;
  readonly maxRange: number;
  /** A defence so deep in the chain keeps its number. */
  readonly confirmations: number;
}

/** Where and as of when the referee is asked. */
interface At {
  readonly referee: Hex;
  readonly blockNumber: bigint;
}

const NOBODY = "0x0000000000000000000000000000000000000000";
const PHASES = { 1: "tree", 2: "row", 3: "chunk", 4: "step" } as const;
const lower = (address: string): Hex => `0x${address.slice(2).toLowerCase()}`;

const stageWords = ({ profile, levelIn, levelOut, depth, opRoot, weightRoot }: CipherStage) => ({
  profile: profile.id,
  levelIn,
  levelOut,
  depth,
  opRoot,
  weightRoot,
});

const proofWords = ({ record, recordPath, chunk, operands }: StepProof) => ({
  record: toHex(record),
  recordPath,
  chunk: toHex(chunk),
  operands: operands.map(({ chunk: bytes, path }) => ({ chunk: toHex(bytes), path })),
});

/** `RefereePort` over the chain adapter. Disputes are read from the chain each time; only what never changes is remembered. */
export function createRefereePort(chain: Chain, options: RefereePortOptions): RefereePort {
  const { fromBlock, confirmations } = options;
  const maxRange = BigInt(options.maxRange);
  const party = lower(chain.sender?.address ?? NOBODY);
  let known: Hex | null = null;
  let now = 0;
  const jobs = new Map<Hex, { readonly job: Job; readonly since: bigint }>();
  const records = new Map<Hex, JobRecord>();

  /** Added once and never exchanged, but a worker may have started before. */
  const find = async (): Promise<Hex | null> => (known ??= await getReferee(chain));
  const referee = async (): Promise<Hex> => {
    const address = await find();
    if (address === null)
      throw new ChainError("NO_CONTRACT", { name: "CipherReferee", address: NOBODY, chain: chain.chainId });
    return address;
  };
  const since = async (jobId: Hex): Promise<bigint> => {
    const found = jobs.get(jobId);
    if (found !== undefined) return found.since;
    const request = await findJob(chain, { jobId, fromBlock, maxRange });
    if (request === null) return fromBlock;
    // A request can be mined again in another block after a reorganisation, not much earlier.
    const first = request.blockNumber - BigInt(confirmations) - 16n;
    jobs.set(jobId, { job: request.job, since: first > fromBlock ? first : fromBlock });
    return first > fromBlock ? first : fromBlock;
  };

  /** What the hub told, if it is what its storage is bound to; else what was known before. */
  const recordOf = async (jobId: Hex, slot: SlotView): Promise<JobRecord> => {
    const last = records.get(jobId);
    if (slot.state !== STATE.WINDOW && slot.state !== STATE.HUNG) return last ?? EMPTY_RECORD;
    if (last !== undefined && recordHash(last) === slot.word) return last;
    const told = await latestRecord(chain, { jobId, fromBlock: await since(jobId), maxRange });
    if (told === null || recordHash(told) !== slot.word) return EMPTY_RECORD;
    records.set(jobId, told);
    return told;
  };

  const readDefence = async (at: At, id: bigint, isSettled: boolean): Promise<DefenceView> => {
    const d = await getDefence(chain, { ...at, defence: id });
    const { inDigest, outDigest, traceRoot, defeated, running, bond } = d;
    return { id, party: lower(d.party), inDigest, outDigest, traceRoot, defeated, running, bond, isSettled };
  };

  /** None that was opened later. */
  const readGame = async (at: At, id: bigint): Promise<readonly GameStatus[]> => {
    const g = await getGame(chain, { ...at, game: id });
    if (g.challenger === NOBODY) return [];
    const { defence, defenderMoves, deadline, bond, levels, row, coordinate } = g;
    const phase = g.phase in PHASES ? PHASES[g.phase as keyof typeof PHASES] : null;
    const place = phase === null ? null : { phase, levels, row, coordinate };
    return [{ id, defence, challenger: lower(g.challenger), place, defenderMoves, deadline, bond }];
  };

  const inDigestOf = (job: Job, table: readonly StageInfo[], stage: number, slot: SlotView, record: JobRecord) => {
    const isThere = slot.state === STATE.WINDOW ? stage < record.boundaries.length : slot.state === STATE.HUNG;
    const isBound = isThere && recordHash(record) === slot.word;
    const producers = table[stage]?.producers ?? [];
    // The referee takes stages of one input only.
    const isFed = producers.length === 1 && producers.every((p) => p === 0xffff || p < record.boundaries.length);
    return isBound && isFed ? stageInDigest(table, stage, job.spec.inDigest, record.boundaries) : null;
  };

  const move = async (
    jobId: Hex,
    game: bigint,
    made: DefenderMove | ChallengerMove,
    facts: { readonly stage: CipherStage; readonly inDigest: Hex; readonly keySetRoot: Hex },
  ): Promise<unknown> => {
    const to = { referee: await referee(), jobId, game };
    switch (made.kind) {
      case "post":
        return postNodes(chain, { ...to, nodes: made.nodes });
      case "postChunk":
        return postChunk(chain, { ...to, chunk: toHex(made.chunk) });
      case "pick":
        return pickNode(chain, { ...to, index: BigInt(made.index), node: made.node, path: made.path });
      case "pickResidue":
        return pickResidue(chain, { ...to, index: made.index });
      case "proveStep": {
        const words = { ...facts, stage: stageWords(facts.stage) };
        return proveStep(chain, { ...to, facts: words, proof: proofWords(made.proof) });
      }
    }
  };

  return {
    party,
    now: () => now,
    async job(jobId) {
      await since(jobId);
      return jobs.get(jobId)?.job ?? null;
    },
    async stageTable(modelId) {
      const [manifest] = await listManifests(chain, { modelId, fromBlock });
      return manifest === undefined ? [] : jobTable(manifest);
    },
    async terms(version) {
      const { minWindow, hung, moveTime } = await getParameters(chain, { version });
      return { minWindow, hung, moveTime };
    },
    async view(jobId, job, table, stage) {
      const address = await find();
      const head = await getHead(chain);
      now = Number(head.timestamp);
      const slot = await getSlot(chain, { jobId });
      if (address === null || slot.state === STATE.NONE) return null;
      const record = await recordOf(jobId, slot);
      const range = { referee: address, fromBlock: await since(jobId), maxRange };
      // Who won a game is told by game and defence together: both as of one block.
      const at: At = { referee: address, blockNumber: head.number };
      const made = (await listDefences(chain, { ...range, jobId })).filter(
        (one) => one.stage === stage && one.blockNumber <= head.number,
      );
      const ids = made.map(({ defence }) => defence);
      const [defences, games] = await Promise.all([
        Promise.all(
          made.map((one) => readDefence(at, one.defence, one.blockNumber + BigInt(confirmations) <= head.number)),
        ),
        listGames(chain, { ...range, defences: ids }).then((all) =>
          Promise.all(all.map((id) => readGame(at, id))).then((found) => found.flat()),
        ),
      ]);
      const inDigest = inDigestOf(job, table, stage, slot, record);
      const [outDigest, winner] =
        inDigest === null || defences.length === 0
          ? [ZERO_BYTES32, NOBODY]
          : await getVerdict(chain, { referee: address, jobId, stage, inDigest });
      const verdict =
        outDigest === ZERO_BYTES32 ? null : { outDigest, winner: winner === NOBODY ? null : lower(winner) };
      return { slot, record, inDigest, defences, games, verdict };
    },
    async posted(jobId, game) {
      const shown = await getPosted(chain, { referee: await referee(), fromBlock: await since(jobId), maxRange, game });
      if (shown === null) return null;
      return "nodes" in shown ? shown.nodes : fromHex(shown.chunk);
    },
    async purse() {
      const address = await referee();
      const [tokens, allowance, gasMoney, gasPrice, owed] = await Promise.all([
        getTokenBalance(chain, { account: party }),
        getAllowance(chain, { owner: party, spender: address }),
        getGasMoney(chain, { account: party }),
        getGasPrice(chain),
        getBondsOwed(chain, { referee: address, party }),
      ]);
      return { tokens, allowance, gasMoney, gasPrice, owed };
    },
    async approve(amount) {
      await approveTokens(chain, { spender: await referee(), amount });
    },
    async defend({ jobId, job, record, table, stage, facts, commitment }) {
      const call = { referee: await referee(), jobId, job, record, table, stage, commitment };
      await defendDigest(chain, { ...call, facts: stageWords(facts) });
    },
    async challenge({ jobId, job, record, defence }) {
      await challengeDefence(chain, { referee: await referee(), jobId, job, record, defence });
    },
    move: async (...made) => void (await move(...made)),
    timeout: async (jobId, game) => void (await timeoutGame(chain, { referee: await referee(), jobId, game })),
    crown: async (jobId, defence) => void (await crownDefence(chain, { referee: await referee(), jobId, defence })),
    release: async (jobId, defence) => void (await releaseBond(chain, { referee: await referee(), jobId, defence })),
    reclaim: async (jobId, game) => void (await reclaimBond(chain, { referee: await referee(), jobId, game })),
    withdraw: async () => void (await withdrawBonds(chain, { referee: await referee() })),
    court: async (call) => void (await courtStage(chain, call)),
  };
}
