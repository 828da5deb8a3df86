// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      One row of a lookup table, used m times.
// Private      r2_pole = c - x (one column) or c - x - rho * y with constants x, y; m: round 1, any field element.
// Out          r2_h = m / r2_pole.
// Constraints  1.
// Caller       builds r2_pole from the two challenges and constants; no key occurs twice in one table. m needs no range: the sums are
//              rational functions of c with distinct poles, so equal sums force m to be the number of uses (mod r, above any count).
template TableRow() {
    signal input r2_pole;
    signal input m;
    signal output r2_h;

    r2_h <-- m / r2_pole;
    r2_h * r2_pole === m;
}
