// SPDX-License-Identifier: GPL-3.0-or-later
import { addStake } from "../../../node/stake/add-stake.ts";
import { asOperator, connectStake, ownerSigner, withKeys } from "../../../node/stake/connect-stake.ts";
import { describeStake } from "../../../node/stake/describe-stake.ts";
import { CAPABILITIES, capabilityBits, isCapability } from "../../../core/capabilities.ts";
import { isLibp2pEndpoint } from "../../../core/endpoints.ts";
import type { NodeConfig } from "../../../node/settings.ts";
import { defineCommand } from "../../command.ts";
import { readPrivateKey } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { amount, defaulted, flag, integer, optional, required, text, type Parsed } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { stakeText } from "../../stake-text.ts";

const hex = (bytes: Uint8Array | undefined): `0x${string}` => `0x${Buffer.from(bytes ?? []).toString("hex")}`;

/** The record holds them separated by spaces; a fifth is a mistake, not a use. */
const urls = (value: string): Parsed<string> => {
  const list = value.split(/[\s,]+/).filter((part) => part !== "");
  const isHttp = (part: string) => URL.canParse(part) && /^https?:$/.test(new URL(part).protocol);
  const wrong = list.find((part) => !isHttp(part) && !isLibp2pEndpoint(part));
  if (wrong !== undefined) return { why: `must be http or https URLs or libp2p addresses, and ${wrong} is none` };
  return list.length > 0 && list.length <= 4 ? { value: list.join(" ") } : { why: "must be one to four addresses" };
};

const capabilities = (value: string): Parsed<bigint> => {
  const names = value.split(/[\s,]+/).filter((part) => part !== "");
  const known = names.filter(isCapability);
  if (known.length < names.length) return { why: `must be names out of ${CAPABILITIES.join(", ")}` };
  return { value: capabilityBits(known) };
};

/** What others dial, as the worker itself announces it; null where only the running worker knows its port. */
function configuredEndpoint({ net }: NodeConfig): string | null {
  const isAny = net.host === "0.0.0.0" || net.host === "::";
  const ip = net.host.includes(":") ? "ip6" : "ip4";
  const http = net.publicUrl !== "" ? net.publicUrl : `http://${net.host}:${net.port}`;
  const libp2p = net.libp2pUrl !== "" ? net.libp2pUrl : `/${ip}/${net.host}/tcp/${net.libp2pPort}`;
  if (net.publicUrl === "" && (net.port === 0 || isAny)) return null;
  if (!net.libp2p) return http;
  return net.libp2pUrl === "" && (net.libp2pPort === 0 || isAny) ? null : `${http} ${libp2p}`;
}

export const stakeAdd = defineCommand({
  name: "stake add",
  summary: "Register the worker if needed, fill its stake up to an amount and take all tickets it backs.",
  details:
    "What is there already is left alone, so run it again after any failure, or to publish new endpoints or keys, or to renew the record " +
    "(it is valid for a year). Exit code 75: the stake is in, and tickets can be taken from the second half of the epoch on. The owner " +
    "pays the stake and the bond; the operator deposits the bond itself and needs gas money, and its worker must not run meanwhile.",
  examples: [
    "assay stake add --config worker/assay.toml --owner-key-file owner.key --amount 4400000000000000000000",
    "assay stake add --config worker/assay.toml --owner-key-file owner.key --amount 4400000000000000000000 --endpoints https://worker.example --bond 100000000000000000000",
  ],
  args: {},
  options: {
    ownerKeyFile: required("file", "Private key of the owner (mode 0600): pays and holds the stake.", text),
    amount: required("n", "Stake to have, in token base units.", amount),
    class: defaulted("n", "Ticket class.", integer(0, 2 ** 32 - 1), 0),
    endpoints: optional("urls", "Where others reach the worker, separated by commas; else as configured.", urls),
    capabilities: optional(
      "names",
      "What the worker can do, for ticket classes that demand it, separated by commas; else as published.",
      capabilities,
    ),
    bond: optional("n", "Free balance that the operator is to have at the hub for challenges, base units.", amount),
    startTable: flag("Also start the ticket table of a new deployment."),
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const owner = ownerSigner(readPrivateKey(input.ownerKeyFile));
    const progress = io.progress("stake");
    try {
      const report = await withKeys(config, async (keys) => {
        const chain = await connectStake(config, io.signal, owner);
        const { fromBlock } = config.chain;
        const { workerId } = await addStake({
          chain,
          operator: keys.operator,
          profile: {
            transportId: keys.transport.id,
            sealKey: hex(keys.sealKeys[0]?.publicKey),
            endpoints: input.endpoints ?? configuredEndpoint(config),
            capabilities: input.capabilities ?? null,
          },
          amount: input.amount,
          ticketClass: input.class,
          bond: input.bond ?? 0n,
          start: input.startTable,
          fromBlock,
          asOperator: async (use) => asOperator(config, keys, io.signal, use),
          onStep: (step) => progress.step(step),
        });
        return describeStake(chain, workerId, fromBlock);
      });
      progress.done(`worker ${report.workerId} holds ${report.tickets} tickets`);
      io.result(report, stakeText(report));
      return EXIT.done;
    } catch (error) {
      progress.failed("not finished");
      throw error;
    }
  },
});
