// SPDX-License-Identifier: GPL-3.0-or-later

/** The label that every simulated CA certificate carries as a critical extension: 2.25 and a UUID. */
export const SIMULATED_OID = "6982f3a6c8e1b5d09a97bce4f2a1d8c3b6e50b";
