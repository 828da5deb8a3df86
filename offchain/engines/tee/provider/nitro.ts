// SPDX-License-Identifier: GPL-3.0-or-later
import { isZero } from "../bytes/fields.ts";
import { EvidenceError } from "../errors.ts";
import type { Evidence } from "../verdict.ts";
import { attestByNsm, describeNsm, type NsmDescription, type NsmDevice } from "./nsm.ts";
import type { EnclaveProvider } from "./port.ts";

/** The registers that a measurement is made of. */
const MEASURED = [0, 1, 2, 8];

/**
 * AWS's Nitro security module, in a Nitro enclave: a signed document whose user data are the 64 bytes; nonce and public key stay empty, for
 * the report data bind the challenge and every key. The module is described first: documents show locked registers only, so one of the
 * measured that is not locked would be missing from the measurement. Written to the documented interface; never run on hardware.
 */
export class NitroProvider implements EnclaveProvider {
  readonly kind = "nitro";
  readonly root = "production";
  readonly #device: NsmDevice;

  constructor(device: NsmDevice) {
    this.#device = device;
  }

  /** What module this is, if its documents would count. Errors: PROVIDER, NSM_REFUSED, NSM_ANSWER, TD. */
  async describe(): Promise<NsmDescription> {
    const description = await describeNsm(this.#device);
    for (const index of MEASURED)
      if (!description.lockedPcrs.includes(index))
        throw new EvidenceError("TD", { detail: `PCR${index} is not locked: its measurement could change` });
    return description;
  }

  /** Errors: PROVIDER, NSM_REFUSED, NSM_ANSWER, TD, QUOTE, CBOR, BINDING, DEBUG. */
  async quote(reportData: Uint8Array): Promise<Evidence> {
    if (reportData.length !== 64)
      throw new EvidenceError("BINDING", { detail: `report data of ${reportData.length} bytes, not 64` });
    const { moduleId } = await this.describe();
    const asked = { userData: reportData, nonce: null, publicKey: null };
    const { bytes, document } = await attestByNsm(this.#device, asked);
    if (document.moduleId !== moduleId)
      throw new EvidenceError("BINDING", { detail: `a document of ${document.moduleId}, and this is ${moduleId}` });
    // Said here already: whoever verifies it would find out after it was paid for.
    for (const index of [0, 1, 2])
      if (isZero(document.pcrs.get(index) ?? new Uint8Array()))
        throw new EvidenceError("DEBUG", { detail: `PCR${index} is zero: the enclave was started in debug mode` });
    return { format: "nitro-cose", bytes, runtime: new Uint8Array() };
  }
}
