// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      The last step of the fingerprint: the public v.
// Public       rho, v.
// Private      r2_before: the sum so far; word: affine over round 1.
// Constraints  1.
// Caller       as for `HornerStep`; v occurs nowhere else.
template HornerEnd() {
    signal input rho;
    signal input r2_before;
    signal input word;
    signal input v;

    r2_before * rho === v - word;
}
