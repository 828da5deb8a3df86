// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { utf8 } from "../../../core/bytes.ts";
import type { Endorsements } from "../verdict.ts";
import { issueCertificate, USAGE, type CertificateRequest } from "./certificates.ts";
import { der, integer } from "./der-writer.ts";
import { simulatedKey, simulatedRsaKey, type SimulatedKey } from "./keys.ts";
import { DAY, type Period, type SimulatedReport } from "./report.ts";

type Role = "ark" | "ask" | "vcek";

export interface AmdOptions {
  readonly certificates?: Partial<Readonly<Record<Role, Partial<CertificateRequest>>>>;
  /** Values that the VCEK certifies: boot loader, TEE, SNP, microcode. */
  readonly certifiedTcb?: readonly number[];
  readonly product?: string;
  readonly editSigned?: (report: Uint8Array) => void;
}

const AMD = "2b060104019c7801";
const TCB = [4, 0, 23, 213] as const;

/** Two RSA keys take a second to find: they are kept by seed. */
const rsaKeys = new Map<string, SimulatedKey>();
function rsaKey(seed: Uint8Array, label: string): SimulatedKey {
  const id = `${Buffer.from(seed).toString("hex")} ${label}`;
  const key = rsaKeys.get(id) ?? simulatedRsaKey(seed, label);
  rsaKeys.set(id, key);
  return key;
}

/** SIMULATED AMD SEV-SNP platform (Milan, report version 3). */
export class SimulatedAmd {
  readonly keys: Readonly<Record<Role, SimulatedKey>>;
  readonly endorsements: Extract<Endorsements, { readonly kind: "amd" }>;
  readonly #chipId: Uint8Array;
  readonly #options: AmdOptions;

  constructor(seed: Uint8Array, { from }: Period, options: AmdOptions = {}) {
    this.#options = options;
    this.#chipId = new Uint8Array(createHash("sha512").update(seed).update("chip").digest());
    this.keys = {
      ark: rsaKey(seed, "amd.ark"),
      ask: rsaKey(seed, "amd.ask"),
      vcek: simulatedKey(seed, "amd.vcek", "P-384"),
    };
    const { certifiedTcb = TCB, product = "Milan-B0" } = options;
    const issue = (
      role: Role,
      issuer: "ark" | "ask",
      commonName: string,
      more: Partial<CertificateRequest>,
    ): Uint8Array =>
      issueCertificate({
        commonName,
        issuer: issuer === "ark" ? "SIMULATED ARK-Milan" : "SEV-Milan",
        serial: role === "ark" ? 1 : role === "ask" ? 2 : 3,
        notBefore: from,
        notAfter: from + 3650n * DAY,
        key: this.keys[role],
        signer: this.keys[issuer],
        usage: USAGE.issue,
        ...more,
        ...options.certificates?.[role],
      });
    const plain = (oid: string, contents: Uint8Array) => ({ oid: AMD + oid, isCritical: false, contents });
    const svns = ["0301", "0302", "0303", "0308"].map((oid, i) => plain(oid, integer(certifiedTcb[i] ?? 0)));
    this.endorsements = {
      kind: "amd",
      ark: issue("ark", "ark", "SIMULATED ARK-Milan", { ca: {} }),
      ask: issue("ask", "ark", "SEV-Milan", { ca: { pathLength: 0 } }),
      vcek: issue("vcek", "ask", "SEV-VCEK", {
        usage: USAGE.sign,
        extensions: [plain("02", der(0x16, utf8(product))), ...svns, plain("04", this.#chipId)],
      }),
    };
  }

  report({ reportData, measurement }: SimulatedReport): Uint8Array {
    const out = new Uint8Array(0x4a0);
    out[0] = 3;
    out.set([0, 0, 3], 8);
    out[0x34] = 1;
    out.set(reportData, 0x50);
    out.set(measurement, 0x90);
    out.set([TCB[0], TCB[1], 0, 0, 0, 0, TCB[2], TCB[3], 0x19, 1, 1], 0x180);
    out.set(this.#chipId, 0x1a0);
    this.#options.editSigned?.(out);
    const signature = this.keys.vcek.signRaw(out.slice(0, 0x2a0));
    out.set(signature.slice(0, 48).toReversed(), 0x2a0);
    out.set(signature.slice(48).toReversed(), 0x2a0 + 72);
    return out;
  }
}
