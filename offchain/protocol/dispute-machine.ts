// SPDX-License-Identifier: GPL-3.0-or-later
import type { Job } from "../core/types.ts";
import { isReserved } from "../core/vote.ts";
import type { Hex } from "./ports.ts";
import type { DefenceView, DisputeView, GameStatus, RefereeTerms } from "./referee-ports.ts";
import { STATE } from "./seat-machine.ts";

/** Nothing is begun that the block which it waits for may lose, seconds; less where windows are short. */
const MARGIN_SEC = 15;
/** Late games of others are left to them this long, seconds. */
const GRACE_SEC = 10;
/** A game has 13 moves, and its verdict one more to be brought: the hub's own bound. */
const MOVES = 14;

/** A bond that was about to be given when this was written: until the chain shows it, or never will, it counts as given. */
export interface BondIntent {
  /** "defend", or the number of the defence that is contested. */
  readonly what: string;
  readonly amount: bigint;
}

/** What a restart needs of one stage's dispute; all else is read from the chain again. */
export interface PartyState {
  readonly jobId: Hex;
  readonly job: Job;
  readonly stage: number;
  /** What this party evaluated, by the kernel: a seat's vote, or what a volunteer found. Nothing is staked on anything else. */
  readonly vote: Hex;
  readonly intents: readonly BondIntent[];
  /** The own evaluation is not what was voted for: nothing may be staked on either. */
  readonly isIrreproducible: boolean;
  readonly done: boolean;
}

export type PartyEvent =
  | { readonly type: "bonding"; readonly intent: BondIntent }
  /** The chain shows these bonds, or can never take them any more. */
  | { readonly type: "settled"; readonly what: readonly string[] }
  | { readonly type: "irreproducible" }
  | { readonly type: "done" };

/** What the party wants done now. Level-triggered: the same comes again until the chain shows that it happened. */
export type DisputeStep =
  /** Evaluate the stage for this input. */
  | { readonly kind: "trace"; readonly inDigest: Hex }
  | { readonly kind: "move"; readonly game: GameStatus; readonly defends: boolean }
  | { readonly kind: "timeout"; readonly game: bigint }
  | { readonly kind: "defend"; readonly bond: bigint }
  | { readonly kind: "challenge"; readonly defence: DefenceView; readonly bond: bigint }
  | { readonly kind: "crown"; readonly defence: bigint }
  | { readonly kind: "rule"; readonly outDigest: Hex; readonly winner: Hex }
  | { readonly kind: "release"; readonly defence: bigint }
  | { readonly kind: "reclaim"; readonly game: bigint };

export const newParty = (jobId: Hex, job: Job, stage: number, vote: Hex): PartyState => ({
  jobId,
  job,
  stage,
  vote,
  intents: [],
  isIrreproducible: false,
  done: false,
});

/** The next state. Pure. The caller journals the result before it acts on it. */
export function advanceParty(state: PartyState, event: PartyEvent): PartyState {
  switch (event.type) {
    case "bonding": {
      const others = state.intents.filter(({ what }) => what !== event.intent.what);
      return { ...state, intents: [...others, event.intent] };
    }
    case "settled": {
      const intents = state.intents.filter(({ what }) => !event.what.includes(what));
      return intents.length === state.intents.length ? state : { ...state, intents };
    }
    case "irreproducible":
      return state.isIrreproducible ? state : { ...state, isIrreproducible: true };
    case "done":
      return state.done ? state : { ...state, done: true };
  }
}

/** Moments of a dispute, chain seconds; each is the last at which the referee takes it. */
export interface DisputeTimes {
  readonly defendUntil: number;
  readonly challengeUntil: number;
  readonly rulingUntil: number;
}

/** As CipherReferee and HubProofs count them. */
export function disputeTimes(
  job: Job,
  { slot }: DisputeView,
  { minWindow, hung, moveTime }: RefereeTerms,
): DisputeTimes {
  const { deadline, state } = slot;
  const { expiry } = job.spec;
  const rulingUntil = deadline + MOVES * moveTime;
  return {
    defendUntil: Math.min(deadline - Math.floor(Math.min(minWindow, hung) / 2), expiry),
    challengeUntil: Math.min(deadline, expiry),
    // A window is played out past the expiry, a hung stage is not.
    rulingUntil: state === STATE.HUNG ? Math.min(rulingUntil, expiry) : rulingUntil,
  };
}

