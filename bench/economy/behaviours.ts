// SPDX-License-Identifier: GPL-3.0-or-later

/** What a seat says. The first three are the protocol's reserved words; guesses from GUESS on are all distinct. */
export const CODE = { ABSENT: 0, ABSTAIN: 1, HIDDEN: 2, TRUTH: 3, LIE: 4, GUESS: 5 } as const;

/** A seat's vote: what it says, and whether it ran the model for it. */
export type Vote = { readonly code: number; readonly works: boolean };

/** What a seat knows when it votes. */
export type Place = {
  readonly round: number;
  /** Seats of this committee, and how many of them are of the seat's own group. */
  readonly size: number;
  readonly own: number;
  readonly quorum: number;
  /** What stood before, and what the challenger of this round says; TRUTH in round 0. */
  readonly stands: number;
  readonly claimed: number;
  /** Whether seats of its own group have lied in this job already. */
  readonly lied: boolean;
  /** The most seats that its own group has in one later stage. */
  readonly later: number;
  /** A sampled job's primary, whose answer is fixed before the lottery. */
  readonly primary: boolean;
  /** A number in [0, 1) of this seat's own. */
  readonly chance: (salt: number) => number;
};

/** What a group that may challenge knows: `stands` is undefined if the stage hangs. */
export type Dispute = {
  readonly stands: number | undefined;
  /** The round that a challenge would open. */
  readonly round: number;
  /** Seats of the group that will be slashed if the truth stands at the end. */
  readonly liars: number;
};

export type Behaviour = {
  readonly name: string;
  readonly vote: (place: Place) => Vote;
  /** Whether the group challenges what it knows to be right, or a stage that hangs. Everyone challenges what is wrong. */
  readonly challenges?: (dispute: Dispute) => boolean;
  /** Whether it is told who sits before it decides to deliver the input: a requester that is in league with the seats. */
  readonly delivers?: (own: number, size: number) => boolean;
  /** Whether it gains the insured value when a lie is delivered. */
  readonly isPaidForLies?: boolean;
};

const says = (code: number): Vote => ({ code, works: false });
const WORK: Vote = { code: CODE.TRUTH, works: true };
const LIE = says(CODE.LIE);
const GUESS = says(CODE.GUESS);

export const HONEST: Behaviour = { name: "honest", vote: () => WORK };

/** Answers without running the model; right by luck with probability `hit`, 0 where the high-entropy rule holds. */
export const lazy = (hit = 0): Behaviour => ({
  name: hit === 0 ? "lazy" : `lazy, guesses ${100 * hit}% right`,
  vote: ({ chance }) => (hit > 0 && chance(1) < hit ? says(CODE.TRUTH) : GUESS),
});

/** Reuses its answer to another input, but works for a share of its seats so as not to be jailed. */
export const reuser: Behaviour = {
  name: "reuses old answers in half its seats",
  vote: ({ chance }) => (chance(1) < 0.5 ? GUESS : WORK),
};

/** Posts a co-seat's commitment as its own: bound to that seat's claim, it can never be opened. */
export const copier: Behaviour = { name: "copies a commitment", vote: () => says(CODE.HIDDEN) };

/** Waits for another's opening before it commits: no opening leaves a seat until all have committed. */
export const waiter: Behaviour = { name: "waits to copy an opening", vote: () => says(CODE.ABSENT) };

/** Works in round 0; in larger committees it says what the challenger says, which is public by then. */
export const escalationCopier: Behaviour = {
  name: "copies challengers in escalations",
  vote: ({ round, claimed }) => (round === 0 ? WORK : says(claimed)),
};

/** Tells the truth until it has seen it stand, then challenges it and says the lie to whoever copies a challenger. */
export const exploiter: Behaviour = {
  name: "coalition that preys on copiers",
  isPaidForLies: true,
  vote: ({ round, own, size }) => (round > 0 || own === size ? LIE : WORK),
  challenges: ({ stands, round }) => stands === CODE.TRUTH && round === 1,
};

