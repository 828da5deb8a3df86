// SPDX-License-Identifier: GPL-3.0-or-later
// A committee, its key and an input sealed to it, of fixed randomness: the same bytes wherever they are made.
import { fromHex, toHex, utf8, type Hex } from "../../../offchain/core/bytes.ts";
import { keccakText } from "../../../offchain/core/tagged-hash.ts";
import { committeeId, holdersOf } from "../../../offchain/core/threshold/draw-committee.ts";
import {
  makeShare,
  readThresholdHeader,
  sealShare,
  sealToCommittee,
} from "../../../offchain/core/threshold/sealed-input.ts";
import { makeCommitteeKey } from "../../../offchain/engines/tee/threshold/make-key.ts";
import { repeatableCrypto } from "../deterministic.ts";
import { testCommittee } from "./committee.ts";

export interface ThresholdVector {
  readonly about: string;
  readonly events: readonly Hex[];
  readonly members: readonly Hex[];
  readonly committeeId: Hex;
  readonly key: Hex;
  readonly context: Hex;
  readonly seatKey: Hex;
  readonly plain: Hex;
  readonly input: Hex;
  /** By index. */
  readonly shares: readonly Hex[];
  readonly sealedShares: readonly Hex[];
}

export async function thresholdVector(): Promise<ThresholdVector> {
  const crypto = repeatableCrypto("assay.v1.threshold vector");
  const rules = {
    epochBlocks: 50_400,
    n: 4,
    t: 2,
    perFamily: 3,
    perOperator: 2,
    perPlatform: 1,
    allowSimulated: false,
  };
  const committee = testCommittee({ rules }, crypto);
  const { key, bytes } = await makeCommitteeKey(crypto, committee.drawn, committee.member);
  const seat = crypto.generateX25519();
  const context = keccakText("vector's context");
  const plain = utf8("vector's input");
  const input = sealToCommittee(crypto, { context: fromHex(context), key, receivers: [seat.publicKey], plain });
  const header = readThresholdHeader(input);
  const shares = holdersOf(key.committee).map((index) =>
    makeShare(crypto, header, index, committee.shares.get(index)?.secret ?? 0n),
  );
  return {
    about: "Committee of the enclaves of test/support/tee/committee.ts, 2 of 4, and an input sealed to it",
    events: Array.from({ length: 12 }, (_, i) => committee.eventKey(i)),
    members: key.committee.members.map((one) => one.key),
    committeeId: committeeId(key.committee),
    key: toHex(bytes),
    context,
    seatKey: toHex(seat.privateKey),
    plain: toHex(plain),
    input: toHex(input),
    shares: shares.map(toHex),
    sealedShares: shares.map((share, i) => toHex(sealShare(crypto, header, i + 1, seat.publicKey, share))),
  };
}