/** The digest that stands in the stage; null where the stage hangs. Undefined: it is not there to be disputed. */
export function standing({ slot, record }: DisputeView, stage: number): Hex | null | undefined {
  if (((record.decided >>> stage) & 1) === 1) return undefined;
  if (slot.state === STATE.HUNG) return slot.stage === stage ? null : undefined;
  return slot.state === STATE.WINDOW ? record.boundaries[stage] : undefined;
}

/** Whoever stands for another digest and has not lost yet. */
export const rivals = (view: DisputeView, own: Hex): readonly DefenceView[] =>
  view.defences.filter((one) => one.inDigest === view.inDigest && !one.defeated && one.outDigest !== own);

const isSame = (a: Hex, b: Hex) => a.toLowerCase() === b.toLowerCase();
const isRunning = ({ defence, place }: GameStatus, { defences }: DisputeView) =>
  place !== null && defences.some(({ id, defeated }) => id === defence && !defeated);

/** Digests in dispute: it is time to know what is right. */
function isContested(state: PartyState, view: DisputeView): boolean {
  const accepted = standing(view, state.stage);
  const { vote, stage } = state;
  if (view.defences.length > 0) return true;
  if (accepted === undefined) return false;
  if (accepted !== vote) return true;
  const said = view.record.tallies.flatMap((tally) => (tally.stage === stage ? tally.said : []));
  return said.some((word) => !isReserved(word) && word !== vote);
}

/** Own bonds that the referee holds. */
export function bondsHeld({ defences, games }: DisputeView, party: Hex): bigint {
  const defended = defences.filter((one) => isSame(one.party, party)).reduce((sum, { bond }) => sum + bond, 0n);
  return games.reduce(
    (sum, { challenger, place, bond }) => (place !== null && isSame(challenger, party) ? sum + bond : sum),
    defended,
  );
}

/** Bonds that were about to be given and that the chain does not show, wei. */
export const bondsMeant = ({ intents }: PartyState): bigint => intents.reduce((sum, { amount }) => sum + amount, 0n);

/** Intents that the chain shows, or that it cannot take any more. */
export function settledIntents(
  state: PartyState,
  view: DisputeView,
  { times, now, party }: { readonly times: DisputeTimes; readonly now: number; readonly party: Hex },
): string[] {
  const isOpen = standing(view, state.stage) !== undefined;
  const shown = new Set<string>();
  for (const one of view.defences) if (isSame(one.party, party)) shown.add("defend");
  for (const game of view.games) if (isSame(game.challenger, party)) shown.add(String(game.defence));
  return state.intents.flatMap(({ what }) => {
    const until = what === "defend" ? times.defendUntil : times.challengeUntil;
    return shown.has(what) || (!isOpen && view.slot.state >= STATE.FINAL) || now > until + MARGIN_SEC ? [what] : [];
  });
}

/** What a party knows beside the chain. */
export interface PartyContext {
  /** Digest that the own trace of the stage leads to from an input; null while there is no trace of it. */
  readonly ownOf: (inDigest: Hex) => Hex | null;
  readonly party: Hex;
  readonly terms: RefereeTerms;
  /** Chain seconds. */
  readonly now: number;
}

/**
 * What to do about a dispute now. Pure, from the chain's view and the own evaluation alone, so that a restart or a reorganisation goes on
 * where the chain is.
 *
 * An honest party stands for its digest where that is not what was accepted, or where another is defended, and contests every defender
 * of another: a digest falls with its last one, and none of them can be left to a stranger that may lose on purpose.
 */
export function disputeSteps(state: PartyState, view: DisputeView, context: PartyContext): readonly DisputeStep[] {
  const { ownOf, party } = context;
  const mine = view.defences.filter((one) => isSame(one.party, party));
  const steps: DisputeStep[] = [];
  const wanted = new Set(ownGames(view, party).map(({ inDigest }) => inDigest));
  if (view.inDigest !== null && !state.isIrreproducible && isContested(state, view)) wanted.add(view.inDigest);
  for (const inDigest of wanted) if (ownOf(inDigest) === null) steps.push({ kind: "trace", inDigest });
  steps.push(...moves(view, context));
  steps.push(...stakes(state, view, context));
  // What another won, or an accomplice lost on purpose, frees this party's bond.
  for (const game of view.games)
    if (game.place !== null && isSame(game.challenger, party) && !isRunning(game, view))
      steps.push({ kind: "reclaim", game: game.id });
  if (view.slot.state >= STATE.FINAL)
    for (const one of mine)
      if (!one.defeated && one.bond > 0n && one.running === 0) steps.push({ kind: "release", defence: one.id });
  return steps;
}

