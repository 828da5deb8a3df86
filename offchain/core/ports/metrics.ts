// SPDX-License-Identifier: MIT

interface Definition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Label name → every value it may take. Closed lists, so that no job id or address can become a label. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly buckets?: readonly number[];
  /** Why these buckets. */
  readonly why?: string;
}

const ROLES = ["seat", "prover", "requester", "watcher"] as const;
const PROTOCOLS = ["hello", "offer", "blob", "seat", "channel", "other"] as const;
const OUTCOMES = ["ok", "refused", "failed", "timeout", "aborted"] as const;

/** The registry of metrics: names are `assay_<area>_<what>_<unit>`. A new metric is one entry here. */
export const METRICS = {
  assay_jobs_open_count: { type: "gauge", help: "Jobs this node has a part in.", labels: { role: ROLES } },
  assay_jobs_ended_total: {
    type: "counter",
    help: "Jobs ended, by how.",
    labels: { outcome: ["final", "refunded", "expired", "unresolved", "abstained", "declined"] },
  },
  assay_jobs_stage_seconds: {
    type: "histogram",
    help: "Time in a phase of a stage.",
    labels: { phase: ["fetch", "open", "infer", "digest", "prove", "commit", "reveal", "submit", "total"] },
    buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    why: "1 ms is a small inference, 50 ms a 64 KiB salted digest, 1 s a devnet block, 10 s and 60 s the tWork of sets 0 and 1.",
  },
  assay_jobs_signatures_total: {
    type: "counter",
    help: "Signatures made after a journal entry.",
    labels: { kind: ["commit", "reveal", "claim", "propose", "envelope", "transaction"] },
  },
  assay_enclave_live_count: {
    type: "gauge",
    help: "1 while this worker's enclave has a live registration.",
    labels: {},
  },
  assay_enclave_expiry_seconds: {
    type: "gauge",
    help: "When the enclave's newest registration ends, Unix seconds.",
    labels: {},
  },
  assay_enclave_registrations_total: {
    type: "counter",
    help: "Registrations and renewals of the enclave's key.",
    labels: { outcome: ["ok", "failed"] },
  },
  assay_jobs_signing_refused_total: {
    type: "counter",
    help: "Second, different signatures refused by the journal.",
    labels: {},
  },
  assay_net_calls_total: {
    type: "counter",
    help: "Calls made or served.",
    labels: { side: ["client", "server"], protocol: PROTOCOLS, outcome: OUTCOMES },
  },
  assay_net_call_seconds: {
    type: "histogram",
    help: "Time of a call, dial to last byte.",
    labels: { side: ["client", "server"], protocol: PROTOCOLS },
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 5, 15, 30],
    why: "1-2 ms is a loopback call, 10 ms the hop target, 5/15/30 s the dial, idle and call limits.",
  },
  assay_net_bytes_total: { type: "counter", help: "Payload bytes moved.", labels: { direction: ["in", "out"] } },
  assay_net_connections_count: { type: "gauge", help: "Open inbound connections.", labels: {} },
  assay_net_envelopes_refused_total: {
    type: "counter",
    help: "Envelopes refused, by reason.",
    labels: { reason: ["malformed", "signature", "replay", "expired", "stranger", "recipient", "protocol", "body"] },
  },
  assay_net_boundary_faults_total: {
    type: "counter",
    help: "Boundaries of fellow seats that were wrong: bytes other than signed for, another digest than voted for, or no boundary at all.",
    labels: { reason: ["bytes", "digest", "form"] },
  },
  assay_store_blob_bytes: { type: "gauge", help: "Bytes of parts on disk.", labels: {} },
  assay_store_quota_bytes: { type: "gauge", help: "Disk quota for parts.", labels: {} },
  assay_store_commit_seconds: {
    type: "histogram",
    help: "Journal transactions, begin to durable.",
    labels: {},
    buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
    why: "0.3 ms is a commit with synchronous=FULL on an SSD, 10 ms a disk, above 100 ms the disk is in trouble.",
  },
  assay_chain_head_number: { type: "gauge", help: "Newest block seen.", labels: {} },
  assay_chain_processed_number: { type: "gauge", help: "Newest block processed.", labels: {} },
  assay_chain_reorgs_total: { type: "counter", help: "Reorganisations walked back.", labels: {} },
  assay_chain_requests_total: { type: "counter", help: "RPC requests.", labels: { outcome: ["ok", "failed"] } },
  assay_chain_transactions_total: {
    type: "counter",
    help: "Transactions sent, by end.",
    labels: { outcome: ["mined", "reverted", "replaced", "dropped"] },
  },
  assay_beacon_duty_state: { type: "gauge", help: "1 while this worker is on duty for seeds.", labels: {} },
  assay_beacon_links_count: { type: "gauge", help: "Links left of the hash chain that serves now.", labels: {} },
  assay_beacon_reveals_total: {
    type: "counter",
    help: "Preimages due, by what became of them; refused: the link is unknown or was public before its beat.",
    labels: { outcome: ["mined", "failed", "refused"] },
  },
  assay_attester_member_state: { type: "gauge", help: "1 while the verdict board may draw this worker.", labels: {} },
  assay_attester_staked_count: { type: "gauge", help: "Own verdicts whose stake the board holds.", labels: {} },
  assay_attester_slack_seconds: {
    type: "gauge",
    help: "Least time that is left for a verdict that this worker owes; -1 while it owes none.",
    labels: {},
  },
  assay_attester_verdicts_total: {
    type: "counter",
    help: "Verdicts said: of genuine evidence, or of evidence that does not verify.",
    labels: { says: ["genuine", "refused"] },
  },
  assay_attester_withheld_total: {
    type: "counter",
    help: "Looks at a case in whose vote nothing was said: clocks apart, too little free balance, evidence not shown by the endpoint, or another word than the journal holds.",
    labels: { reason: ["clock", "funds", "evidence", "changed"] },
  },
  assay_attester_ended_total: {
    type: "counter",
    help: "Own verdicts whose case is over; missed: drawn, and nothing was said in time.",
    labels: { outcome: ["stood", "overruled", "failed", "missed"] },
  },
  assay_referee_games_count: {
    type: "gauge",
    help: "Games about ciphertexts that this worker plays.",
    labels: { side: ["defender", "challenger"] },
  },
  assay_referee_bonds_count: { type: "gauge", help: "Own bonds that the referee holds.", labels: {} },
  assay_referee_slack_seconds: {
    type: "gauge",
    help: "Least time that is left for a move of this worker's; -1 while none is due.",
    labels: {},
  },
  assay_referee_ended_total: {
    type: "counter",
    help: "Own games that ended; void: the defence fell in another.",
    labels: { side: ["defender", "challenger"], outcome: ["won", "lost", "void"] },
  },
  assay_referee_refused_total: {
    type: "counter",
    help: "Bonds not given: beyond the limit, too few tokens, too little money for a whole game's gas, or the own evaluation was not what the seat voted for.",
    labels: { reason: ["limit", "tokens", "gas", "irreproducible"] },
  },
  assay_node_ready_state: { type: "gauge", help: "1 when /readyz answers 200.", labels: {} },
} as const satisfies Readonly<Record<string, Definition>>;

export type MetricDefinition = Definition;
type Registry = typeof METRICS;
export type MetricName<T extends Definition["type"] = Definition["type"]> = {
  [N in keyof Registry]: Registry[N]["type"] extends T ? N : never;
}[keyof Registry];
export type MetricLabels<N extends keyof Registry> = {
  readonly [L in keyof Registry[N]["labels"]]: Registry[N]["labels"][L] extends readonly (infer V)[] ? V : never;
};

export interface Metrics {
  count<N extends MetricName<"counter">>(name: N, labels: MetricLabels<N>, by?: number): void;
  set<N extends MetricName<"gauge">>(name: N, labels: MetricLabels<N>, value: number): void;
  observe<N extends MetricName<"histogram">>(name: N, labels: MetricLabels<N>, seconds: number): void;
}