/** Works, commits, and never opens. */
export const withholder: Behaviour = { name: "withholder", vote: () => ({ code: CODE.HIDDEN, works: true }) };

export const absentee: Behaviour = { name: "absentee", vote: () => says(CODE.ABSENT) };

/** Says that it cannot answer: neither paid nor slashed. */
export const abstainer: Behaviour = { name: "abstainer", vote: () => says(CODE.ABSTAIN) };

/** Honest, on a machine that is often away and sometimes falls between commitment and opening. */
export const flaky = (away: number, falls: number): Behaviour => ({
  name: `flaky, ${100 * away}% away`,
  vote: ({ chance }) =>
    chance(1) < away ? says(CODE.ABSENT) : chance(2) < falls ? { code: CODE.HIDDEN, works: true } : WORK,
});

/** Challenges right answers, once a job: without a seat of its own. */
export const griefer: Behaviour = {
  name: "frivolous challenger",
  vote: () => WORK,
  challenges: ({ stands, round }) => stands === CODE.TRUTH && round === 1,
};

/** Says a lie wherever its seats can keep the others from a quorum, for no gain of its own. */
export const blocker: Behaviour = {
  name: "coalition that blocks",
  vote: ({ own, size, quorum }) => (own > size - quorum ? LIE : WORK),
};

/** Lies where it holds a quorum; where it cannot, later rounds save what they can by telling the truth. */
export const captor: Behaviour = {
  name: "coalition, any capture",
  isPaidForLies: true,
  vote: ({ own, quorum }) => (own >= quorum ? LIE : WORK),
};

/** As above, but blocks larger committees to escape the verdict, and challenges the verdict in the hope to block the next. */
export const fighter: Behaviour = {
  name: "coalition, any capture, fights on",
  isPaidForLies: true,
  vote: ({ own, size, quorum, round }) => (own >= quorum || (round > 0 && own > size - quorum) ? LIE : WORK),
  challenges: ({ stands, liars }) => stands === CODE.TRUTH && liars > 1,
};

/**
 * Of a job of several stages: captures one where it can keep a later one from a quorum by abstaining, so that the job closes
 * before anybody may challenge.
 */
export const aborter: Behaviour = {
  name: "coalition that captures and aborts",
  vote: ({ own, size, quorum, round, lied, later }) => {
    if (round > 0) return own >= quorum ? LIE : WORK;
    if (lied) return own > size - quorum ? says(CODE.ABSTAIN) : WORK;
    return own >= quorum && own < size && later > size - quorum ? LIE : WORK;
  },
};

/** Lies only where nobody would challenge: where every seat is its own. */
export const conspirator: Behaviour = {
  name: "coalition, all seats only",
  isPaidForLies: true,
  vote: ({ own, size, round, quorum }) => (own === size || (round > 0 && own > size - quorum) ? LIE : WORK),
};

/** The coalition asks for the job itself, and withholds the input unless every seat is its own. */
export const rerollingRequester: Behaviour = {
  name: "re-rolling requester",
  isPaidForLies: true,
  vote: ({ own, size }) => (own === size ? LIE : WORK),
  delivers: (own, size) => own === size,
};

/** Of a sampled job: the primary lies whenever it is of the coalition, whose auditors support it where that captures. */
export const lyingPrimary: Behaviour = {
  name: "lying primary",
  isPaidForLies: true,
  vote: ({ primary, own, quorum, round, stands, size }) =>
    primary || own >= quorum || (round > 0 && stands === CODE.LIE && own > size - quorum) ? LIE : WORK,
};

/** Of a sampled job: the primary guesses and hopes for no audit. */
export const lazyPrimary: Behaviour = { name: "lazy primary", vote: ({ primary }) => (primary ? GUESS : WORK) };

/** Of a sampled job: proposes a lie and opens it only if the lottery spares it. */
export const hidingPrimary: Behaviour = {
  name: "lying primary that hides from audits",
  isPaidForLies: true,
  vote: ({ primary, own, quorum, size }) =>
    primary ? (size > 1 && own < quorum ? says(CODE.HIDDEN) : LIE) : own >= quorum ? LIE : WORK,
};
