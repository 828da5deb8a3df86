// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import { issueCertificate, USAGE, type CertificateRequest } from "./certificates.ts";
import { pem } from "./der-writer.ts";
import { simulatedKey, type SimulatedKey } from "./keys.ts";
import { DAY, type Period, type SimulatedReport } from "./report.ts";

const ROLES = ["leaf", "device", "model", "root"] as const;
type Role = (typeof ROLES)[number];

export interface NvidiaOptions {
  readonly certificates?: Partial<Readonly<Record<Role, Partial<CertificateRequest>>>>;
  readonly editSigned?: (report: Uint8Array) => void;
  /** 0 SPT, 1 MPT, 2 PPCIE. */
  readonly feature?: number;
}

const little = (value: number, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 255);

/** SIMULATED NVIDIA GPU: an SPDM 1.1 measurement exchange as the driver hands it out. */
export class SimulatedNvidia {
  readonly keys: Readonly<Record<Role, SimulatedKey>>;
  readonly chain: string;
  readonly #options: NvidiaOptions;

  constructor(seed: Uint8Array, { from }: Period, options: NvidiaOptions = {}) {
    this.#options = options;
    const key = (label: Role): SimulatedKey => simulatedKey(seed, `nvidia.${label}`, "P-384");
    this.keys = { leaf: key("leaf"), device: key("device"), model: key("model"), root: key("root") };
    const name = (role: Role): string => `SIMULATED GPU ${role}`;
    const certificates = ROLES.map((role, i) => {
      const issuer = ROLES[Math.min(i + 1, 3)] ?? "root";
      return issueCertificate({
        commonName: name(role),
        issuer: name(issuer),
        serial: i + 1,
        notBefore: from,
        notAfter: from + 3650n * DAY,
        key: this.keys[role],
        signer: this.keys[issuer],
        usage: role === "leaf" ? USAGE.sign : USAGE.issue,
        ...(role === "leaf" ? {} : { ca: {} }),
        ...options.certificates?.[role],
      });
    });
    this.chain = pem(...certificates);
  }

  report({ reportData, measurement }: SimulatedReport): Uint8Array {
    const { feature = 0, editSigned } = this.#options;
    const nonce = reportData.subarray(0, 32);
    const request = concatBytes(Uint8Array.of(0x11, 0xe0, 1, 0xff), nonce, Uint8Array.of(0));
    const blocks = Array.from({ length: 64 }, (_, i) => {
      const value = createHash("sha384").update(measurement).update(Uint8Array.of(i)).digest();
      return Uint8Array.of(i + 1, 1, 51, 0, 0, 48, 0, ...value);
    });
    const record = concatBytes(...blocks);
    const field = (type: number, value: Uint8Array) =>
      Uint8Array.of(...little(type, 2), ...little(value.length, 2), ...value);
    const opaque = concatBytes(field(3, utf8("SIMULATED")), field(6, utf8("0.0")), field(36, Uint8Array.of(feature)));
    const header = Uint8Array.of(0x11, 0x60, 0, 0, 64, ...little(record.length, 3));
    const signed = concatBytes(request, header, record, nonce, Uint8Array.of(...little(opaque.length, 2)), opaque);
    editSigned?.(signed);
    return concatBytes(signed, this.keys.leaf.signRaw(signed));
  }
}
