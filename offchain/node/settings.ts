// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { PROVER_CHOICES } from "../engines/zk/prover/choose-prover.ts";

export interface Setting {
  readonly schema: z.ZodType;
  /** Undefined: must be given. Null in TOML terms is "absent". */
  readonly fallback: unknown;
  readonly text: string;
}

const setting = <T extends z.ZodType>(schema: T, fallback: z.output<T> | undefined, text: string) => ({
  schema,
  fallback,
  text,
});
const port = z.int().min(0).max(65_535);
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, "an address: 0x and 40 digits");
const count = (max: number) => z.int().min(1).max(max);

/**
 * Every setting of a worker, by section. The one source of the schema, the template, the environment's and flags' names, the defaults
 * and docs/config.md. Secrets are never values here: only paths of files with mode 0600.
 */
export const SETTINGS = {
  chain: {
    rpcUrl: setting(
      z.url({ protocol: /^https?$/ }),
      undefined,
      "JSON-RPC endpoint. May hold an API key: it is never logged in full.",
    ),
    id: setting(z.int().min(1), undefined, "Chain id; the endpoint must serve this one."),
    hub: setting(address, undefined, "Address of AssayHub; everything else is read from it."),
    fromBlock: setting(z.int().min(0), 0, "Block of the deployment: reading events starts there."),
    confirmations: setting(
      z.int().min(0).max(1_000),
      1,
      "Blocks on top of a block before it counts. 0 only on development chains.",
    ),
    pollMs: setting(
      count(60_000),
      500,
      "Pause between looks at the chain, milliseconds; a fraction of the block time.",
    ),
    maxRange: setting(count(100_000), 2_000, "Most blocks of one log query; endpoints limit it."),
    maxFeeGwei: setting(count(1_000_000), 500, "Highest fee per gas of the worker's transactions."),
  },
  keys: {
    folder: setting(z.string().min(1), "keys", "Folder of the key files."),
    passwordFile: setting(z.string().min(1), "password", "File (mode 0600) with the key files' password."),
  },
  store: {
    folder: setting(z.string().min(1), "data", "Folder of the journal and of blobs."),
    quotaMiB: setting(count(1 << 20), 8_192, "Disk space for blobs."),
  },
  net: {
    host: setting(
      z.string().min(1),
      "127.0.0.1",
      "Address that peers' calls are taken on; another than loopback is warned about.",
    ),
    port: setting(port, 0, "Port of it; 0 takes any free one."),
    publicUrl: setting(z.string(), "", "What others dial, if a proxy stands before the worker."),
    libp2p: setting(z.boolean(), false, "Speak libp2p (TCP, Noise, yamux) beside HTTP: both ends prove who they are."),
    libp2pPort: setting(port, 0, "Port of it; 0 takes any free one."),
    libp2pUrl: setting(
      z.string(),
      "",
      "What others dial by libp2p if it is not host and port, as /dns4/worker.example/tcp/4001.",
    ),
  },
  monitor: {
    host: setting(z.string().min(1), "127.0.0.1", "Address of /healthz, /readyz, /status and /metrics."),
    port: setting(port, 9_464, "Port of it; 0 takes any free one."),
  },
  log: {
    level: setting(
      z.enum(["debug", "info", "warn", "error", "silent"]),
      "info",
      "Least severe lines that are written.",
    ),
    format: setting(z.enum(["auto", "json", "pretty"]), "auto", "`auto` is pretty on a terminal, JSON elsewhere."),
    file: setting(z.string(), "", "Appends to this file instead of standard error."),
  },
  work: {
    models: setting(
      z.array(z.string().min(1)),
      [],
      "Folders of the models this worker runs; others are abstained from.",
    ),
    executor: setting(
      z.enum(["onnx", "reference"]),
      "onnx",
      "`reference` is slow and needs no native code; both give the same bits.",
    ),
    threads: setting(count(64), 1, "Threads of one inference."),
    maxRunning: setting(count(64), 1, "Inferences at once."),
    maxWaiting: setting(count(10_000), 32, "Inferences waiting; more are abstained from at once."),
    maxTracked: setting(count(1_000_000), 4_096, "Jobs followed at once."),
    maxInputMiB: setting(count(64), 17, "Largest sealed input taken."),
    challenge: setting(
      z.boolean(),
      true,
      "Challenge automatically when outvoted, if the free balance covers the bond.",
    ),
    watch: setting(
      z.enum(["off", "public", "all"]),
      "public",
      "Check answers that nobody audits (policy `economy`), of inputs that this worker was given: computed twice when it has nothing else to do, and challenged, with a bond, if certainly wrong and `challenge` is on. `public`: only where the output has no salt; `all` trusts each client to give all workers the same salts.",
    ),
  },
  enclave: {
    provider: setting(
      z.enum(["none", "tsm", "nitro", "simulated"]),
      "none",
      "Answer jobs that ask for an enclave: `tsm` in a TDX or SEV-SNP guest with Linux 6.7 or newer; `nitro` in an AWS Nitro enclave, by /dev/nsm; `simulated` proves nothing about hardware and works in development only.",
    ),
    model: setting(
      z.string(),
      "",
      "Folder of the model that the enclave serves, one of work.models; its key is registered for this model only.",
    ),
    collateral: setting(
      z.string(),
      "",
      "JSON bundle of Intel's collateral (CRLs, TCB info, QE identity), read again at each registration: keep it fresh. For `tsm` in a TDX guest.",
    ),
    vcek: setting(
      z.string(),
      "",
      "The chip's certificate of AMD's key server, DER or PEM, read again at each registration: a firmware update needs another. For `tsm` in a SEV-SNP guest.",
    ),
    amdChain: setting(
      z.string(),
      "",
      "PEM of AMD's signing key and root key, as AMD's key server gives it. Goes with `vcek`.",
    ),
    quoteServer: setting(z.string(), "", "Loopback URL of a development quote server. For `simulated`."),
    critical: setting(
      z.boolean(),
      false,
      "Take part in critical-enclave jobs: the registration is renewed several times a day, and where [prove] is enabled the enclave proves, by its keys and within its limits.",
    ),
    renewHours: setting(count(144), 24, "How long before its end a registration, of a week at most, is renewed."),
    watchSeconds: setting(count(3_600), 15, "Pause between looks at the registration."),
    committee: setting(
      z.enum(["none", "standard", "development"]),
      "standard",
      "Take part in the committees that clients seal inputs to before seats are known, when this enclave is drawn: `standard` rules, those of development chains, or not at all.",
    ),
  },
  attester: {
    duty: setting(
      z.enum(["off", "on", "leave"]),
      "off",
      "Verify the evidence that the verdict board draws this worker for (`assay tee attest --join` makes it an attester): `on` says so with a stake each; `leave` quits, serves what it was drawn for and takes every token back to the owner.",
    ),
    verdicts: setting(
      count(1_000),
      4,
      "Stakes of so many verdicts stay on the board; what is more is paid to the owner.",
    ),
    registry: setting(
      z.union([z.literal(""), address]),
      "",
      "Registry of enclaves whose board it is; empty: the one that the hub's router names.",
    ),
    simulatedRoot: setting(
      z.string().regex(/^(0x[0-9a-f]{64})?$/, "0x and 64 lower-case digits, or nothing"),
      "",
      "SHA-256 of a simulated root's key that counts too; in development only.",
    ),
  },
  prove: {
    enabled: setting(z.boolean(), true, "Prove stages of models that have keys, and use the court when outvoted."),
    keys: setting(z.string().min(1), "circuit-keys", "Folder of ceremony keys, a folder each."),
    cache: setting(
      z.string().min(1),
      "zk-cache",
      "Folder of compiled circuits, of what was verified about keys, and of development keys on the local chain; may be deleted.",
    ),
    openings: setting(
      z.string(),
      "",
      "Folder of openings of private weights, `<model id>/<stage>.opening` (mode 0600); empty: in each model's folder, `keys/<stage>.opening`.",
    ),
    phase1: setting(
      z.string().min(1),
      "phase1",
      "Folder of phase 1 files (powersOfTau28_hez_final_NN.ptau), with which ceremonies are verified.",
    ),
    requireVerified: setting(
      z.boolean(),
      false,
      "Abstain from votes that a key may overrule whose ceremony was not verified here.",
    ),
    prover: setting(
      z.enum(PROVER_CHOICES),
      "auto",
      "`native` is the C++ prover, which `npm run bootstrap` builds where there is a compiler; `snarkjs` is many times slower and needs none; `auto` is native where it is built, unless ASSAY_ZK_PROVER says otherwise.",
    ),
    memoryMiB: setting(count(1 << 20), 2_048, "Memory of all open proving keys together."),
    threads: setting(count(64), 2, "Threads of one proof."),
    maxWaiting: setting(count(1_000), 2, "Proofs under way and waiting; more are left to other candidates."),
  },
  checks: {
    clients: setting(
      z.array(address),
      [],
      "Addresses that may ask this worker for linear checks of private weights. Each check tells some of the weights, so only their owner should name any, and only whom it knows.",
    ),
    allowance: setting(
      z.enum(["hiding", "most"]),
      "hiding",
      "Checks that one address may ever have of one operator: `hiding` leaves half of the weights' bits unknown (none for fewer than 64 outputs); `most` tells the layer to whoever computes it.",
    ),
  },
  referee: {
    bondLimit: setting(
      z.string().regex(/^\d{0,30}$/, "token base units: digits only, or nothing"),
      "",
      "The most of the operator account's tokens that may be at stake before the referee of ciphertexts, base units; empty: all that the account holds; 0: no games, and votes on ciphertexts that nobody stands for.",
    ),
  },
  rewards: {
    claimMinutes: setting(
      z.int().min(0).max(100_000),
      60,
      "Pause between payments of earnings to the owner, minutes; 0: never.",
    ),
  },
  table: {
    upkeep: setting(z.boolean(), true, "Advance the ticket table's epoch when nobody else did."),
  },
  node: {
    drainSeconds: setting(z.int().min(0).max(86_400), 120, "How long a stopping worker finishes its seats."),
    development: setting(z.boolean(), false, "Development switches; refused unless the chain id is 31337."),
    devPort: setting(port, 0, "Loopback port of POST /dev/fault, in development only; 0 takes any free one."),
    crashAt: setting(z.string(), "", "Development only: the process kills itself at this point of the journal."),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Setting>>>>;

type Settings = typeof SETTINGS;
export type NodeConfig = {
  readonly [S in keyof Settings]: {
    readonly [N in keyof Settings[S]]: Settings[S][N] extends { schema: infer T extends z.ZodType }
      ? z.output<T>
      : never;
  };
};

/** The schema: unknown keys are errors. */
export const configSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(SETTINGS).map(([section, settings]) => [
      section,
      z.strictObject(Object.fromEntries(Object.entries(settings).map(([name, { schema }]) => [name, schema]))),
    ]),
  ),
);

const snake = (name: string) =>
  name
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .replaceAll("MI_B", "MIB")
    .toUpperCase();

/** `ASSAY_CHAIN_RPC_URL`. */
export const environmentName = (section: string, name: string) => `ASSAY_${snake(section)}_${snake(name)}`;
/** `--chain-rpc-url`. */
export const flagName = (section: string, name: string) =>
  `--${snake(section)}-${snake(name)}`.toLowerCase().replaceAll("_", "-");

/** All settings in order. */
export function* eachSetting(): Generator<{ section: string; name: string; setting: Setting }> {
  for (const [section, settings] of Object.entries(SETTINGS))
    for (const [name, one] of Object.entries(settings)) yield { section, name, setting: one };
}
