// SPDX-License-Identifier: GPL-3.0-or-later
// An in-process chain with a whole deployment, staked workers, and their votes as real transactions.
import { network } from "hardhat";
import { type Address, type Hex, encodeAbiParameters, keccak256, maxUint256, parseEther, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { batchFlags } from "../../offchain/core/batch.ts";
import { claimHash, commitDigest, commitment, commitSet, revealDigest, type Claim } from "../../offchain/core/claim.ts";
import { fromHex } from "../../offchain/core/bytes.ts";
import { OPTIMISTIC, VOTE } from "../../offchain/core/types.ts";
import { drawSeed, ROUND_0_STAGE } from "../../offchain/core/draw.ts";
import { domainSeparator, typedDigest, typeHash } from "../../offchain/core/eip712.ts";
import { committeeSize } from "../../offchain/core/vote.ts";
import { signDigest } from "../../offchain/core/signature.ts";
import { deployAssay } from "../../scripts/deploy/deploy-assay.ts";
import { developmentSet, mainSet } from "../../scripts/deploy/parameters.ts";

const ZERO = `0x${"0".repeat(64)}` as const;
const NOBODY = `0x${"0".repeat(40)}` as const;
const ACCOUNTS_SLOT = 2n;
const REWARD = parseEther("1");

export const EMPTY_RECORD = { seats: [], boundaries: [], tallies: [], decided: 0 } as const;

export interface JobShape {
  readonly k: number;
  readonly stages: number;
  readonly window?: number;
  /** Inputs of a batch; none by default. */
  readonly inputs?: number;
  /** One answers, audited with this probability. */
  readonly auditBps?: number;
}

type JobRecord = {
  readonly seats: readonly number[];
  readonly boundaries: readonly Hex[];
  readonly tallies: readonly {
    readonly stage: number;
    readonly round: number;
    readonly seats: readonly number[];
    readonly said: readonly Hex[];
    readonly challenger: Hex;
    readonly bond: bigint;
  }[];
  readonly decided: number;
};

/** What a committee is asked, and what each of its seats says. */
export interface Ballot {
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
  readonly inDigest: Hex;
  readonly ids: readonly number[];
  readonly outs: readonly Hex[];
}

/** Deploys, and seats `workers` workers whose accounts look used. */
export async function createHubChain(workers: number) {
  const { viem, networkHelpers, provider } = await network.create("hardhatMainnet");
  const publicClient = await viem.getPublicClient();
  const [walletClient] = await viem.getWalletClients();
  if (walletClient === undefined) throw new TypeError("the chain has no accounts");
  const me = walletClient.account.address;
  const M = 1000n * REWARD;
  const deployment = await deployAssay({
    publicClient,
    walletClient,
    parameterOverrides: {
      minimumStake: M,
      unbondingSeconds: 14 * 86_400,
      epochSeconds: 6 * 3600,
      sets: [developmentSet, mainSet],
    },
  });
  const hub = await viem.getContractAt("IAssayHub", deployment.hub);
  const vault = await viem.getContractAt("IStakeVault", deployment.vault);
  const registry = await viem.getContractAt("IModelRegistry", deployment.registry);
  const keyRegistry = await viem.getContractAt("IKeyRegistry", deployment.keys);
  const token = await viem.getContractAt("DevToken", deployment.token);
  const router = await viem.getContractAt("IEvidenceRouter", await hub.read.router());
  await token.write.mint([me, 10n ** 28n]);
  await token.write.approve([hub.address, maxUint256]);
  await token.write.approve([vault.address, maxUint256]);
  await hub.write.deposit([10n ** 24n]);

  const keys = Array.from({ length: workers }, (_, n) => keccak256(toHex(`worker ${n}`)));
  const signers = keys.map((key) => privateKeyToAccount(key).address);
  for (const [n, signer] of signers.entries()) {
    await networkHelpers.impersonateAccount(signer);
    await networkHelpers.setBalance(signer, 10n ** 20n);
    const { r, vs } = sign(n, registration(signer));
    const profile = {
      transportId: toHex(n + 1, { size: 32 }),
      sealKey: toHex(n + 1, { size: 32 }),
      capabilities: 0n,
      expiry: 2 ** 40,
      endpoints: "",
    };
    await vault.write.register([signer, profile, r, vs], { account: signer });
    await vault.write.stake([n + 1, M]);
    const change = { workerId: n + 1, ticketClass: 0, add: 4, remove: [] };
    await vault.write.applyChanges([[change]], { account: signer });
    // As after one agreed seat: a steady state pays no first write.
    const slot = keccak256(encodeAbiParameters([{ type: "uint32" }, { type: "uint256" }], [n + 1, ACCOUNTS_SLOT]));
    await networkHelpers.setStorageAt(hub.address, slot, (1n << 128n) | (9950n << 96n) | REWARD);
  }
  await vault.write.advanceEpoch();
  const chainId = BigInt(await publicClient.getChainId());
  const domain = domainSeparator({ chainId, hub: hub.address });

  function sign(n: number, digest: Uint8Array): { r: Hex; vs: Hex } {
    return signDigest(digest, fromHex(keys[n] ?? ZERO, 32));
  }

  function registration(owner: Address): Uint8Array {
    const separator = keccak256(
      encodeAbiParameters(
        [{ type: "bytes32" }, { type: "bytes32" }, { type: "bytes32" }, { type: "uint256" }, { type: "address" }],
        [
          typeHash("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
          keccak256(toHex("Assay Vault")),
          keccak256(toHex("1")),
          BigInt(31337),
          vault.address,
        ],
      ),
    );
    const struct = encodeAbiParameters(
      [{ type: "bytes32" }, { type: "address" }],
      [typeHash("Register(address owner)"), owner],
    );
    return typedDigest(separator, keccak256(struct));
  }

  const gasOf = async (hash: Hex): Promise<number> =>
    Number((await publicClient.waitForTransactionReceipt({ hash })).gasUsed);

  let nonce = 0n;
  const models = new Map<number, Hex>();

  async function model(stages: number): Promise<Hex> {
    const known = models.get(stages);
    if (known !== undefined) return known;
    const manifest = {
      name: "bench",
      programRoot: keccak256(toHex(`program ${stages}`)),
      stages: Array.from({ length: stages }, (_, s) => ({
        place: 0,
        inKind: 0,
        outKind: 0,
        probe: 0xffff,
        kernel: keccak256(toHex(`kernel ${s}`)),
        keyId: ZERO,
        weightsX: ZERO,
        weightsY: ZERO,
        producers: [s === 0 ? 0xffff : s - 1],
      })),
      acceptedMasks: (1 << VOTE) | (stages === 1 ? 1 << OPTIMISTIC : 0),
      workUnits: 1n,
      weightsHash: keccak256("0x01"),
      reportHash: keccak256("0x02"),
      toolsHash: keccak256("0x03"),
    };
    const id = await registry.read.idOf([manifest]);
    await registry.write.register([manifest]);
    models.set(stages, id);
    return id;
  }

  /** Requests a job and mines its seed. */
  async function request({ k, stages, window = 0, inputs = 0, auditBps }: JobShape) {
    const now = Number((await publicClient.getBlock()).timestamp);
    const spec = {
      modelId: await model(stages),
      inDigest: keccak256(toHex(`input ${nonce}`)),
      inputRef: keccak256(toHex(`ref ${nonce}`)),
      stages,
      policy: {
        mask: auditBps === undefined ? VOTE : OPTIMISTIC,
        k,
        auditBps: auditBps ?? 10_000,
        cls: 0,
        flags: inputs === 0 ? 0 : batchFlags(0, inputs),
        // Inequalities 1 and 4.
        seatStake: (auditBps === undefined ? 4n * (2n * BigInt(k) + 1n) : 60n) * REWARD,
        window,
        tWork: 60,
        tReveal: 120,
        ticketClass: 0,
      },
      seatReward: REWARD,
      pokeFee: REWARD / 20n,
      insuredValue: 0n,
      client: me,
      callback: NOBODY,
      callbackGas: 0,
      expiry: now + 5 * 86_400,
      paramsVersion: 1,
      resultKey: keccak256(toHex(`result key ${nonce}`)),
    };
    const job = { requester: me, nonce: nonce++, spec };
    const gas = await gasOf(await hub.write.request([job.nonce, spec]));
    await networkHelpers.mine(3);
    const jobId = await hub.read.jobIdOf([me, job.nonce, spec]);
    const slot = await hub.read.slot([jobId]);
    const block = await publicClient.getBlock({ blockNumber: BigInt(slot.seedRef) });
    const seed = drawSeed(block.hash, jobId, ROUND_0_STAGE, 0);
    const [ids] = await vault.read.draw([slot.tableVersion, 0, toHexWord(seed), [], BigInt(k * stages)]);
    return { job, jobId, ids, gas };
  }

  type Requested = Awaited<ReturnType<typeof request>>;

  // Below r, as every SALTED digest.
  const outOf = (jobId: Hex, stage: number): Hex => `0x00${keccak256(toHex(`out ${jobId} ${stage}`)).slice(4)}`;

  /** What the first committee of a stage is asked; everybody says the stage's digest. */
  function ballotOf({ jobId, ids, job }: Requested, stage: number): Ballot {
    const k = job.spec.policy.k;
    const inDigest = stage === 0 ? job.spec.inDigest : outOf(jobId, stage - 1);
    const seats = ids.slice(stage * k, stage * k + k);
    return { jobId, stage, round: 0, inDigest, ids: seats, outs: seats.map(() => outOf(jobId, stage)) };
  }

  /** The larger committee that a challenge of this stage has drawn, saying the same. */
  async function escalated(requested: Requested, record: JobRecord, stage: number): Promise<Ballot> {
    const { job, jobId } = requested;
    const slot = await hub.read.slot([jobId]);
    const block = await publicClient.getBlock({ blockNumber: BigInt(slot.seedRef) });
    const seed = toHexWord(drawSeed(block.hash, jobId, stage, slot.round));
    const excluded = [...record.seats, ...record.tallies.flatMap(({ round, seats }) => (round > 0 ? seats : []))];
    const size = BigInt(committeeSize(job.spec.policy.k, slot.round));
    const [ids] = await vault.read.draw([slot.tableVersion, 0, seed, excluded, size]);
    return { ...ballotOf(requested, stage), round: slot.round, ids, outs: ids.map(() => outOf(jobId, stage)) };
  }

  /** Claims, commitments and salts of a committee. */
  function seatsOf({ jobId, stage, round, inDigest, ids, outs }: Ballot) {
    return ids.map((id, i) => {
      const worker = signers[id - 1] ?? NOBODY;
      const claim: Claim = { jobId, stage, inDigest, outDigest: outs[i] ?? ZERO, worker };
      const salt = keccak256(claimHash(claim));
      return { n: id - 1, claim, salt, commitment: commitment(domain, { claim, round, payload: ZERO, salt }) };
    });
  }

  /** A complete set: everyone's opening and Reveal. */
  function votesOf(ballot: Ballot) {
    const seats = seatsOf(ballot);
    const outs = [...new Set(ballot.outs)];
    const set = commitSet(seats.map((seat) => seat.commitment));
    const { round } = ballot;
    return {
      outs,
      payloads: outs.map(() => ZERO),
      seats: seats.map(({ n, claim, salt }) => ({
        which: outs.indexOf(claim.outDigest),
        salt,
        ...sign(n, revealDigest(domain, { claim, round, payload: ZERO, extra: ZERO, commitSet: set })),
      })),
    };
  }

  const stageVotes = (requested: Requested, stage: number) => votesOf(ballotOf(requested, stage));

  async function submit(requested: Requested): Promise<number> {
    const votes = Array.from({ length: requested.job.spec.stages }, (_, stage) => stageVotes(requested, stage));
    return gasOf(await hub.write.submit([requested.job, EMPTY_RECORD, [], votes, "0x"]));
  }

  function signedCommits(requested: Requested, stage: number) {
    return seatsOf(ballotOf(requested, stage)).map(({ n, commitment: value }, seat) => ({
      seat,
      commitment: value,
      ...sign(n, commitDigest(domain, { jobId: requested.jobId, stage, round: 0, commitment: value })),
    }));
  }

  return {
    hub,
    vault,
    registry,
    keys: keyRegistry,
    token,
    router,
    publicClient,
    walletClient,
    domain,
    me,
    provider,
    networkHelpers,
    viem,
    signers,
    gasOf,
    request,
    submit,
    ballotOf,
    escalated,
    seatsOf,
    votesOf,
    stageVotes,
    signedCommits,
  };
}

function toHexWord(word: Hex | Uint8Array | bigint): Hex {
  return typeof word === "string" ? word : toHex(word, { size: 32 });
}
