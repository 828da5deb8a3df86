// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

include "LookupPair.circom";

// Purpose      (floor(t / 2^shift), y) is a row of a function's table (form T of zk.md section 4).
// Public       c, rho.
// Private      t: affine; rest = t mod 2^shift; y.
// Out          r2_g, for the function's table.
// Constraints  2.
// Caller       proves rest in [0, 2^shift) exactly: rest + 2^shift would move the row by one, a wrong rest make it a fraction.
template Requantise(shift) {
    signal input c;
    signal input rho;
    signal input t;
    signal input rest;
    signal input y;
    signal output r2_g;

    component query = LookupPair();
    query.c <== c;
    query.rho <== rho;
    query.x <== (t - rest) / 2 ** shift;
    query.y <== y;
    r2_g <== query.r2_g;
}
