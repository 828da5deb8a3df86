// SPDX-License-Identifier: GPL-3.0-or-later
import { LOCAL_CHAIN_ID } from "../../core/zk/verifying-key.ts";
import { isHex, type Hex } from "../../core/bytes.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";
import type { NodeConfig } from "../settings.ts";
import { attesterRoots } from "./attester-roots.ts";
import type { AttesterOptions } from "./serve-attester.ts";

/** As the doctor's. A block may be 12 s old, and a missed slot another 12. */
const MAX_SKEW_SEC = 60;
const SPREAD_SEC = 600;
/** Pause between looks at what leaving waits for. */
const LEAVE_SEC = 300;

const orNone = (value: string): Hex | undefined => (isHex(value) ? value : undefined);

/** Whose evidence counts for this worker. */
export const configuredRoots = ({ attester }: Pick<NodeConfig, "attester">): TrustRoots =>
  attesterRoots(orNone(attester.simulatedRoot));

/** The duty as the configuration asks for it. */
export function attesterOptions({
  chain,
  attester,
  rewards,
}: Pick<NodeConfig, "chain" | "attester" | "rewards">): AttesterOptions {
  // Local chains' clocks jump.
  const isLocal = BigInt(chain.id) === LOCAL_CHAIN_ID;
  const isLeaving = attester.duty === "leave";
  return {
    registry: orNone(attester.registry),
    fromBlock: BigInt(chain.fromBlock),
    confirmations: chain.confirmations,
    maxRange: chain.maxRange,
    pollMs: chain.pollMs,
    verdicts: attester.verdicts,
    isLeaving,
    maxSkewSec: isLocal ? Infinity : MAX_SKEW_SEC,
    payEverySec: isLeaving ? LEAVE_SEC : rewards.claimMinutes * 60,
    spreadSec: isLocal ? 0 : SPREAD_SEC,
  };
}
