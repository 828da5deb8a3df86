// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      x is a key of the table whose LogUp sum receives r2_g (zk.md section 4).
// Public       c, the pole.
// Private      x: round 1 or weights, affine.
// Out          r2_g = 1 / (c - x).
// Constraints  1.
// Caller       adds r2_g to exactly one table's sum, and closes that sum with `TableRow`s and one `Balance`. x is committed before c
//              is known: else x can be fitted to the sum.
template Lookup() {
    signal input c;
    signal input x;
    signal output r2_g;

    r2_g <-- 1 / (c - x);
    // c = x has probability 2^-254; everywhere else this is the only solution.
    r2_g * (c - x) === 1;
}
