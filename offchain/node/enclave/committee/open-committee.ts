// SPDX-License-Identifier: GPL-3.0-or-later
import type { Transport } from "../../../core/ports/transport.ts";
import { COMMITTEE_RULES, DEVELOPMENT_RULES } from "../../../core/threshold/draw-committee.ts";
import { COMMITTEE_PROTOCOL } from "../../../core/threshold/host-wire.ts";
import { NodeError } from "../../errors.ts";
import type { NodeConfig } from "../../settings.ts";
import type { EnclaveKeeper } from "../keep-enclave.ts";
import { CommitteeHost, type CommitteeHostModules } from "./committee-host.ts";

export interface OpenCommitteeModules extends Omit<CommitteeHostModules, "enclave" | "transport"> {
  readonly enclave: EnclaveKeeper | null;
  readonly transport: Transport;
}

/** The host's part in committees, serving already; null without an enclave, or where the configuration wants none. Error: ENCLAVE_SETTINGS. */
export function openCommittee(
  { chain, enclave: { committee: kind, watchSeconds }, node }: Pick<NodeConfig, "chain" | "enclave" | "node">,
  { enclave, transport, ...modules }: OpenCommitteeModules,
): CommitteeHost | null {
  if (enclave === null || kind === "none") return null;
  if (kind === "development" && !node.development)
    throw new NodeError("ENCLAVE_SETTINGS", { reason: "enclave.committee is `development`, this node is not" });
  const host = new CommitteeHost(
    {
      rules: kind === "development" ? DEVELOPMENT_RULES : COMMITTEE_RULES,
      fromBlock: BigInt(chain.fromBlock),
      maxRange: BigInt(chain.maxRange),
      confirmations: chain.confirmations,
      watchMs: watchSeconds * 1_000,
    },
    { ...modules, transport, enclave: () => enclave.hosted },
  );
  transport.serve(COMMITTEE_PROTOCOL, async function* answer(_from, request) {
    yield await host.serve(request);
  });
  return host;
}
