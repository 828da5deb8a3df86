// SPDX-License-Identifier: GPL-3.0-or-later
import { isThresholdInput } from "../../../core/threshold/sealed-input.ts";
import type { EnclavePort } from "../../../protocol/ports.ts";
import type { CommitteeHost } from "./committee-host.ts";

/** An enclave that also opens inputs sealed to a committee: with shares they become ones sealed to itself, before anything looks at them. */
export function committeeEnclave(enclave: EnclavePort, committee: Pick<CommitteeHost, "unwrap">): EnclavePort {
  return {
    serves: (spec) => enclave.serves(spec),
    open: async (jobId, job, { blob, ...input }) => {
      const { boundary, sender, isPublic } = input;
      const isShared = !isPublic && isThresholdInput(blob);
      const own = isShared ? await committee.unwrap(jobId, { boundary, sender }, blob) : blob;
      await enclave.open(jobId, job, { ...input, blob: own });
    },
    // Of critical jobs the client chooses the pair itself: nothing of theirs is sealed to a committee.
    order: async (...args) => enclave.order(...args),
    run: async (...args) => enclave.run(...args),
    get canProve() {
      return enclave.canProve;
    },
    prove: async (...args) => enclave.prove(...args),
    forget: (jobId) => enclave.forget(jobId),
    // The client orders the enclaves that share a program itself, too.
    scheduled: enclave.scheduled,
  };
}
