// SPDX-License-Identifier: GPL-3.0-or-later
import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { type Address, getContractAddress } from "viem";
import { PROOF } from "../../offchain/core/types.ts";
import type { DeploymentParameters } from "./parameters.ts";

export interface IgnitionOptions extends Omit<DeploymentParameters, "token"> {
  readonly token: Address;
  readonly deployer: Address;
  /** The deployer's next nonce when the deployment begins; the same again when one is resumed. */
  readonly firstNonce: number;
}

/** Futures before the hub, each a transaction of its own: the hub's nonce is the first one plus their number. */
const BEFORE_THE_HUB = 13;

/**
 * The deployment of `deployAssay` as an Ignition module, which keeps a journal in deployments/<id> and can resume.
 *
 * Every contract waits for the one before it, so nonces are consecutive and the vault can be told the hub's address
 * before there is a hub. If the deployer sends something else meanwhile, the hub ends up elsewhere, `AssayHub` and vault
 * do not belong together, and `HUB()` of the vault shows it: check it as `deployAssay` does.
 */
export function assayModule(options: IgnitionOptions) {
  const { token, deployer, minimumStake, unbondingSeconds, epochSeconds, policyTableHash } = options;
  const hubAddress = getContractAddress({ from: deployer, nonce: BigInt(options.firstNonce + BEFORE_THE_HUB) });
  return buildModule("Assay", (m) => {
    const sets = options.sets.map((set) => ({ ...set }));
    const registry = m.contract("ModelRegistry");
    const params = m.contract(
      "ProtocolParams",
      [options.timelock ?? deployer, unbondingSeconds, policyTableHash, sets],
      { after: [registry] },
    );
    const keys = m.contract("KeyRegistry", [], { after: [params] });
    const proofAdapter = m.contract("ProofAdapter", [keys]);
    const router = m.contract("EvidenceRouter", [options.timelock ?? deployer, [PROOF], [proofAdapter]]);
    const vault = m.contract("StakeVault", [hubAddress, token, minimumStake, unbondingSeconds, epochSeconds], {
      after: [router],
    });
    const randomness =
      options.randomness === "workers"
        ? m.contract("WorkerBeacon", [vault])
        : m.contract("BlockSeed", [minimumStake], { after: [vault] });
    const config = {
      token,
      vault,
      registry,
      params,
      randomness,
      router,
      guardian: options.guardian ?? deployer,
      treasury: options.treasury ?? deployer,
    };
    const disputes = m.contract("HubDisputes", [config], { after: [randomness] });
    const votes = m.contract("HubVotes", [config, disputes]);
    const sketches = m.contract("HubSketches", [config, disputes], { after: [votes] });
    const proofs = m.contract("HubProofs", [config, disputes], { after: [sketches] });
    const enclaves = m.contract("HubEnclaves", [config, disputes], { after: [proofs] });
    const audits = m.contract("HubAudits", [config, disputes], { after: [enclaves] });
    const hub = m.contract("AssayHub", [config, { votes, sketches, proofs, enclaves, audits, disputes }]);
    const lens = m.contract("HubLens", [hub]);
    return { registry, params, randomness, keys, proofAdapter, router, vault, hub, lens };
  });
}
