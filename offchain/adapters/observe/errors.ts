// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../core/errors.ts";

export const ObserveError = defineErrors("observe", 14, {
  LISTEN_FAILED: {
    n: 1,
    text: "The monitor cannot listen on {host}:{port}: {reason}.",
    fix: "Free the port, or set another (0 takes any).",
    retry: "later",
  },
  METRIC_LABEL_INVALID: {
    n: 2,
    text: "Metric {metric} has no label {label} with that value.",
    fix: "Add the value to METRICS in offchain/core/ports/metrics.ts; never an id or address.",
    retry: "never",
  },
  METRIC_VALUE_INVALID: {
    n: 3,
    text: "Metric {metric} cannot take that value.",
    fix: "Pass a finite number; counters only grow.",
    retry: "never",
  },
  LOG_OPEN_FAILED: {
    n: 4,
    text: "The log file {path} cannot be opened: {reason}.",
    fix: "Check the folder and its permissions.",
    retry: "never",
  },
});
