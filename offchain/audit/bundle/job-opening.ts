// SPDX-License-Identifier: GPL-3.0-or-later

/** What a requester opens to auditors: whoever has the bundle has it. */
export interface JobOpening {
  /** Canonical tensor bytes, or all parts; of a job over ciphertexts nothing that anybody could read. */
  readonly input?: Uint8Array | undefined;
  readonly secret?: string | undefined;
  /** Of a job over ciphertexts: what the seats of each stage were given, as `requestCipher` returns it. */
  readonly parcels?: readonly Uint8Array[] | undefined;
}
