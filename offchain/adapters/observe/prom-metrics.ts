// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { METRICS } from "../../core/ports/metrics.ts";
import type { MetricDefinition, MetricLabels, MetricName, Metrics } from "../../core/ports/metrics.ts";
import { ObserveError } from "./errors.ts";

/** `Metrics` in Prometheus' text format. Every series of the registry exists from the start, so that rates begin at zero. */
export class PromMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #memory: Gauge;

  constructor() {
    for (const [name, definition] of Object.entries(METRICS) as [string, MetricDefinition][]) {
      const labelNames = Object.keys(definition.labels);
      const help = definition.why === undefined ? definition.help : `${definition.help} Buckets: ${definition.why}`;
      const shared = { name, help, labelNames, registers: [this.#registry] };
      if (definition.type === "counter") {
        const counter = new Counter(shared);
        for (const labels of combinations(definition.labels)) counter.inc(labels, 0);
        this.#counters.set(name, counter);
      } else if (definition.type === "gauge") {
        const gauge = new Gauge(shared);
        for (const labels of combinations(definition.labels)) gauge.set(labels, 0);
        this.#gauges.set(name, gauge);
      } else {
        this.#histograms.set(name, new Histogram({ ...shared, buckets: [...(definition.buckets ?? [])] }));
      }
    }
    this.#memory = new Gauge({
      name: "assay_process_resident_bytes",
      help: "Resident memory of this process.",
      registers: [this.#registry],
    });
  }

  count<N extends MetricName<"counter">>(name: N, labels: MetricLabels<N>, by = 1): void {
    const checked = check(name, labels, by, by >= 0);
    this.#counters.get(name)?.inc(checked, by);
  }

  set<N extends MetricName<"gauge">>(name: N, labels: MetricLabels<N>, value: number): void {
    const checked = check(name, labels, value, true);
    this.#gauges.get(name)?.set(checked, value);
  }

  observe<N extends MetricName<"histogram">>(name: N, labels: MetricLabels<N>, seconds: number): void {
    const checked = check(name, labels, seconds, seconds >= 0);
    this.#histograms.get(name)?.observe(checked, seconds);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    this.#memory.set(process.memoryUsage.rss());
    return await this.#registry.metrics();
  }
}

/** Types do not bind casts and spreads: an id as a label would grow the registry without bound and publish it. */
function check(name: MetricName, labels: object, value: number, inRange: boolean): Record<string, string> {
  const known: MetricDefinition["labels"] = METRICS[name].labels;
  const checked: Record<string, string> = {};
  const given = new Map<string, unknown>(Object.entries(labels));
  for (const label of new Set([...Object.keys(known), ...given.keys()])) {
    const found = Object.hasOwn(known, label) ? known[label]?.find((one) => one === given.get(label)) : undefined;
    if (found === undefined) {
      throw new ObserveError("METRIC_LABEL_INVALID", { metric: name, label: label.slice(0, 40) });
    }
    checked[label] = found;
  }
  if (!Number.isFinite(value) || !inRange) throw new ObserveError("METRIC_VALUE_INVALID", { metric: name });
  return checked;
}

function combinations(labels: MetricDefinition["labels"]): Record<string, string>[] {
  let rows: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [label]: value })));
  }
  return rows;
}
