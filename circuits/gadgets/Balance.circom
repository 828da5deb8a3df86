// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      Closes a LogUp table: the sum over the queries equals the sum over the rows.
// Private      queries, rows: affine over round-2 wires.
// Constraints  1.
// Caller       lists every query of the table in `queries` and every row in `rows`, once.
template Balance() {
    signal input queries;
    signal input rows;

    queries === rows;
}
