// SPDX-License-Identifier: GPL-3.0-or-later
import { committeeId } from "../../../core/threshold/draw-committee.ts";
import type { MemberPort } from "../../../engines/tee/threshold/make-key.ts";
import type { EnclaveClient } from "../enclave-client.ts";
import { encodeList } from "./lists.ts";

/** This host's own enclave as a member. Errors: ENCLAVE_REFUSED, ENCLAVE_LOST. */
export function enclaveMember(client: Pick<EnclaveClient, "ask">): MemberPort {
  return {
    commit: async (committee) => {
      const { rules, epoch, drawHash, mask, attempt, members } = committee;
      return (await client.ask("commit", { committee: { rules, epoch, drawHash, mask, attempt, members } })).tail;
    },
    deal: async (committee, commitments) =>
      (await client.ask("deal", { committeeId: committeeId(committee) }, encodeList(commitments))).tail,
    judge: async (committee, deals) =>
      (await client.ask("judge", { committeeId: committeeId(committee) }, encodeList(deals))).tail,
  };
}
