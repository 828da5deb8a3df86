// SPDX-License-Identifier: MIT
import { EVIDENCE } from "./policy.ts";

export type PresetName =
  | "general-vote"
  | "general-split"
  | "critical-cipher"
  | "critical-proof"
  | "critical-enclave"
  | "fast-enclave"
  | "economy";

export type Explanation = {
  /** What a receipt will hold. */
  readonly evidence: string;
  /** What the requester pays, beside fee and pokes. */
  readonly cost: string;
  /** Who could read the input. */
  readonly sees: string;
  /** What it does not protect against. */
  readonly limits: string;
};

/** A policy as data: numbers that do not depend on the job. */
export type Preset = {
  readonly name: PresetName;
  readonly mask: number;
  /** Committee sizes to try, smallest first: the first that may insure the job's value is taken. */
  readonly sizes: readonly { readonly k: number; readonly stakePerReward: number }[];
  readonly auditBps: number;
  /** Seconds; a development set replaces them by its W. */
  readonly window: number;
  readonly windowUninsured: number;
  /** Insured value in tenths of a seat's reward that the protocol's table allows; -1 for unlimited. */
  readonly insuredTenths: number;
  readonly explanation: Explanation;
};

/** protocol.md section 8. Sizes, stakes and values are those of its table. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  "general-vote": {
    name: "general-vote",
    mask: EVIDENCE.VOTE,
    sizes: [{ k: 5, stakePerReward: 44 }],
    auditBps: 10_000,
    window: 600,
    windowUninsured: 0,
    insuredTenths: 1400,
    explanation: {
      evidence: "Four of five staked operators, each bound before seeing another's answer, opened the same digest.",
      cost: "Five seat rewards a stage.",
      sees: "The five seats.",
      limits: "All five seats hostile (0.03% at 20% hostile stake) go unnoticed; every seat sees the input.",
    },
  },
  "general-split": {
    name: "general-split",
    mask: EVIDENCE.VOTE,
    sizes: [
      { k: 3, stakePerReward: 28 },
      { k: 5, stakePerReward: 44 },
    ],
    auditBps: 10_000,
    window: 600,
    windowUninsured: 600,
    insuredTenths: -1,
    explanation: {
      evidence:
        "Each network stage has a committee's vote; the first stage (and the last) ran at the client, unproven.",
      cost: "Three seat rewards a stage, five where more is insured.",
      sees: "Nobody but the client; the seats of a stage see its boundary.",
      limits:
        "Boundary activations leak what the leakage report says: this is not encryption. All-hostile committees of three occur in 0.8% of stages at 20% hostile stake.",
    },
  },
  "critical-cipher": {
    name: "critical-cipher",
    mask: EVIDENCE.VOTE | EVIDENCE.CIPHER,
    sizes: [{ k: 5, stakePerReward: 44 }],
    auditBps: 10_000,
    window: 600,
    windowUninsured: 600,
    insuredTenths: -1,
    explanation: {
      evidence: "A committee voted on the ciphertext of every stage; only the client can decrypt.",
      cost: "Five seat rewards a stage at the price of encrypted inference, hundreds of times the plain one.",
      sees: "Nobody but the client.",
      limits: "Results are approximate within the registered error; all-hostile committees, as for general-vote.",
    },
  },
  "critical-proof": {
    name: "critical-proof",
    mask: EVIDENCE.PROOF,
    sizes: [{ k: 1, stakePerReward: 12 }],
    auditBps: 0,
    window: 0,
    windowUninsured: 0,
    insuredTenths: -1,
    explanation: {
      evidence: "A Groth16 proof of every stage, chained by boundary commitments and checked on chain.",
      cost: "One seat reward a stage at the price of proving.",
      sees: "The prover of the first stage.",
      limits: "The prover of a stage sees its input; rests on the proof system, its circuit and its key ceremony.",
    },
  },
  "critical-enclave": {
    name: "critical-enclave",
    mask: EVIDENCE.ENCLAVE | EVIDENCE.PROOF,
    sizes: [{ k: 2, stakePerReward: 20 }],
    auditBps: 0,
    window: 0,
    windowUninsured: 0,
    insuredTenths: -1,
    explanation: {
      evidence: "Two enclaves of different vendors and operators agree on every stage, and one proves it inside.",
      cost: "Two seat rewards a stage at the price of proving.",
      sees: "Two enclaves, not their operators.",
      limits: "Confidentiality falls with the weaker enclave, for both see the input; side channels remain.",
    },
  },
  "fast-enclave": {
    name: "fast-enclave",
    mask: EVIDENCE.ENCLAVE | EVIDENCE.OPTIMISTIC,
    sizes: [{ k: 3, stakePerReward: 53 }],
    auditBps: 200,
    window: 300,
    windowUninsured: 300,
    insuredTenths: 0,
    explanation: {
      evidence: "One attested enclave signed the result; 2% of jobs are audited by two others after the fact.",
      cost: "One seat reward, three when audited.",
      sees: "The enclave, not its operator; the two auditors drawn with it.",
      limits: "Insures nothing: a broken enclave's wrong answer stands with 98% unless somebody challenges.",
    },
  },
  economy: {
    name: "economy",
    mask: EVIDENCE.OPTIMISTIC,
    sizes: [{ k: 5, stakePerReward: 44 }],
    auditBps: 800,
    window: 3600,
    windowUninsured: 3600,
    insuredTenths: 27,
    explanation: {
      evidence: "One staked operator answered and nobody objected for an hour; 8% of jobs are audited by four others.",
      cost: "One seat reward, five when audited.",
      sees: "The operator that answers and the four auditors drawn with it.",
      limits: "A wrong answer stands in nine of ten jobs unless challenged: lying is unprofitable, not impossible.",
    },
  },
};