/** Running games of this party, on either side, with the input that they are about. */
export function ownGames(view: DisputeView, party: Hex) {
  return view.games.flatMap((game) => {
    const defence = view.defences.find(({ id }) => id === game.defence);
    if (defence === undefined || !isRunning(game, view)) return [];
    const defends = isSame(defence.party, party);
    if (!defends && !isSame(game.challenger, party)) return [];
    return [{ game, defends, inDigest: defence.inDigest, isDue: defends === game.defenderMoves }];
  });
}

/** A move that is not made is a game lost: the most urgent first. Anyone may end a game whose mover is late. */
function moves(view: DisputeView, { ownOf, party, terms, now }: PartyContext): readonly DisputeStep[] {
  const own = ownGames(view, party);
  const due = own.filter(({ game, isDue, inDigest }) => isDue && now <= game.deadline && ownOf(inDigest) !== null);
  const steps: DisputeStep[] = due
    .toSorted((a, b) => a.game.deadline - b.game.deadline)
    .map(({ game, defends }) => ({ kind: "move", game, defends }));
  for (const game of view.games) {
    if (!isRunning(game, view)) continue;
    const played = own.find((one) => one.game.id === game.id);
    const grace = played === undefined ? Math.min(GRACE_SEC, Math.floor(terms.moveTime / 4)) : 0;
    if (played?.isDue !== true && now > game.deadline + grace) steps.push({ kind: "timeout", game: game.id });
  }
  return steps;
}

/** Bonds to give, and the verdict to bring. */
function stakes(
  state: PartyState,
  view: DisputeView,
  { ownOf, party, terms, now }: PartyContext,
): readonly DisputeStep[] {
  const { job, stage, isIrreproducible } = state;
  const accepted = standing(view, stage);
  const own = view.inDigest === null ? null : ownOf(view.inDigest);
  if (accepted === undefined || own === null || isIrreproducible) return [];
  const times = disputeTimes(job, view, terms);
  const bond = job.spec.policy.seatStake;
  const against = rivals(view, own);
  const hasStood = view.defences.some((one) => one.inDigest === view.inDigest && isSame(one.party, party));
  const margin = Math.min(MARGIN_SEC, Math.floor(Math.min(terms.minWindow, terms.hung) / 10));
  const steps: DisputeStep[] = [];
  // One bond that keeps every verdict for another digest away, or wins it for this one: before all challenges.
  if (!hasStood && (accepted !== own || against.length > 0) && now <= times.defendUntil - margin)
    steps.push({ kind: "defend", bond });
  for (const defence of now <= times.challengeUntil - margin ? against : []) {
    const isPlayed = view.games.some((game) => game.defence === defence.id && isSame(game.challenger, party));
    if (defence.isSettled && !isPlayed && !isSame(defence.party, party))
      steps.push({ kind: "challenge", defence, bond });
  }
  // Only what this party knows to be true: another verdict may be brought by whoever believes it.
  if (view.verdict?.outDigest !== own || now > times.rulingUntil) return steps;
  const { winner } = view.verdict;
  if (winner !== null) return [...steps, { kind: "rule", outDigest: own, winner }];
  const heirs = view.defences.filter((one) => one.inDigest === view.inDigest && !one.defeated && one.outDigest === own);
  const heir = heirs.find((one) => isSame(one.party, party)) ?? heirs[0];
  return heir === undefined ? steps : [...steps, { kind: "crown", defence: heir.id }];
}

/** The job is over and nothing of this party is in the referee any more. */
export function isCollected(state: PartyState, view: DisputeView, party: Hex): boolean {
  const { slot } = view;
  const isEnded = slot.state === STATE.FINAL || slot.state === STATE.CLOSED;
  return isEnded && bondsHeld(view, party) === 0n && state.intents.length === 0;
}
